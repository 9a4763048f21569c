"""Question tokenizer: words, stems, numbers, names, negations. What does a question say?

Its tokens are the trained model's input: a change needs a new `verifier.npz`. What the guard reads
more exactly stands in `exact_details`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cache.verification.vocabulary import (
    CONTRACTED,
    FUNCTION_WORDS,
    NEGATIONS,
    QUESTION_WORDS,
    SCALES,
    SPELLED,
)

_WORD: Final = re.compile(
    r"\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['\u2019][^\W\d_]+)*[+#]{0,2}|[+\-*/^=<>%$\u20ac\u00a3]"
)
# from a number's beginning only, and all of it: thousands of digits are read once
_SUFFIXED: Final = re.compile(
    r"(?<!\d)(?<!\d[.,])(\d++(?:[.,]\d++)*+)\s?(k|lakhs?|crores?|million|billion|m|bn)\b"
)
_SENTENCE_END: Final = re.compile(r"(?<![.?!])[.?!]++(?:\s|$)")
_ENDINGS: Final = (
    ("iest", "y"),
    ("ies", "y"),
    ("ing", ""),
    ("ed", ""),
    ("er", ""),
    ("est", ""),
    ("ly", ""),
    ("ment", ""),
    ("es", ""),
    ("s", ""),
    ("e", ""),
)
_SHORTEST_STEM: Final = 3


@dataclass(frozen=True, slots=True)
class QuestionWords:
    """A question taken apart."""

    tokens: tuple[str, ...]
    """Its words in order, in small letters."""
    stems: frozenset[str]
    """Of the words that carry meaning."""
    numbers: tuple[str, ...]
    """As decimal texts, spelled ones included, sorted."""
    names: frozenset[str]
    """Words capitalised inside a sentence, in small letters."""
    negations: int
    """How many negating words."""
    kind: str
    """Its question word; empty when there is none."""
    trigrams: frozenset[str]
    """Of letters, spaces included: what is left of likeness when words are misspelled."""
    sentences: int


@lru_cache(maxsize=4096)
def tokenize_question(text: str) -> QuestionWords:
    """Takes a text apart."""
    raw = _WORD.findall(text.replace("\u2019", "'"))
    tokens = tuple(token for word in raw for token in _expand(word.lower()))
    joined = " " + " ".join(tokens) + " "
    return QuestionWords(
        tokens=tokens,
        stems=frozenset(stem(token) for token in tokens if token not in FUNCTION_WORDS),
        numbers=_numbers(text.lower(), tokens),
        names=_names(text),
        negations=sum(token in NEGATIONS for token in tokens),
        kind=next((token for token in tokens if token in QUESTION_WORDS), ""),
        trigrams=frozenset(joined[at : at + 3] for at in range(len(joined) - 2)),
        sentences=len(_SENTENCE_END.findall(text)) or 1,
    )


def stem(word: str) -> str:
    """A word without its commonest endings: a crude stem, the same for learn, learns, learning."""
    for ending, replacement in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return _undouble(word[: len(word) - len(ending)]) + replacement
    return word


def _undouble(word: str) -> str:
    return word[:-1] if word[-1] == word[-2] and word[-1] in "bdgmnprt" else word


def _expand(word: str) -> list[str]:
    if word in CONTRACTED:
        return CONTRACTED[word].split()
    if word.endswith("n't"):
        return [word[:-3], "not"] if word != "n't" else ["not"]
    head, mark, _ = word.partition("'")
    return [head] if mark else [word]


def _numbers(text: str, tokens: tuple[str, ...]) -> tuple[str, ...]:
    scaled = [
        f"{float(digits.replace(',', '')) * SCALES[scale]:g}"
        for digits, scale in _SUFFIXED.findall(text)
        if digits.count(".") <= 1
    ]
    rest = _WORD.findall(_SUFFIXED.sub(" ", text)) if scaled else tokens
    plain = [_plain(token) for token in rest if token[0].isdigit() or token in SPELLED]
    return tuple(sorted(scaled + plain))


def _plain(token: str) -> str:
    digits = SPELLED.get(token, token).replace(",", "")
    try:
        return f"{float(digits):g}"
    except ValueError:
        return digits


def _names(text: str) -> frozenset[str]:
    """Capitalised words that don't begin a sentence; none in a text without small letters."""
    if text.isupper():
        return frozenset()
    words = re.findall(r"(^|[.?!:\"'(]\s*|\n)?\b([A-Z][\w+#]*)", text)
    inside = (word for opens, word in words if not opens or _is_acronym(word))
    return frozenset(word.lower() for word in inside if word.lower() not in FUNCTION_WORDS)


def _is_acronym(word: str) -> bool:
    return len(word) > 1 and word.isupper()
