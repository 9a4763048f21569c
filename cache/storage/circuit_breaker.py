"""Circuit breaker of Redis and the embedder: closed, open, half-open. May it be called now?

Closed: call. Open: don't, before `open_until`. Half-open: one caller probes, the others don't. All
transitions are in this file; `now` is in seconds of a monotonic clock.
"""

from dataclasses import dataclass, replace
from typing import Final

FAILURES_TO_OPEN: Final = 5
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class DependencyBreaker:
    """The state of one dependency."""

    failures: int = 0
    """In a row."""
    open_until: float = 0.0
    pause_s: float = 0.0
    """The last pause; 0: closed."""
    probing_until: float = 0.0
    """Until then a probe is under way: nobody else calls."""

    def allows(self, now: float) -> bool:
        """Whether it may be called now."""
        return self.pause_s == 0.0 or (now >= self.open_until and now >= self.probing_until)

    def after_call(self, now: float) -> "DependencyBreaker":
        """A call was made: when it is the probe, the others wait for it."""
        return self if self.pause_s == 0.0 else replace(self, probing_until=now + FIRST_PAUSE_S)

    def after_success(self) -> "DependencyBreaker":
        """An answer came in time."""
        return _CLOSED if self != _CLOSED else self

    def after_failure(self, now: float) -> "DependencyBreaker":
        """Too late, or an error: after a few in a row, pauses that double."""
        failures = self.failures + 1
        if failures < FAILURES_TO_OPEN:
            return replace(self, failures=failures)
        pause = min(max(FIRST_PAUSE_S, 2 * self.pause_s), LONGEST_PAUSE_S)
        return DependencyBreaker(failures, now + pause, pause)


_CLOSED: Final = DependencyBreaker()
