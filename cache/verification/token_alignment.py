"""Token alignment features: soft matching of word pieces. Has each word its counterpart?

Word pieces are matched by their vectors in context. Rare pieces weigh more: WordPiece numbers its
vocabulary by frequency, so the number itself tells how rare a piece is.
"""

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
    # pieces that the other question lacks: what differs is there, the rest agrees anyway
    new_a, new_b = ~same.any(axis=1), ~same.any(axis=0)
    side_a = _side(likeness.max(axis=1), _rarity(a.ids), new_a)
    side_b = _side(likeness.max(axis=0), _rarity(b.ids), new_b)
    shared = likeness[same] if same.any() else np.zeros(1, np.float32)
    return [
        cosine,
        *np.minimum(side_a, side_b).tolist(),
        *np.maximum(side_a, side_b).tolist(),
        *_unshared(a, b, likeness, new_a, new_b),
        float(shared.min()),
        float(shared.mean()),
        float(likeness[0, 0]),
        float(likeness[-1, -1]),
    ]


def _rarity(ids: NDArray[np.int32]) -> Vector:
    """The weight of each piece: near 0 for function words, up to 3.8 for the rarest."""
    return np.maximum(np.log(ids.astype(np.float32)) - _COMMON, np.float32(0.05))


def _side(best: Vector, rarity: Vector, new: NDArray[np.bool_]) -> list[float]:
    """One question's view: how well its pieces are matched, all and those the other lacks."""
    whole = [float(best.mean()), float(best @ rarity / rarity.sum()), float(best.min())]
    if not new.any():
        return [*whole, 1.0, 1.0, 0.0, 0.0]
    matched, weight = best[new], rarity[new]
    gaps = weight * (1 - matched)
    weighted = float(matched @ weight / weight.sum())
    return [*whole, float(matched.min()), weighted, float(gaps.sum()), float(gaps.max())]


def _unshared(
    a: QuantizedEmbedding,
    b: QuantizedEmbedding,
    likeness: Vector,
    new_a: NDArray[np.bool_],
    new_b: NDArray[np.bool_],
) -> list[float]:
    """How alike the two remainders are: their sums, their best pair, their mean match."""
    if not new_a.any() or not new_b.any():
        neither = 0.5 if new_a.any() or new_b.any() else 1.0
        return [neither] * 3
    rest_a = _rarity(a.ids)[new_a] @ a.tokens[new_a]
    rest_b = _rarity(b.ids)[new_b] @ b.tokens[new_b]
    lengths = float(np.linalg.norm(rest_a) * np.linalg.norm(rest_b)) + 1e-9
    between = likeness[np.ix_(new_a, new_b)]
    match = (float(between.max(axis=1).mean()) + float(between.max(axis=0).mean())) / 2
    return [float(rest_a @ rest_b) / lengths, float(between.max()), match]
