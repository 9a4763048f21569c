"""Token alignment features: soft matching of word pieces. Has each word its counterpart?

Word pieces are matched by their vectors in context. Rare pieces weigh more: WordPiece numbers its
vocabulary by frequency, so the number itself tells how rare a piece is.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cache.verification.quantized_embedding import QuantizedEmbedding, Vector

SIDE_FEATURES: Final = (
    "mean",
    "weighted",
    "least",
    "unshared_least",
    "unshared_weighted",
    "unshared_gap",
    "unshared_widest",
)
ALIGNMENT_FEATURES: Final = (
    "cosine",
    *(f"{name}_lower" for name in SIDE_FEATURES),
    *(f"{name}_upper" for name in SIDE_FEATURES),
    "unshared_cosine",
    "unshared_best",
    "unshared_match",
    "shared_least",
    "shared_mean",
    "first_piece",
    "last_piece",
)
_COMMON: Final = 6.5
"""Natural logarithm of the vocabulary numbers (about 650) below which pieces are function words."""


def alignment_features(a: QuantizedEmbedding, b: QuantizedEmbedding) -> list[float]:
    """The values of ALIGNED; symmetric in a and b."""
    cosine = float(a.sentence @ b.sentence)
    if not len(a.ids) or not len(b.ids):
        return [cosine] + [0.0] * (len(ALIGNMENT_FEATURES) - 1)
    # cosines of every piece with every piece, (pieces of a, pieces of b)
    likeness = a.tokens @ b.tokens.T
    same = a.ids[:, None] == b.ids[None, :]
    side_a = _Side.of(a, np.maximum.reduce(likeness, axis=1), np.logical_or.reduce(same, axis=1))
    side_b = _Side.of(b, np.maximum.reduce(likeness, axis=0), np.logical_or.reduce(same, axis=0))
    shared = likeness[same]
    if not len(shared):
        shared = np.zeros(1, np.float32)
    both = [*zip(side_a.features(), side_b.features(), strict=True)]
    return [
        cosine,
        *map(min, both),
        *map(max, both),
        *_unshared(side_a, side_b, likeness),
        _least(shared),
        _mean(shared),
        float(likeness[0, 0]),
        float(likeness[-1, -1]),
    ]


@dataclass(frozen=True, slots=True)
class _Side:
    """One question's view: how well its pieces are matched, all and those the other lacks."""

    best: Vector
    rarity: Vector
    matched: Vector
    """`best` of the pieces that the other lacks; what differs is there, the rest agrees anyway."""
    weight: Vector
    """Their rarity."""
    new: NDArray[np.bool_]
    tokens: Vector

    @staticmethod
    def of(question: QuantizedEmbedding, best: Vector, shared: NDArray[np.bool_]) -> "_Side":
        new, rarity = ~shared, _rarity(question.ids)
        return _Side(best, rarity, best[new], rarity[new], new, question.tokens)

    def features(self) -> list[float]:
        """The values of SIDE_FEATURES."""
        best, matched, weight = self.best, self.matched, self.weight
        whole = [_mean(best), float(best @ self.rarity / np.add.reduce(self.rarity)), _least(best)]
        if not len(matched):
            return [*whole, 1.0, 1.0, 0.0, 0.0]
        gaps = weight * (1 - matched)
        weighted = float(matched @ weight / np.add.reduce(weight))
        total, widest = float(np.add.reduce(gaps)), float(np.maximum.reduce(gaps))
        return [*whole, _least(matched), weighted, total, widest]

    def remainder(self) -> Vector:
        """The sum of the pieces that the other lacks, by their weight."""
        rest: Vector = self.weight @ self.tokens[self.new]
        return rest


# the arrays are short: numpy's ufuncs take a third of the time of its methods, for the same value
def _mean(values: Vector) -> float:
    return float(np.add.reduce(values) / np.float32(len(values)))


def _least(values: Vector) -> float:
    return float(np.minimum.reduce(values))


def _rarity(ids: NDArray[np.int32]) -> Vector:
    """The weight of each piece: near 0 for function words, up to 3.8 for the rarest."""
    return np.maximum(np.log(ids.astype(np.float32)) - _COMMON, np.float32(0.05))


def _unshared(a: _Side, b: _Side, likeness: Vector) -> list[float]:
    """How alike the two remainders are: their sums, their best pair, their mean match."""
    if not len(a.matched) or not len(b.matched):
        neither = 0.5 if len(a.matched) or len(b.matched) else 1.0
        return [neither] * 3
    rest_a, rest_b = a.remainder(), b.remainder()
    lengths = float(np.sqrt(rest_a @ rest_a) * np.sqrt(rest_b @ rest_b)) + 1e-9
    between = likeness[a.new][:, b.new]
    best_a, best_b = np.maximum.reduce(between, axis=1), np.maximum.reduce(between, axis=0)
    match = (_mean(best_a) + _mean(best_b)) / 2
    return [float(rest_a @ rest_b) / lengths, float(np.maximum.reduce(best_a)), match]
