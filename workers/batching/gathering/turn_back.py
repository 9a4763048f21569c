"""Turn-back time: until when may a request stay in a batch and still be answered at its tier?

Nothing of a batch can be read before its end, so it is cancelled first, what was done is read, and
only the rest is called at the tier, all at once. So the moment is the deadline less the time of a
cancellation, less the time in which the tier can drain the rest, less a margin.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TurnBackRules:
    """Times in seconds."""

    margin_s: float = 300.0
    tier_tokens_per_min: float = 2_000_000.0
    """What the tier can take beside its own traffic, as long as nothing better is known."""
    cancel_s: float = 900.0


def drain_s(tokens: int, rules: TurnBackRules) -> float:
    """The time in which the tier can do so many tokens."""
    return tokens / rules.tier_tokens_per_min * 60


def cancel_at(deadline_s: float, tokens: int, rules: TurnBackRules) -> float:
    """When a batch is to be cancelled so that its deadline is kept. Unix seconds."""
    return return_at(deadline_s, tokens, rules) - rules.cancel_s


def return_at(deadline_s: float, tokens: int, rules: TurnBackRules) -> float:
    """When its requests must go to their tier, whether it has ended or not. Unix seconds."""
    return deadline_s - drain_s(tokens, rules) - rules.margin_s
