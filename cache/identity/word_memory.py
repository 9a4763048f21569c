"""Word memory: what each word seen lately adds to the scores of a question.

The recogniser is linear in the n-grams of characters, and these lie within words: a word's part of
the scores is always the same. Most words of a request were seen before. The memory is emptied when
it is full, so that no sender can let it grow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import filterfalse
from operator import itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cache.identity.concept_index import ConceptIndex
from cache.identity.question_concepts import Lexicon
from cache.identity.question_features import (
    LONGEST_WORD,
    Buckets,
    WordGrams,
    bare,
    cut,
    grams_of,
)

MAX_WORDS: Final = 16_384


@dataclass(frozen=True, slots=True)
class GramTable:
    """Weights of n-grams by bucket; the last row, of no bucket, is zero."""

    weights: NDArray[np.int16]
    """In steps of `scale`. A word has 150 n-grams at most, so its sum fits, too."""
    scale: float
    columns: int
    """The others are zero: rows of 2, 4, 8, 16 or 32 bytes are copied fastest."""

    def sums(self, buckets: Buckets, starts: NDArray[np.int64]) -> NDArray[np.float64]:
        """One row a word: the weights of its n-grams and of itself, added up."""
        # a word has two signs at least, so that no part is empty
        by_place = self.weights.take(buckets, axis=0).sum(axis=0, dtype=np.int16)
        by_word = np.add.reduceat(by_place, starts, axis=0)
        return np.asarray(by_word[:, : self.columns] * self.scale)


def gram_table(weights: NDArray[np.int8], scale: float) -> GramTable:
    """The table of weights by bucket."""
    buckets, columns = weights.shape
    padded = np.zeros((buckets + 1, 1 << (columns - 1).bit_length()), dtype=np.int16)
    padded[:-1, :columns] = weights
    return GramTable(padded, scale, columns)


@dataclass(frozen=True, slots=True)
class WordWeights:
    """Weights of the n-grams of characters."""

    kinds: GramTable
    languages: GramTable

    @property
    def width(self) -> int:
        """Columns of a word's scores: kinds, their n-grams, languages, their n-grams."""
        return self.kinds.columns + self.languages.columns + 2

    def scores_of(self, grams: WordGrams, bare_at: NDArray[np.int64]) -> NDArray[np.float32]:
        """One row a word: its n-grams' weights added up, and how many n-grams they are.

        bare_at: of each word, where it is among the words of `grams` without its accents.
        """
        count, counts, kinds = len(bare_at), grams.counts(), self.kinds.columns
        scores = np.empty((count, self.width), dtype=np.float32)
        scores[:, :kinds] = self.kinds.sums(grams.kinds, grams.starts).take(bare_at, axis=0)
        scores[:, kinds] = counts[:, 0].take(bare_at)
        scores[:, kinds + 1 : -1] = self.languages.sums(grams.languages, grams.starts)[:count]
        scores[:, -1] = counts[:count, 1]
        return scores


@dataclass(slots=True)
class WordMemory:
    """Scores, hashes and concepts of words: for one thread at a time."""

    weights: WordWeights
    lexicon: Lexicon
    places: dict[str, int] = field(default_factory=dict)
    scores: NDArray[np.float32] = field(init=False)
    hashes: NDArray[np.uint64] = field(init=False)
    concepts: ConceptIndex = field(init=False)

    def __post_init__(self) -> None:
        self.scores = np.zeros((MAX_WORDS, self.weights.width), dtype=np.float32)
        self.hashes = np.zeros(MAX_WORDS, dtype=np.uint64)
        self.concepts = ConceptIndex(self.lexicon, MAX_WORDS)

    def places_of(self, words: Sequence[str]) -> tuple[int, ...]:
        """The row of each of two or more words; those not seen before are read first, all at once.

        Of a long word its beginning is looked up: none that is longer has a row.
        """
        places: tuple[int, ...]
        try:
            places = itemgetter(*words)(self.places)
        except KeyError:
            places = itemgetter(*self._read(words))(self.places)
        return places

    def _read(self, words: Sequence[str]) -> Sequence[str]:
        """The words as they are known from now on."""
        missing = self._missing(words)
        if max(map(len, missing)) > LONGEST_WORD:
            words = cut(list(words))
            missing = self._missing(words)
        if len(self.places) + len(missing) > MAX_WORDS:
            self.places.clear()
            self.concepts.clear()
            missing = self._missing(words)
        if missing:
            self._learn(missing)
        return words

    def _missing(self, words: Sequence[str]) -> list[str]:
        return list(filterfalse(self.places.__contains__, dict.fromkeys(words)))

    def _learn(self, missing: Sequence[str]) -> None:
        start = len(self.places)
        rows = slice(start, start + len(missing))
        bares = list(map(bare, missing))
        changed = {word: None for word, own in zip(bares, missing, strict=True) if word != own}
        listed = [*missing, *changed]
        places = {word: at for at, word in enumerate(listed)}
        bare_at = np.array([places[word] for word in bares])
        grams = grams_of(listed)
        self.scores[rows] = self.weights.scores_of(grams, bare_at)
        self.hashes[rows] = grams.hashes.take(bare_at)
        self.concepts.add(bares)
        self.places.update(zip(missing, range(start, start + len(missing)), strict=True))
