"""Success model: how likely is each tier to answer well, and how much does the strongest add?

A weighted sum of a few signals (`router/text/difficulty_features.py`), with weights from
`router/serve/difficulty.json`: hand-reasoned priors that training moves only as far as the data
insists (`dev/train_router.py`). On unseen kinds of prompts, richer models did worse than counting
tokens; the card, `docs/model-card-router.md`, has the figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from router.learn.estimate import Estimate, logit, sigmoid
from router.text.difficulty_features import DifficultyFeature, difficulty_features
from router.text.features import Features
from router.text.task_cues import Task


@dataclass(frozen=True, slots=True)
class Scores:
    """What the text alone says of a request."""

    need: float
    """How much the strongest tier adds, 0..1."""

    average: tuple[float, float]
    """Success of an economy and of a premium model on this kind of task."""

    hardness: float
    """How much harder than usual this prompt is, in logits."""

    width: float
    """How far the truth may be from the estimate, in logits, nine times of ten."""

    reason: str
    """Why, in words."""

    def success(self, standing: float, measured: float | None = None) -> Estimate:
        """That of a model.

        standing: 0 = economy, 1 = premium; below 0 are the small ones. measured: its share of good
        answers at this task, in place of our assumption. What makes a prompt need the strong model
        costs the cheap ones: over our recorded prompts, need goes with the weak model's failures
        (correlation 0.1), against the strong model's (-0.1).
        """
        low, high = map(logit, self.average)
        average = low + standing * (high - low) if measured is None else logit(measured)
        # hardness counts in full for the cheap ones, not for the top; an easy prompt doesn't make
        # a small model better than its class
        hardness = self.hardness if standing >= 0 else max(0.0, self.hardness)
        centre = average - hardness * min(1.0, 1 - standing)
        return Estimate(sigmoid(centre), sigmoid(centre - self.width), sigmoid(centre + self.width))


@dataclass(frozen=True, slots=True)
class SuccessModel:
    """A trained model."""

    version: str
    """The data and the code it came from."""

    weights: Mapping[DifficultyFeature, float]


_AVERAGE: Final[Mapping[Task, tuple[float, float]]] = {
    "classify": (0.95, 0.98),
    "extract": (0.94, 0.98),
    "summarise": (0.92, 0.97),
    "translate": (0.92, 0.97),
    "rewrite": (0.94, 0.98),
    "chat": (0.93, 0.97),
    "lookup": (0.90, 0.96),
    "question": (0.88, 0.96),
    "creative": (0.90, 0.96),
    "code": (0.78, 0.94),
    "math": (0.74, 0.95),
    "reasoning": (0.76, 0.94),
    "legal": (0.70, 0.92),
    "medical": (0.74, 0.93),
    "agent": (0.78, 0.93),
}
"""Success of economy and premium models on an average prompt of the task: our assumption, until an
evaluation, a profile or outcomes say better."""

_SLOPE: Final = 0.5
"""Logits of success per unit of difficulty: 0.06 of gain per unit at the data's base rates."""

_WIDTH: Final = 1.0
_WORTH_SAYING: Final = 0.3


def score_features(features: Features, model: SuccessModel) -> Scores:
    """The estimates from the features alone: no embedding, no call."""
    values = difficulty_features(features)
    parts = {name: model.weights[name] * value for name, value in values.items()}
    difficulty = sum(parts.values())
    own = sum(value for name, value in parts.items() if name in _WITHIN_TASK)
    return Scores(
        need=sigmoid(difficulty),
        average=_AVERAGE[features.task],
        hardness=_SLOPE * own,
        width=_WIDTH,
        reason=_in_words(features, parts),
    )


_WITHIN_TASK: Final[frozenset[DifficultyFeature]] = frozenset(
    ["length", "echoed", "numeric_options", "statements", "relations", "constraints", "foreign"]
)
"""What makes a prompt harder than others of its task; the task's own share is in `_AVERAGE`."""


def _in_words(features: Features, parts: Mapping[DifficultyFeature, float]) -> str:
    """The kind of work and the two signals that weigh most."""
    weights = {name: abs(value) for name, value in parts.items()}
    heaviest = sorted(weights, key=weights.__getitem__, reverse=True)[:2]
    weighty = [f"{name} {parts[name]:+.1f}" for name in heaviest if weights[name] > _WORTH_SAYING]
    return f"looks like {features.task}" + (f" ({', '.join(weighty)})" if weighty else "")
