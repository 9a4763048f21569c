"""Ledger store retry: how long a store is waited for that is locked or away."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from observability.retry import RetryPolicy

_T = TypeVar("_T")
_log: Final = logging.getLogger(__name__)
_UNREMARKABLE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class StoreRetry:
    """Tries again every `retry_s` for `wait_s` in all; says so if it takes more than a moment."""

    wait_s: float = 60
    retry_s: float = 1
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def until_done(
        self, name: str, act: Callable[[], _T], passes: Callable[[Exception], bool]
    ) -> _T:
        """What `act` returns. An error that doesn't pass, or not in time, is raised as it came."""
        said = False

        def report(error: Exception, waited_s: float) -> None:
            nonlocal said
            if waited_s > _UNREMARKABLE_S and not said:
                _log.warning("waiting for the ledger in %s: %s", name, error)
                said = True

        policy = RetryPolicy(self.retry_s, give_up_after_s=self.wait_s)
        return policy.run_blocking(act, transient=passes, on_retry=report, sleep=self.sleep)


SERVER_RETRY: Final = StoreRetry()
