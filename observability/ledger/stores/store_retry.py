"""How long is a store waited for that is locked or away?"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

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
        begun, told = time.monotonic(), False
        while True:
            try:
                return act()
            except Exception as error:
                waited = time.monotonic() - begun
                if not passes(error) or waited > self.wait_s:
                    raise
                if waited > _UNREMARKABLE_S and not told:
                    _log.warning("waiting for the ledger in %s: %s", name, error)
                    told = True
                self.sleep(self.retry_s)


PATIENT: Final = StoreRetry()
