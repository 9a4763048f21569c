"""Health rules of deployments: when their circuit breakers open, and which of their calls are slow.

What can heal by itself is probed often (a probe falls back to another target, so it costs a round
trip, not an answer); what a person must mend is probed seldom.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from runtime.circuit_breaker.rules import BreakerRules, Cooldown, FailureRatios

DEPLOYMENT_BREAKER: Final = BreakerRules(
    consecutive=5,
    cooldown=Cooldown(0.5, 1),
    cooldowns=MappingProxyType(
        {
            "rate_limited": Cooldown(1, 30),
            "overloaded": Cooldown(1, 8),
            "quota": Cooldown(300, 3600),
            "misconfigured": Cooldown(30, 300),
        }
    ),
    ratios=FailureRatios(window_s=10, min_calls=20, failed=0.5, slow=0.6),
    probes=3,
    successes_to_close=2,
)


@dataclass(frozen=True, slots=True)
class HealthRules:
    """The breakers' rules, and the times by which a call counts as slow (seconds)."""

    breaker: BreakerRules = DEPLOYMENT_BREAKER
    slow_after_s: float = 20
    """A first token later than this is slow."""
    slow_factor: float = 4
    """So is one later than this many times what is typical, if that is over `fair_wait_s`."""
    fair_wait_s: float = 2
    """A time-out sooner than this was the caller's short deadline, not the deployment's fault."""
