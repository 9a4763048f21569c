"""Success probability with its interval, and the logit scale it is reckoned on."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

_BOUND: Final = 30.0
"""Logits beyond which `exp` says nothing new, and further out overflows."""

_EPSILON: Final = 1e-3

_LEAST_WIDTH: Final = 0.15
"""Logits to either side of an estimate, however many outcomes it rests on."""

_NINE_IN_TEN: Final = 1.645
"""Standard deviations to either side that hold nine cases of ten."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A probability of success, 0..1; low..high is where it lies in nine cases of ten."""

    mean: float
    low: float
    high: float


OutcomeKey: TypeAlias = tuple[str, str, str]
"""(tenant, task, who answered): a tier, or a model as `served_by` names it."""


def served_by(model: str) -> str:
    """A model's name among those who answer; no tier's name has a colon."""
    return f"model:{model}"


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


def logit_standard_error(success: float, outcomes: float) -> float:
    """The standard deviation of a success rate after that many outcomes, in logits."""
    return 1 / math.sqrt(success * (1 - success) * outcomes + 1)


def estimate_around(mean: float, outcomes: float) -> Estimate:
    """The estimate whose mean rests on so many outcomes."""
    width = max(_LEAST_WIDTH, _NINE_IN_TEN * logit_standard_error(mean, outcomes))
    return Estimate(mean, sigmoid(logit(mean) - width), sigmoid(logit(mean) + width))
