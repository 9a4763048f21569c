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

PAIR_FORMAT: Final = 2
MOST_SPREAD: Final = 4.0
"""Of a standardised feature; what is further off counts as so far."""
IN_ENGLISH: Final = "en"
LONGEST_PAIR: Final = 400
"""Signs of both texts; longer ones it hasn't learned from, and would take 30 ms."""


@dataclass(frozen=True, slots=True)
class PairScale:
    """What both models' words mean for questions of a class of languages."""

    share: float
    """The cross-encoder's of the averaged log-odds, 0..1; the rest is the verifier's."""
    least: float
    """The least score of the verifier's that leaves a doubt."""
    sure: float
    """From this score on there is none."""
    odds: Vector
    """Averaged log-odds, rising, and beside them in `points` the scores that they mean."""
    points: Vector

    def averaged(self, verified: float, log_odds: float) -> float:
        """The verifier's log-odds and the cross-encoder's, averaged."""
        certain = min(max(verified, 1e-6), 1 - 1e-6)
        odds = float(np.log(certain / (1 - certain)))
        return (1 - self.share) * odds + self.share * log_odds

    def score(self, verified: float, log_odds: float) -> float:
        """What verifier and cross-encoder say together, 0..1, on the verifier's scale."""
        return float(np.interp(self.averaged(verified, log_odds), self.odds, self.points))


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
    english: PairScale
    others: PairScale
    """Of questions in another language, or of which one isn't English."""

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

    def scale(self, language: str | None) -> PairScale:
        """The scale of a pair's language, as `language_of_both` tells it."""
        return self.english if language == IN_ENGLISH else self.others

    def leaves_doubt(
        self, verified: float, a: str, b: str, objects: Sequence[Difference], language: str | None
    ) -> bool:
        """Whether the pair is to be read together. objects: the guard's objections that count."""
        if len(a) + len(b) > LONGEST_PAIR or any(found.is_decisive for found in objects):
            return False
        scale = self.scale(language)
        return scale.least <= verified < scale.sure


def objections_to_reading(
    differences: tuple[Difference, ...], language: str | None
) -> tuple[Difference, ...]:
    """The guard's objections that count where both texts have been read. language: of both.

    What isn't decisive goes by English words and capitals; in other languages it tells of numbers
    alone, and the scores' meaning was measured without it.
    """
    if language == IN_ENGLISH:
        return differences
    return tuple(found for found in differences if found.is_decisive or found.detail == "number")


def language_of_both(a: str | None, b: str | None) -> str | None:
    """The language of a pair; None where its questions have two, or it isn't known."""
    return a if a == b else None


def read_pair_classifier(parts: Mapping[str, NDArray[Any]]) -> PairClassifier:
    """The classifier of a file's arrays. Raises ValueError or KeyError when they are none."""
    if int(parts["format"]) != PAIR_FORMAT:
        raise ValueError(f"format {int(parts['format'])}, not {PAIR_FORMAT}")
    names = set(PairClassifier.__dataclass_fields__) - {"layers", "verifier", "english", "others"}
    arrays = {name: parts[name].astype(np.float32) for name in names}
    return PairClassifier(
        layers=str(parts["layers"]),
        verifier=str(parts["verifier"]),
        english=_read_scale(parts, "english"),
        others=_read_scale(parts, "others"),
        **arrays,
    )


def _read_scale(parts: Mapping[str, NDArray[Any]], name: str) -> PairScale:
    share, least, sure = map(float, parts[f"{name}_share_and_doubts"])
    odds, points = (parts[f"{name}_{of}"].astype(np.float32) for of in ("odds", "points"))
    return PairScale(share, least, sure, odds, points)
