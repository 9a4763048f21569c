"""How likely is each tier to answer a request well, and how much does the strongest one add?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from router.features import Features
from router.tasks import Task


@dataclass(frozen=True, slots=True)
class Estimate:
    """A probability of success; low..high is where it lies in nine cases of ten."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scores:
    """need: 0..1, how much the strongest tier adds; reason: why, in words.

    average: success of the lowest and of the highest class of models on this kind of task;
    hardness: how much harder than its task's average this prompt is, in logits; width: how far
    the truth may be from the estimate, in logits, nine times of ten.
    """

    need: float
    average: tuple[float, float]
    hardness: float
    width: float
    reason: str

    def success(self, rank: int, tiers: int, measured: float | None = None) -> Estimate:
        """That of the tier at `rank` (0 = cheapest) of `tiers`.

        measured: the tier's share of good answers at this task, in place of our assumption.
        """
        share = 1.0 if tiers == 1 else rank / (tiers - 1)
        low, high = map(_logit, self.average)
        average = low + share * (high - low) if measured is None else _logit(measured)
        logit = average - self.hardness * (1 - share / 2)
        return Estimate(*(_sigmoid(logit + d) for d in (0.0, -self.width, self.width)))


_PRIOR: Final[Mapping[Task, tuple[float, float]]] = {
    "classify": (0.95, 0.98),
    "extract": (0.94, 0.98),
    "summarise": (0.92, 0.97),
    "translate": (0.92, 0.97),
    "rewrite": (0.94, 0.98),
    "chat": (0.93, 0.97),
    "question": (0.88, 0.96),
    "creative": (0.88, 0.96),
    "code": (0.78, 0.94),
    "math": (0.74, 0.95),
    "reasoning": (0.76, 0.94),
    "legal": (0.70, 0.92),
    "medical": (0.74, 0.93),
    "agent": (0.78, 0.93),
}
"""Success of the lowest and highest class of models on an average prompt of the task.

Our assumption, until a profile or outcomes say better.
"""

_WIDTH: Final = 1.0
_EPSILON: Final = 1e-3


def score(features: Features) -> Scores:
    """The estimates from the features alone: no I/O, no embedding."""
    low, high = _PRIOR[features.task]
    size = math.log2(1 + features.question_tokens)
    hardness = max(-2.0, min(2.0, (size - 6) / 2))
    need = _sigmoid(2 * (_logit(high) - _logit(low) - 1.5) + hardness)
    reason = f"looks like {features.task}; {features.question_tokens} tokens to answer"
    return Scores(need, (low, high), hardness, _WIDTH, reason)


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def _logit(probability: float) -> float:
    inside = min(1 - _EPSILON, max(_EPSILON, probability))
    return math.log(inside / (1 - inside))
