"""Word memory: what each word seen lately adds to the scores of a question.

The recogniser is linear in the n-grams of characters, and these lie within words: a word's part of
the scores is always the same. Most words of a request were seen before. The memory is emptied when
it is full, so that no sender can let it grow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cache.identity.question_concepts import Lexicon, WordConcepts
from cache.identity.question_features import WordGrams, bare, grams_of

MAX_WORDS: Final = 16_384


@dataclass(frozen=True, slots=True)
class WordWeights:
    """Weights of the n-grams of characters."""

    kinds: NDArray[np.int8]
    """Of buckets by kinds of question, in steps of `kind_scale`."""
    kind_scale: float
    languages: NDArray[np.int8]
    """Of buckets by languages, in steps of `language_scale`."""
    language_scale: float

    @property
    def width(self) -> int:
        """Columns of a word's scores: kinds, their n-grams, languages, their n-grams."""
        return int(self.kinds.shape[1] + self.languages.shape[1] + 2)

    def scores_of(self, words: WordGrams, bares: WordGrams) -> NDArray[np.float32]:
        """One row a word: its n-grams' weights added up, and how many n-grams they are."""
        parts: list[NDArray[Any]] = []
        for (buckets, owners), table, scale in (
            (bares.kinds(), self.kinds, self.kind_scale),
            (words.languages(), self.languages, self.language_scale),
        ):
            counts = np.bincount(owners)
            # a word has itself at least, so that no part is empty
            first = np.cumsum(counts) - counts
            ordered = table[buckets[np.argsort(owners, kind="stable")]]
            parts += [
                np.add.reduceat(ordered, first, axis=0, dtype=np.int32) * scale,
                counts[:, np.newaxis],
            ]
        return np.concatenate(parts, axis=1, dtype=np.float32)


@dataclass(slots=True)
class WordMemory:
    """Scores, hashes, concepts and bare forms of words: for one thread at a time."""

    weights: WordWeights
    lexicon: Lexicon
    places: dict[str, int] = field(default_factory=dict)
    scores: NDArray[np.float32] = field(init=False)
    hashes: NDArray[np.uint64] = field(init=False)
    concepts: list[WordConcepts] = field(default_factory=list)
    bares: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scores = np.zeros((MAX_WORDS, self.weights.width), dtype=np.float32)
        self.hashes = np.zeros(MAX_WORDS, dtype=np.uint64)

    def places_of(self, words: Sequence[str]) -> list[int]:
        """The row of each word; those not seen before are read first, all at once."""
        places = self.places
        try:
            return [places[word] for word in words]
        except KeyError:
            self._read(words)
            return [places[word] for word in words]

    def _read(self, words: Sequence[str]) -> None:
        missing = [word for word in dict.fromkeys(words) if word not in self.places]
        if len(self.places) + len(missing) > MAX_WORDS:
            self.places.clear()
            self.concepts.clear()
            self.bares.clear()
            missing = list(dict.fromkeys(words))
        start = len(self.places)
        rows = slice(start, start + len(missing))
        bares = [bare(word) for word in missing]
        as_written = grams_of(missing)
        plain = as_written if bares == missing else grams_of(bares)
        self.scores[rows] = self.weights.scores_of(as_written, plain)
        self.hashes[rows] = plain.hashes
        self.concepts.extend(self.lexicon.concepts_of(word) for word in bares)
        self.bares.extend(bares)
        self.places.update({word: start + at for at, word in enumerate(missing)})
