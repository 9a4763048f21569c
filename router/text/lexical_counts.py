"""What does a text look like on its surface: how much of it, how many steps, code, mathematics?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from router.text.tokenizer import TokenizedText

_OPTION: Final = re.compile(
    r"(?:^|\n|\s(?=\())\(?([A-J])[).:]\s+(\S[^\n]{0,500}?)(?=\s\([A-J]\)|\n|$)"
)
_MIN_OPTIONS: Final = 2
_SENTENCE_ENDS: Final = (". ", "? ", "! ", "\n", "\u3002", "\uff01", "\uff1f", "\u0964", "\u061f")
_QUESTIONS: Final = ("?", "\uff1f", "\u061f")
_MATH: Final = ("\\", "=", "+", "^", "<", ">", "*", "√", "∑", "∫", "≤", "≥", "≠", "π", "∈")
_CODE: Final = (
    "```",
    "{\n",
    "};",
    ";\n",
    "()",
    "=>",
    "==",
    "):",
    "</",
    "&&",
    "||",
    "#include",
    "SELECT ",
)
_RELATING: Final = (
    "than more less fewer twice times half third quarter double triple each every per if then as "
    "remaining left rest after before total altogether average ratio percent"
)
_RELATIONS: Final = frozenset(_RELATING.split())
_COUNTING: Final = "two three four five six seven eight nine ten twelve dozen hundred thousand"
_NUMBER_WORDS: Final = frozenset(_COUNTING.split())
_STATEMENTS: Final = frozenset(["statement", "statements", "scenario", "scenarios", "claim"])
_NAME: Final = re.compile(r"(?<=[a-z,;'] )[A-Z][a-z]+")
_NAMES_WITHIN: Final = 400
_Option: TypeAlias = tuple[int, str]


@dataclass(frozen=True, slots=True)
class LexicalCounts:
    """Counts over a text.

    relations: words that relate quantities ("twice", "each", "left"); statements: claims or
    scenarios to judge. options: answers to choose from; numeric_options: share of those with a
    digit; at_once: the text ends in "Answer:", which leaves no room to work anything out; echoed:
    share of the options' words that the question uses itself. names: words with a capital within a
    sentence, near the beginning.
    """

    pieces: int = 0
    words: int = 0
    sentences: int = 0
    questions: int = 0
    numbers: int = 0
    relations: int = 0
    statements: int = 0
    math: int = 0
    code: int = 0
    options: int = 0
    numeric_options: float = 0.0
    at_once: bool = False
    echoed: float = 0.0
    blanks: int = 0
    names: int = 0


def lexical_counts(reading: TokenizedText) -> LexicalCounts:
    """The counts over a reading."""
    text = reading.text
    options = _options(text)
    return LexicalCounts(
        pieces=len(reading.pieces),
        words=len(reading.words),
        sentences=1 + _count(text.rstrip(), _SENTENCE_ENDS),
        questions=_count(text, _QUESTIONS),
        numbers=sum(map(str.isdecimal, reading.pieces)) + _among(reading, _NUMBER_WORDS),
        relations=_among(reading, _RELATIONS),
        statements=_among(reading, _STATEMENTS),
        math=_count(text, _MATH),
        code=_count(text, _CODE),
        options=len(options),
        numeric_options=_numeric(options),
        at_once=text.rstrip(" \n:*").lower().endswith("answer"),
        echoed=_echoed(options, text),
        blanks=text.count("__"),
        names=len(_NAME.findall(text, 0, _NAMES_WITHIN)),
    )


def _count(text: str, marks: Sequence[str]) -> int:
    return sum(map(text.count, marks))


def _among(reading: TokenizedText, wanted: frozenset[str]) -> int:
    if not reading.vocabulary & wanted:
        return 0
    return sum(word in wanted for word in reading.words)


def _options(text: str) -> Sequence[_Option]:
    """(where it starts, its text) of the answers to choose from: lettered, two or more."""
    found = [(match.start(), match[2]) for match in _OPTION.finditer(text)]
    return found if len(found) >= _MIN_OPTIONS else ()


def _numeric(options: Sequence[_Option]) -> float:
    if not options:
        return 0.0
    return sum(any(map(str.isdigit, option)) for _, option in options) / len(options)


def _echoed(options: Sequence[_Option], text: str) -> float:
    """High where the options say again what the question says, so relations decide, not recall."""
    if not options:
        return 0.0
    stem = _words(text[: options[0][0]])
    offered = {word for _, option in options for word in _words(option)}
    return len(offered & stem) / max(1, len(offered))


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W\d_]+", text.lower()))
