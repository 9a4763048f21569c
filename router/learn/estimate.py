"""Success probability with its interval, and the logit scale it is reckoned on."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

_BOUND: Final = 30.0
"""Logits beyond which `exp` says nothing new, and further out overflows."""

_EPSILON: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Estimate:
    """A probability of success, 0..1; low..high is where it lies in nine cases of ten."""

    mean: float
    low: float
    high: float


OutcomeKey: TypeAlias = tuple[str, str, str]
"""(tenant, task, tier)."""

PosteriorSuccess: TypeAlias = Callable[[OutcomeKey, Estimate], Estimate]
"""(key, estimate before any outcome) → the estimate after what outcomes have taught."""


def prior_only(_key: OutcomeKey, prior: Estimate) -> Estimate:
    """The posterior of a router without outcomes: the prior as it is."""
    return prior


def sigmoid(value: float) -> float:
    """The probability of a logit."""
    return 1 / (1 + math.exp(-max(-_BOUND, min(_BOUND, value))))


def logit(probability: float) -> float:
    """The logit of a probability, kept away from certainty."""
    inside = min(1 - _EPSILON, max(_EPSILON, probability))
    return math.log(inside / (1 - inside))
