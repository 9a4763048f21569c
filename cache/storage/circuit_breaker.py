"""How long may the cache's helpers hold up a request, and when is it better not to ask them?

Closed: ask. Open: don't, until `until`. Half open: one asks, the others don't. All transitions are
in this file; `now` is in seconds.
"""

from dataclasses import dataclass, replace
from typing import Final

FAILURES_TO_OPEN: Final = 5
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class DependencyBreaker:
    """failures in a row; until: ask nothing before; pause_s: the last pause; probing: one asks."""

    failures: int = 0
    open_until: float = 0.0
    pause_s: float = 0.0
    probing_until: float = 0.0

    def allows(self, now: float) -> bool:
        """Whether a question may be put now."""
        return self.pause_s == 0.0 or (now >= self.open_until and now >= self.probing_until)

    def after_call(self, now: float) -> "DependencyBreaker":
        """A question was put: when it is the probe, the others wait for it."""
        return self if self.pause_s == 0.0 else replace(self, probing_until=now + FIRST_PAUSE_S)

    def after_success(self) -> "DependencyBreaker":
        """An answer came in time."""
        return _CALM if self != _CALM else self

    def after_failure(self, now: float) -> "DependencyBreaker":
        """Too late, or an error: after a few in a row, pauses that double."""
        failures = self.failures + 1
        if failures < FAILURES_TO_OPEN:
            return replace(self, failures=failures)
        pause = min(max(FIRST_PAUSE_S, 2 * self.pause_s), LONGEST_PAUSE_S)
        return DependencyBreaker(failures, now + pause, pause)


_CALM: Final = DependencyBreaker()
