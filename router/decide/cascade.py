"""Cascade: try a cheap tier, check its answer, escalate. Is that cheaper than to go up at once?

After FrugalGPT (Chen, Zaharia, Zou 2023): a cheap attempt is worth its price when it passes often
enough, and safe when its check catches what it gets wrong.
"""

from dataclasses import dataclass
from decimal import Decimal

from router.decide.tier_candidates import TierCandidate
from runtime.config.sections.policy import CascadeSettings


@dataclass(frozen=True, slots=True)
class ExpectedOutcome:
    """What a cascade brings on average."""

    cost: Decimal
    """Micro-dollars."""

    success: float
    """Share of good answers it ends with, 0..1."""

    escalated: float
    """Share of requests that go on to the strong tier, 0..1."""


def expect(
    cheap: tuple[Decimal, float], strong: tuple[Decimal, float], rules: CascadeSettings
) -> ExpectedOutcome:
    """What trying `cheap` first and escalating to `strong` brings; each is (cost, success)."""
    (cheap_cost, cheap_success), (strong_cost, strong_success) = cheap, strong
    caught = (1 - cheap_success) * rules.verifier_catches
    false_alarms = cheap_success * rules.verifier_false_alarms
    escalated = caught + false_alarms
    return ExpectedOutcome(
        cost=cheap_cost + Decimal(escalated) * strong_cost,
        success=cheap_success - false_alarms + escalated * strong_success,
        escalated=escalated,
    )


def plan_cascade(
    first: TierCandidate,
    strong: TierCandidate | None,
    direct: TierCandidate,
    floor: float,
    rules: CascadeSettings,
) -> str | None:
    """Why to try `first` before `strong` in place of `direct`; None = don't."""
    if strong is None or first.tier == direct.tier:
        return None
    if first.cost is None or strong.cost is None or direct.cost is None:
        return None
    expected = expect((first.cost, first.success.mean), (strong.cost, strong.success.mean), rules)
    if expected.cost >= direct.cost or expected.success < floor:
        return None
    return (
        f"cascade: {first.tier} first, checked; {expected.escalated:.0%} go on to {strong.tier}: "
        f"{expected.cost / direct.cost:.0%} of the price of {direct.tier} at once"
    )
