"""Pair classifier: the cross-encoder's head. What do two questions' tokens, read together, say?

The means of each question's tokens, their products and gaps, and the verifier's features go
through one hidden layer. The log-odds are averaged with the verifier's, for the two err on
different pairs, and told on the verifier's scale: so a score means the same share of false hits
whoever gave it. Trained by `dev/train_pair_classifier.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cache.verification.lexical_guard import Difference
from cache.verification.quantized_embedding import Vector

PAIR_FORMAT: Final = 1
MOST_SPREAD: Final = 4.0
"""Of a standardised feature; what is further off counts as so far."""
LONGEST_PAIR: Final = 400
"""Signs of both texts; longer ones it hasn't learned from, and would take 30 ms."""


@dataclass(frozen=True, slots=True)
class PairClassifier:
    """The weights. `read_pair_classifier` makes it of the file that training writes."""

    layers: str
    """The version of the layers whose tokens it reads."""
    verifier: str
    """The version of the embedder whose verifier it is averaged with."""
    sides: Vector
    """What tells the two questions apart: added to each one's tokens; shape (2, width)."""
    feature_mean: Vector
    feature_scale: Vector
    centre: Vector
    """Of all questions' means; shape (width,)."""
    scales: Vector
    """Of products and of gaps."""
    hidden: Vector
    hidden_bias: Vector
    output: Vector
    output_bias: Vector
    doubts: Vector
    """The verifier's least and greatest score that leave a doubt."""
    odds: Vector
    """Averaged log-odds, rising, and beside them in `points` the scores that they mean."""
    points: Vector

    def joined(self, first: Vector, second: Vector) -> Vector:
        """The tokens that the upper layers read; shape (1, tokens of both, width)."""
        return np.concatenate([first + self.sides[0], second + self.sides[1]])[None]

    def log_odds(self, tokens: Vector, length: int, features: Vector) -> float:
        """Of one answer for both. tokens: of both, after the last layer; length: of the first's."""
        first = tokens[:length].mean(axis=0) - self.centre
        second = tokens[length:].mean(axis=0) - self.centre
        spread = (features - self.feature_mean) / self.feature_scale
        seen = np.concatenate(
            [
                first * second * self.scales[0],
                np.abs(first - second) * self.scales[1],
                np.clip(spread, -MOST_SPREAD, MOST_SPREAD),
            ]
        )
        inner = np.maximum(seen @ self.hidden + self.hidden_bias, 0)
        return float(inner @ self.output + self.output_bias[0])

    def score(self, verified: float, log_odds: float) -> float:
        """What verifier and cross-encoder say together, 0..1, on the verifier's scale."""
        return float(np.interp(averaged(verified, log_odds), self.odds, self.points))

    def leaves_doubt(self, verified: float, a: str, b: str, objects: Sequence[Difference]) -> bool:
        """Whether the pair is to be read together. objects: the guard's objections that count."""
        if len(a) + len(b) > LONGEST_PAIR or any(found.is_decisive for found in objects):
            return False
        return bool(self.doubts[0] <= verified < self.doubts[1])


def averaged(verified: float, log_odds: float) -> float:
    """The mean of the verifier's log-odds and the cross-encoder's."""
    sure = min(max(verified, 1e-6), 1 - 1e-6)
    return (float(np.log(sure / (1 - sure))) + log_odds) / 2


def read_pair_classifier(parts: Mapping[str, NDArray[Any]]) -> PairClassifier:
    """The classifier of a file's arrays. Raises ValueError or KeyError when they are none."""
    if int(parts["format"]) != PAIR_FORMAT:
        raise ValueError(f"format {int(parts['format'])}, not {PAIR_FORMAT}")
    names = set(PairClassifier.__dataclass_fields__) - {"layers", "verifier"}
    arrays = {name: parts[name].astype(np.float32) for name in names}
    return PairClassifier(str(parts["layers"]), str(parts["verifier"]), **arrays)
