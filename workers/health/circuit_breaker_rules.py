"""How can a call end for its deployment, and when is that reason enough to stay away from it?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Reason: TypeAlias = Literal[
    "failures", "slow", "rate_limited", "overloaded", "quota", "misconfigured", "forced"
]


# --------------------------------------------------------------------------- how a call ended


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The call was answered; `slow`: later than anyone should have to wait."""

    slow: bool = False


@dataclass(frozen=True, slots=True)
class CallFailure:
    """The deployment let the caller down."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Says nothing about the deployment: cancelled, or refused for what the caller sent."""


@dataclass(frozen=True, slots=True)
class Tripped:
    """Stay away for `for_s` seconds, or for the reason's own cooldown when nobody said how long."""

    reason: Reason
    for_s: float | None = None


BreakerSignal: TypeAlias = Succeeded | CallFailure | Ignored | Tripped


# ------------------------------------------------------------------------------------- rules


@dataclass(frozen=True, slots=True)
class Cooldown:
    """Seconds until the first probe; doubles with every failed one up to `most_s`."""

    first_s: float
    most_s: float

    def after(self, trips: int) -> float:
        """Seconds to stay open after `trips` openings in a row (1 = the first)."""
        return min(self.most_s, self.first_s * 2.0 ** min(trips - 1, 30))


COOLDOWNS: Final[Mapping[Reason, Cooldown]] = MappingProxyType(
    {
        "failures": Cooldown(0.5, 1),
        "slow": Cooldown(0.5, 1),
        "rate_limited": Cooldown(1, 30),
        "overloaded": Cooldown(1, 8),
        "quota": Cooldown(300, 3600),
        "misconfigured": Cooldown(30, 300),
        "forced": Cooldown(0, 0),
    }
)
"""What can heal by itself is probed often (a probe falls back to another target, so it costs a
round trip, not an answer); what a person must mend is probed seldom."""


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a breaker opens, and how it finds out that it may close.

    consecutive: failures or slow calls in a row, and among them nothing better. The ratios are of
    the calls of the last `window_s` seconds, once there were `min_calls`.
    slow_after_s: a first token later than this is slow, and so is one later than slow_factor times
    what is typical, if that is over patient_s; a time-out sooner than that is the caller's
    impatience. probes: calls admitted at once while
    half-open; recheck_s: when to ask again if they are taken.
    """

    consecutive: int = 5
    window_s: float = 10
    min_calls: int = 20
    failure_ratio: float = 0.5
    slow_ratio: float = 0.6
    slow_after_s: float = 20
    slow_factor: float = 4
    patient_s: float = 2
    probes: int = 3
    successes_to_close: int = 2
    probe_lease_s: float = 30
    recheck_s: float = 0.1
    cooldowns: Mapping[Reason, Cooldown] = field(default_factory=lambda: COOLDOWNS)
