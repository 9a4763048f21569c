"""Nearest-neighbour arrays: sign bits first, 8-bit products second. Which vectors are nearest?

Each vector is stored as its sign bits and in 8 bits. The bits' Hamming distance picks a few dozen
candidates, the 8-bit products rank them: well under a millisecond for thousands of vectors.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cache.verification.quantized_embedding import Vector

RERANKED: Final = 64
"""Candidates that the sign bits leave for the 8-bit products, at least."""
SAMPLED: Final = 4_096
"""Distances that tell how far off the nearest may lie, at least, where there are as many."""
INITIAL_CAPACITY: Final = 16
MAX_ROWS: Final = 200_000


@dataclass(frozen=True, slots=True)
class NearestVector:
    """A neighbour and the cosine to it."""

    entry: str
    cosine: float


class VectorRows:
    """The vectors of one space, in arrays that grow by doubling; a removed row is refilled.

    Not for several threads at once.
    """

    def __init__(self, width: int) -> None:
        self._bits = np.zeros((-(-width // 64), INITIAL_CAPACITY), dtype=np.uint64)
        self._small = np.zeros((INITIAL_CAPACITY, width), dtype=np.int8)
        self._scale = np.zeros(INITIAL_CAPACITY, dtype=np.float32)
        self._names: list[str] = []
        self._row: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._names)

    def put(self, entry: str, vector: Vector) -> None:
        """Adds an entry or replaces its vector; the oldest goes when there is no room."""
        row = self._row.get(entry)
        if row is None:
            if len(self) >= MAX_ROWS:
                self.remove(next(iter(self._row)))
            row = self._append(entry)
        scale = float(np.abs(vector).max()) / 127 or 1.0  # or 1: the null vector
        self._bits[:, row] = _signs(vector)
        self._small[row] = np.rint(vector / scale)
        self._scale[row] = scale

    def remove(self, entry: str) -> None:
        """Removes an entry; the last row takes its place."""
        row = self._row.pop(entry, None)
        if row is None:
            return
        last = self._names.pop()
        if last == entry:
            return
        at = len(self._names)
        self._bits[:, row] = self._bits[:, at]
        self._small[row], self._scale[row] = self._small[at], self._scale[at]
        self._names[row], self._row[last] = last, row

    def nearest(self, vector: Vector, count: int) -> list[NearestVector]:
        """The nearest entries, nearest first."""
        size = len(self)
        if size == 0:
            return []
        rows = np.arange(size)
        if size > RERANKED:
            rows = least_distant(self._distances(size, _signs(vector)))
        cosines = (self._small[rows].astype(np.float32) @ vector) * self._scale[rows]
        best = np.argsort(-cosines)[:count]
        return [NearestVector(self._names[int(rows[at])], float(cosines[at])) for at in best]

    def _distances(self, size: int, signs: NDArray[np.uint64]) -> NDArray[np.uint16]:
        """Hamming distances; shape (size,)."""
        distances = np.zeros(size, dtype=np.uint16)
        # the words lie in rows, so each turn is one run through contiguous memory
        for word, sign in zip(self._bits, signs, strict=True):
            distances += np.bitwise_count(word[:size] ^ sign)
        return distances

    def _append(self, entry: str) -> int:
        row = len(self._names)
        if row == len(self._scale):
            self._bits = np.concatenate([self._bits, np.zeros_like(self._bits)], axis=1)
            self._small = np.concatenate([self._small, np.zeros_like(self._small)])
            self._scale = np.concatenate([self._scale, np.zeros_like(self._scale)])
        self._names.append(entry)
        self._row[entry] = row
        return row


def least_distant(distances: NDArray[np.uint16]) -> NDArray[np.intp]:
    """The rows at the least distances, RERANKED or, where many are equally far, a few more."""
    # what RERANKED rows of a sample don't exceed, no fewer of all don't: a few are left to count
    sample = distances[:: max(1, distances.size // SAMPLED)]
    rows = np.flatnonzero(distances <= _least_covering(sample))
    rows = rows[distances[rows] <= _least_covering(distances[rows])]
    return rows[np.argsort(distances[rows], kind="stable")][: 4 * RERANKED]


def _least_covering(distances: NDArray[np.uint16]) -> np.intp:
    """The least distance that RERANKED of the distances, or all, don't exceed."""
    # by counting instead of sorting: a distance is one of a few hundred whole numbers
    return np.searchsorted(np.bincount(distances).cumsum(), RERANKED)


def _signs(vector: Vector) -> NDArray[np.uint64]:
    """The signs as bits, filled up to whole 64-bit words."""
    packed = np.packbits(vector > 0)
    whole = np.zeros(-(-packed.size // 8) * 8, dtype=np.uint8)
    whole[: packed.size] = packed
    return whole.view(np.uint64)
