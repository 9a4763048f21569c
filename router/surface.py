"""What does a text look like on its surface: how much of it, how many steps, code, mathematics?

One pass of a few regular expressions over at most `MAX_CHARACTERS`, so a text of megabytes costs
no more than one of 24 kB.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_CHARACTERS: Final = 24_000
"""Longer texts are judged by their beginning and their end, where instructions stand."""

_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_LONG: Final = 9
_NUMBER: Final = re.compile(r"\d+(?:[.,:/]\d+)*")
_QUESTION: Final = re.compile(r"[?\u061f\uff1f]")
_SENTENCE_END: Final = re.compile(r"[.!?]+(?=\s|$|[\"')\]])|[\u061f\u0964\u3002\uff01\uff1f]|\n+")
_MATH: Final = re.compile(r"\\[a-zA-Z]+|[=+*^<>≤≥≠±\u00d7÷√∑∫∂πθ∞∈∀∃→]|\$[^$\n]{1,200}\$|\b[xyz]\b")
_CODE: Final = re.compile(
    r"```|\bdef \w+\(|\bclass \w+|\bimport \w+|#include|\breturn\b|[{};]\s*$|=>"
    r"|\bSELECT\b.+\bFROM\b|\b\w+\([^()\n]{0,80}\)[;:]|</\w+>|&&|\|\|",
    re.MULTILINE,
)
_OPTION: Final = re.compile(r"^\s*[(\[]?([A-J])[).:\]]\s+\S", re.MULTILINE)
_ITEM: Final = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.)])\s+\S", re.MULTILINE)
_BLANK: Final = re.compile(r"_{2,}|\[blank\]")


@dataclass(frozen=True, slots=True)
class Surface:
    """Counts over a text. long_words: of nine letters and more, where rare terms are."""

    characters: int = 0
    words: int = 0
    long_words: int = 0
    distinct_words: int = 0
    sentences: int = 0
    questions: int = 0
    numbers: int = 0
    math: int = 0
    code: int = 0
    options: int = 0
    items: int = 0
    blanks: int = 0
    lines: int = 0


def measure(text: str) -> Surface:
    """The counts over `text`, which `excerpt` has bounded."""
    words = _WORD.findall(text)
    return Surface(
        characters=len(text),
        words=len(words),
        long_words=sum(len(word) >= _LONG for word in words),
        distinct_words=len({word.lower() for word in words}),
        sentences=max(1, len(_SENTENCE_END.findall(text.strip()))),
        questions=len(_QUESTION.findall(text)),
        numbers=len(_NUMBER.findall(text)),
        math=len(_MATH.findall(text)),
        code=len(_CODE.findall(text)),
        options=len(_OPTION.findall(text)),
        items=len(_ITEM.findall(text)),
        blanks=len(_BLANK.findall(text)),
        lines=text.count("\n") + 1,
    )


def excerpt(text: str) -> str:
    """`text` itself, or its first two thirds and last third of `MAX_CHARACTERS`."""
    if len(text) <= MAX_CHARACTERS:
        return text
    tail = MAX_CHARACTERS // 3
    return text[: MAX_CHARACTERS - tail] + "\n" + text[-tail:]


def tokens(text: str) -> int:
    """About how many tokens `text` is: four bytes of UTF-8 each."""
    size = len(text) if text.isascii() else len(text.encode(errors="replace"))
    return (size + 3) // 4
