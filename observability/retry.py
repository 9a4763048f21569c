"""Retry policy: backoff between attempts, and when to give up. One for every loop of a service.

The attempts are tenacity's. The client has its own two loops (`producers.kafka`), since its wheel
needs no more than it must.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_delay,
    wait_exponential,
)

_T = TypeVar("_T")
Transient: TypeAlias = Callable[[Exception], bool]
"""Whether a failure may pass by itself; any other one is raised as it came."""
OnRetry: TypeAlias = Callable[[Exception, float], None]
"""Called before each pause with the failure and the seconds since the first one: to log it."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait between attempts, and for how long in all (seconds)."""

    pause_s: float
    """Before the second attempt."""
    longest_pause_s: float | None = None
    """Up to which the pause doubles each time; None: it stays the same."""
    give_up_after_s: float = math.inf
    """A failure after this time is raised."""

    async def run(
        self, attempt: Callable[[], Awaitable[_T]], *, transient: Transient, on_retry: OnRetry
    ) -> _T:
        """What `attempt` returns once it succeeds. Cancelled, it ends at once."""
        try:
            # tenacity costs 30 microseconds: paid by those that fail, not by every record
            return await attempt()
        except Exception as error:
            if not transient(error):
                raise
            failure: Exception | None = error

        async def next_attempt() -> _T:
            nonlocal failure
            if failure is not None:
                error, failure = failure, None
                raise error
            return await attempt()

        retrying = AsyncRetrying(sleep=asyncio.sleep, **self._options(transient, on_retry))
        return await retrying(next_attempt)

    def run_blocking(
        self,
        attempt: Callable[[], _T],
        *,
        transient: Transient,
        on_retry: OnRetry,
        sleep: Callable[[float], None] = time.sleep,
    ) -> _T:
        """As `run`, for a thread that may wait."""
        return Retrying(sleep=sleep, **self._options(transient, on_retry))(attempt)

    def _options(self, transient: Transient, on_retry: OnRetry) -> dict[str, Any]:
        def before_sleep(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome is not None else None
            if isinstance(error, Exception):
                on_retry(error, state.seconds_since_start or 0)

        longest_s = self.pause_s if self.longest_pause_s is None else self.longest_pause_s
        return {
            # a cancellation is no Exception: it isn't retried
            "retry": retry_if_exception(lambda e: isinstance(e, Exception) and transient(e)),
            "wait": wait_exponential(multiplier=self.pause_s, max=longest_s),
            "stop": stop_after_delay(self.give_up_after_s),
            "before_sleep": before_sleep,
            "reraise": True,
        }
