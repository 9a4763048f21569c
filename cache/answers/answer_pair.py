"""Answer pairs: a logistic model of whether two answers to one question say the same.

An answer of one word and one of a sentence say the same, and two sentences that differ in one name
don't: so the words that answer (those that the question hasn't) are held against each other, beside
the vectors of question and answer together, the numbers, and what the guard objects to. The weights
are `python -m bench.cache_answers`'s, which measures how often they err.
"""

import math
import re
from dataclasses import dataclass
from typing import Final

from cache.verification.detail_guard import objections
from cache.verification.tokenizer import tokenize_question

MAX_ANSWER_CHARS: Final = 2_000
"""Of an answer that are compared: a longer one is told by its beginning."""
_WORD: Final = re.compile(r"[^\W_]+(?:[.,]\d+)*")
_STEM: Final = 5
"""Letters by which forms of one word are taken to be the same."""
_LEAST_CONTENT: Final = 4
"""Letters of a word that is taken to say something; a number always does."""

WEIGHTS: Final = (2.03, 2.508, -1.459, -1.675)
"""Of the features, in their order."""
INTERCEPT: Final = -1.966
LEAST_CHANCE: Final = 0.3
"""From which two answers are taken to say the same. It errs on that side: a false alarm may close a
step that keeps its promise, and what is missed is made up for by the bound."""


@dataclass(frozen=True, slots=True)
class AnswerPairFeatures:
    """What two answers to one question have in common."""

    cosine: float
    """Of the vectors of question and answer together."""
    contained: float
    """Share of the shorter answer's words, without the question's, that the longer one has."""
    numbers_differ: float
    """0: the same numbers, 0.5: one has more of them, 1: others."""
    is_objected: bool
    """Whether the guard of questions sees a detail that differs."""


def answer_pair_features(question: str, a: str, b: str, cosine: float) -> AnswerPairFeatures:
    """cosine: of `with_question` of either. Takes up to some milliseconds: not for the loop."""
    a, b = a[:MAX_ANSWER_CHARS], b[:MAX_ANSWER_CHARS]
    return AnswerPairFeatures(
        cosine, _contained(question, a, b), _numbers_differ(question, a, b), bool(objections(a, b))
    )


def with_question(question: str, answer: str) -> str:
    """What is embedded of an answer: alone, a short one says too little."""
    return f"{question[-500:]} {answer[:MAX_ANSWER_CHARS]}"


def chance_of_same(features: AnswerPairFeatures) -> float:
    """The probability that both say the same, 0..1."""
    values = features.cosine, features.contained, features.numbers_differ, features.is_objected
    score = sum(w * value for w, value in zip(WEIGHTS, values, strict=True))
    return 1 / (1 + math.exp(-(INTERCEPT + score)))


def _contained(question: str, a: str, b: str) -> float:
    asked = _stems(question)
    fewer, more = sorted((_stems(a), _stems(b)), key=lambda stems: len(_content(stems - asked)))
    content = _content(fewer - asked) or fewer
    return len(content & more) / max(1, len(content))


def _stems(text: str) -> frozenset[str]:
    return frozenset(word.casefold()[:_STEM] for word in _WORD.findall(text))


def _content(stems: frozenset[str]) -> frozenset[str]:
    return frozenset(stem for stem in stems if _says_something(stem))


def _says_something(stem: str) -> bool:
    return len(stem) >= _LEAST_CONTENT or not stem.isascii() or stem.isdigit()


def _numbers_differ(question: str, a: str, b: str) -> float:
    asked = set(tokenize_question(question).numbers)
    left, right = (set(tokenize_question(text).numbers) - asked for text in (a, b))
    if left == right:
        return 0.0
    return 0.5 if left <= right or right <= left else 1.0
