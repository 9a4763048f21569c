"""Circuit breaker rules and signals: how a call can end, and when that is reason enough to open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Reason: TypeAlias = Literal[
    "failures", "slow", "rate_limited", "overloaded", "quota", "misconfigured", "forced"
]
"""Why a breaker is open: `failures` and `slow` are counted, the others are what somebody said."""


# --------------------------------------------------------------------------- how a call ended


@dataclass(frozen=True, slots=True)
class CallOrigin:
    """Whose call it was, where its end may be the sender's own doing."""

    tenant: str
    request: str | None = None
    """The same for calls that ask the same."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The call was answered; `slow`: later than anyone should have to wait."""

    slow: bool = False
    origin: CallOrigin | None = None


SUCCEEDED: Final = Succeeded()
"""What nearly every call says: one for all of them."""


@dataclass(frozen=True, slots=True)
class CallFailure:
    """What was called let the caller down."""

    origin: CallOrigin | None = None
    """None: it would have failed for anybody, as when there is no connection."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Says nothing about what was called: cancelled, or refused for what the caller sent."""


IGNORED: Final = Ignored()
"""One for all, as `SUCCEEDED`."""


@dataclass(frozen=True, slots=True)
class Tripped:
    """Stay away for `for_s` seconds, or for the reason's own cooldown when nobody said how long."""

    reason: Reason
    for_s: float | None = None
    tenant: str | None = None
    """Whose call was told so, if that may be its own doing; None: it holds for everybody."""


BreakerSignal: TypeAlias = Succeeded | CallFailure | Ignored | Tripped


# ------------------------------------------------------------------------------------- rules


@dataclass(frozen=True, slots=True)
class Cooldown:
    """Seconds until the first probe; doubles with every failed one up to `most_s`."""

    first_s: float
    most_s: float

    def after(self, openings: int) -> float:
        """Seconds to stay open after `openings` in a row (1 = the first)."""
        return min(self.most_s, self.first_s * 2.0 ** min(openings - 1, 30))


@dataclass(frozen=True, slots=True)
class FailureRatios:
    """Opens on the share of bad calls in a sliding window, besides on those in a row."""

    window_s: float
    min_calls: int
    """Calls in the window below which its shares say nothing."""
    failed: float
    slow: float


_NO_COOLDOWNS: Final[Mapping[Reason, Cooldown]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a breaker opens, and how it finds out that it may close."""

    consecutive: int
    """Opens after so many failures or slow calls in a row, and among them nothing better."""
    cooldown: Cooldown
    cooldowns: Mapping[Reason, Cooldown] = field(default_factory=lambda: _NO_COOLDOWNS)
    """Those of reasons that have another than `cooldown`."""
    ratios: FailureRatios | None = None
    probes: int = 1
    """Calls at once while half-open, once the first has succeeded."""
    successes_to_close: int = 1
    probe_lease_s: float = 30
    """A probe that has not reported after this many seconds frees its place."""
    recheck_s: float = 0.1
    """When to ask again if all places are taken."""

    def stay_open_s(self, signal: Tripped, openings: int) -> float:
        """Seconds to stay open: what the signal says, else the cooldown of its reason."""
        if signal.for_s is not None:
            return signal.for_s
        return self.cooldowns.get(signal.reason, self.cooldown).after(openings)
