"""Recogniser of questions whose answer serves one asker or one moment: a linear classifier.

Four kinds by multinomial logistic regression over concepts that all languages share and over
hashed n-grams; the language by another over n-grams of characters. Thresholds are the language's
own. Between its two thresholds a question is in doubt, and so is one in a language that the
recogniser was not trained on.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.identity.question_concepts import concept_features, concept_width, lexicon_of
from cache.identity.question_features import (
    END,
    NEIGHBOUR_SIZES,
    folded_words,
    neighbour_buckets,
)
from cache.identity.word_memory import WordMemory, WordWeights, gram_table

RECOGNISER_FORMAT: Final = 2
KINDS: Final = ("timeless", "moment", "person", "conversation")
"""The classes, in the order of the weights' columns."""

Shares: TypeAlias = tuple[float, float, float, float]
QuestionKind: TypeAlias = Literal["timeless", "moment", "person", "conversation"]
BoundKind: TypeAlias = Literal["moment", "person", "conversation"]
"""What binds an answer: it serves no second asker."""
BOUND_KINDS: Final[frozenset[BoundKind]] = frozenset({"moment", "person", "conversation"})

OTHER_LANGUAGE: Final = "other"
ALWAYS_IN_DOUBT: Final = (0.0, 1.01)
"""The thresholds of a language that the recogniser was not trained on."""
LONG_WORDS: Final = 25
"""Of a longer text, its first and its last sentence are judged by themselves, too."""
_LEAST_SENTENCE: Final = 3
"""Words of a sentence that is judged by itself."""
NEAR_LANGUAGE: Final = 1.5
"""Log-odds; a language so near to the likeliest lends its words, too."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """How likely a question is of each kind."""

    shares: Shares
    """Probabilities of `KINDS`; they add up to 1."""
    language: str | None
    """ISO 639-1; None: none that the recogniser knows."""
    doubt: float
    """From this probability of being bound on, the question is in doubt."""
    refuse: float
    """From this one on, it counts as bound."""

    def share(self, kind: QuestionKind) -> float:
        """The probability of one kind."""
        return self.shares[KINDS.index(kind)]


@dataclass(frozen=True, slots=True)
class Recogniser:
    """The weights. `read_recogniser` makes it of the file that `dev.train_recogniser` writes."""

    memory: WordMemory
    """The weights of words, and what is remembered of them: for one thread at a time."""
    neighbours: NDArray[np.int8]
    """Of buckets of neighbouring words by `KINDS`, in steps of `neighbour_scale`."""
    neighbour_scale: float
    concepts: NDArray[np.float32]
    """Of concepts and their pairs by `KINDS`."""
    bias: tuple[float, ...]
    languages: tuple[str, ...]
    """The last is `other`."""
    language_bias: tuple[float, ...]
    thresholds: Mapping[str, tuple[float, float]]
    """By language: doubt, refuse."""

    def recognise(self, text: str) -> Recognition:
        """The kinds of a text; under 0.1 ms for a usual one, and a few for any."""
        memory, words = self.memory, folded_words(text)
        places = memory.places_of(words)
        rows = np.array(places, dtype=np.int64)
        scores = memory.scores.take(rows, axis=0)
        totals = np.add.reduce(scores, axis=0).tolist()
        languages = self._near_languages(totals[len(KINDS) + 1 :])
        buckets = neighbour_buckets(memory.hashes.take(rows))
        parts = _Parts(places, rows, self.neighbours.take(buckets, axis=0))
        shares = self._shares(parts, slice(None), totals[: len(KINDS) + 1], languages)
        if len(words) > LONG_WORDS:
            judged = [
                self._shares(parts, part, np.add.reduce(own, axis=0).tolist(), languages)
                for part in _ends(rows, memory.places[END])
                for own in [scores[part, : len(KINDS) + 1]]
            ]
            shares = min([shares, *judged], key=itemgetter(0))
        known = languages[0] if languages[0] != OTHER_LANGUAGE else None
        doubt, refuse = self.thresholds.get(known or "", ALWAYS_IN_DOUBT)
        return Recognition(shares, known, doubt, refuse)

    def _near_languages(self, totals: list[float]) -> tuple[str, ...]:
        """The likeliest language, and the others that are about as likely."""
        *sums, count = totals
        length = math.sqrt(max(1.0, count))
        odds = [total / length + bias for total, bias in zip(sums, self.language_bias, strict=True)]
        best = max(odds)
        near = [at for at, value in enumerate(odds) if value >= best - NEAR_LANGUAGE]
        near.sort(key=odds.__getitem__, reverse=True)
        return tuple(self.languages[at] for at in near[:3])

    def _shares(
        self, parts: "_Parts", part: slice, totals: list[float], languages: tuple[str, ...]
    ) -> Shares:
        """Of a part of a text. totals: its words' scores by `KINDS`, added up, and the n-grams."""
        places, memory = parts.places[part], self.memory
        seen = memory.concepts.concepts_in(places, parts.rows[part], languages)
        known = concept_features(seen, len(places), languages, len(memory.lexicon.names))
        *chars, count = totals
        pairs = np.ascontiguousarray(parts.beside[:, part].reshape(-1, len(KINDS)).T)
        beside = np.add.reduce(pairs, axis=1, dtype=np.int32).tolist()
        concepts = np.add.reduce(self.concepts.take(known, axis=0), axis=0).tolist()
        by_char = 1 / math.sqrt(max(1.0, count))
        by_pair = self.neighbour_scale / math.sqrt(len(NEIGHBOUR_SIZES) * len(places))
        by_concept = 1 / math.sqrt(len(known))
        return _softmax(
            [
                bias + (by_char * char + by_pair * pair + by_concept * concept)
                for bias, char, pair, concept in zip(
                    self.bias, chars, beside, concepts, strict=True
                )
            ]
        )


