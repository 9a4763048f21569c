"""Recogniser of questions whose answer serves one asker or one moment: a linear classifier.

Four kinds by multinomial logistic regression over concepts that all languages share and over
hashed n-grams; the language by another over n-grams of characters. Thresholds are the language's
own. Between its two thresholds a question is in doubt, and so is one in a language that the
recogniser was not trained on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.identity.question_concepts import Lexicon, concept_features, concept_width, lexicon_of
from cache.identity.question_features import (
    MAX_READ_CHARS,
    Buckets,
    fold,
    kind_features,
    language_features,
)

RECOGNISER_FORMAT: Final = 1
KINDS: Final = ("timeless", "moment", "person", "conversation")
"""The classes, in the order of the weights' columns."""

QuestionKind: TypeAlias = Literal["timeless", "moment", "person", "conversation"]
BoundKind: TypeAlias = Literal["moment", "person", "conversation"]
"""What binds an answer: it serves no second asker."""
BOUND_KINDS: Final[frozenset[BoundKind]] = frozenset({"moment", "person", "conversation"})

OTHER_LANGUAGE: Final = "other"
ALWAYS_IN_DOUBT: Final = (0.0, 1.01)
"""The thresholds of a language that the recogniser was not trained on."""
LONG_CHARS: Final = 160
"""Of a longer folded text, its first and its last sentence are judged by themselves, too."""
_SENTENCE: Final = re.compile(r"[.!?؟。！？\n]+\s*")
_LEAST_SENTENCE: Final = 12
NEAR_LANGUAGE: Final = 1.5
"""Log-odds; a language so near to the likeliest lends its words, too."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """How likely a question is of each kind."""

    shares: tuple[float, float, float, float]
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

    chars: NDArray[np.int8]
    """Of buckets by `KINDS`, for n-grams of characters, in steps of `scales`."""
    words: NDArray[np.int8]
    """The same for words."""
    scales: tuple[float, float]
    concepts: NDArray[np.float32]
    """Of concepts and their pairs by `KINDS`."""
    lexicon: Lexicon
    concept_names: tuple[str, ...]
    bias: NDArray[np.float32]
    languages: tuple[str, ...]
    """The last is `other`."""
    language_weights: NDArray[np.int8]
    language_scale: float
    language_bias: NDArray[np.float32]
    thresholds: Mapping[str, tuple[float, float]]
    """By language: doubt, refuse."""

    def recognise(self, text: str) -> Recognition:
        """The kinds of a text; about 0.2 ms, and a few at most for the longest text."""
        folded = fold(text)
        languages = self.near_languages(folded)
        shares = self._shares(folded, languages)
        if len(folded) > LONG_CHARS:
            parts = [fold(part) for part in _first_and_last(text[:MAX_READ_CHARS])]
            judged = [shares, *(self._shares(part, languages) for part in parts)]
            shares = min(judged, key=lambda each: float(each[0]))
        known = languages[0] if languages and languages[0] != OTHER_LANGUAGE else None
        doubt, refuse = self.thresholds.get(known or "", ALWAYS_IN_DOUBT)
        first, second, third, fourth = (float(share) for share in shares)
        return Recognition((first, second, third, fourth), known, doubt, refuse)

    def near_languages(self, folded: str) -> tuple[str, ...]:
        """The likeliest language of a folded text, and the others that are about as likely."""
        buckets = language_features(folded)
        sums = self.language_weights[buckets].sum(axis=0, dtype=np.int32) * self.language_scale
        scores = sums / np.sqrt(max(1, len(buckets))) + self.language_bias
        order = np.argsort(-scores)[:3]
        best = float(scores[order[0]])
        return tuple(self.languages[at] for at in order if scores[at] >= best - NEAR_LANGUAGE)

    def _shares(self, folded: str, languages: tuple[str, ...]) -> NDArray[np.float32]:
        chars, words = kind_features(folded)
        concepts = concept_features(folded, languages, self.lexicon, len(self.concept_names))
        scores = self.bias + _sum(self.chars, chars, self.scales[0])
        scores = scores + _sum(self.words, words, self.scales[1])
        own = self.concepts[concepts].sum(axis=0, dtype=np.float32) / np.sqrt(len(concepts))
        raised = np.exp(scores + own - (scores + own).max())
        return np.asarray(raised / raised.sum(), dtype=np.float32)


def read_recogniser(parts: Mapping[str, NDArray[Any]]) -> Recogniser:
    """The recogniser of a file's arrays. Raises ValueError or KeyError when they are none."""
    if int(parts["format"]) != RECOGNISER_FORMAT:
        raise ValueError(f"format {int(parts['format'])}, not {RECOGNISER_FORMAT}")
    names = tuple(str(name) for name in parts["languages"])
    lexicon, concept_names = lexicon_of(str(line) for line in parts["lexicon"])
    if len(parts["concepts"]) != concept_width(len(concept_names)):
        raise ValueError("the weights are not those of the lexicon's concepts")
    points = parts["thresholds"].tolist()
    return Recogniser(
        chars=parts["chars"],
        words=parts["words"],
        scales=(float(parts["scales"][0]), float(parts["scales"][1])),
        concepts=parts["concepts"],
        lexicon=lexicon,
        concept_names=concept_names,
        bias=parts["bias"],
        languages=names,
        language_weights=parts["language_weights"],
        language_scale=float(parts["language_scale"]),
        language_bias=parts["language_bias"],
        thresholds={
            name: (float(doubt), float(refuse))
            for name, (doubt, refuse) in zip(names[:-1], points, strict=True)
        },
    )


def _sum(weights: NDArray[np.int8], buckets: Buckets, scale: float) -> NDArray[np.float64]:
    """The text's part of the scores; its features have the Euclidean length 1."""
    summed = weights[buckets].sum(axis=0, dtype=np.int32)
    return np.asarray(summed * (scale / np.sqrt(max(1, len(buckets)))))


def _first_and_last(text: str) -> list[str]:
    sentences = [part for part in _SENTENCE.split(text) if len(part) >= _LEAST_SENTENCE]
    return [sentences[0], sentences[-1]] if len(sentences) > 1 else []