@dataclass(frozen=True, slots=True)
class _Parts:
    """What each word of a text adds."""

    places: tuple[int, ...]
    rows: NDArray[np.int64]
    """The same."""
    beside: NDArray[np.int8]
    """By `NEIGHBOUR_SIZES`, of the words that begin there, by `KINDS`."""


def read_recogniser(parts: Mapping[str, NDArray[Any]]) -> Recogniser:
    """The recogniser of a file's arrays. Raises ValueError or KeyError when they are none."""
    if int(parts["format"]) != RECOGNISER_FORMAT:
        raise ValueError(f"format {int(parts['format'])}, not {RECOGNISER_FORMAT}")
    names = tuple(str(name) for name in parts["languages"])
    lexicon = lexicon_of(str(line) for line in parts["lexicon"])
    if len(parts["concepts"]) != concept_width(len(lexicon.names)):
        raise ValueError("the weights are not those of the lexicon's concepts")
    kind_scale, neighbour_scale, language_scale = parts["scales"].tolist()
    weights = WordWeights(
        gram_table(parts["chars"], kind_scale),
        gram_table(parts["language_weights"], language_scale),
    )
    points = parts["thresholds"].tolist()
    return Recogniser(
        memory=WordMemory(weights, lexicon),
        neighbours=parts["neighbours"],
        neighbour_scale=neighbour_scale,
        concepts=parts["concepts"].astype(np.float32),
        bias=tuple(parts["bias"].tolist()),
        languages=names,
        language_bias=tuple(parts["language_bias"].tolist()),
        thresholds={
            name: (float(doubt), float(refuse))
            for name, (doubt, refuse) in zip(names[:-1], points, strict=True)
        },
    )


def _ends(rows: NDArray[np.int64], end: int) -> list[slice]:
    """Where the first and the last whole sentence lie among the words, with their ends."""
    ends = (rows == end).nonzero()[0]
    long = (ends[1:] - ends[:-1] > _LEAST_SENTENCE).nonzero()[0]
    return (
        [slice(ends[at], ends[at + 1] + 1) for at in (long[0], long[-1])] if len(long) > 1 else []
    )


def _softmax(scores: list[float]) -> Shares:
    most = max(scores)
    raised = [math.exp(score - most) for score in scores]
    total = sum(raised)
    first, second, third, fourth = raised
    return first / total, second / total, third / total, fourth / total
