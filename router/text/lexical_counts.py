"""Lexical counts: how much text, how many sentences, figures, code, options to choose from?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from router.text.tokenizer import TokenizedText

_OPTION: Final = re.compile(
    r"(?:^|\n|\s(?=\())\(?([A-J])[).:]\s+(\S[^\n]{0,500}?)(?=\s\([A-J]\)|\n|$)"
)
_LETTERED: Final = re.compile(r"[A-J][).:]\s")
_MIN_OPTIONS: Final = 2
_SENTENCE_ENDS: Final = (". ", "? ", "! ", "\n", "\u3002", "\uff01", "\uff1f", "\u0964", "\u061f")
_QUESTIONS: Final = ("?", "\uff1f", "\u061f")
_MATH: Final = ("\\", "=", "+", "^", "<", ">", "*", "√", "∑", "∫", "≤", "≥", "≠", "∈")
_CODE_MARKS: Final = ("```", "};", "()", "=>", "==", "):", "</", "&&", "||")
_CODE_BESIDE_MARKS: Final = ("{\n", ";\n", "#include")
_RELATING: Final = (
    "than more less fewer twice times half third quarter double triple each every per if then as "
    "remaining left rest after before total altogether average ratio percent"
)
_RELATIONS: Final = frozenset(_RELATING.split())
_COUNTING: Final = "two three four five six seven eight nine ten twelve dozen hundred thousand"
_NUMBER_WORDS: Final = frozenset(_COUNTING.split())
_STATEMENTS: Final = frozenset(["statement", "statements", "scenario", "scenarios", "claim"])
_NAME: Final = re.compile(r"[A-Z](?<=[a-z,;'] .)[a-z]+")
_ANSWER: Final = len("answer")
_NAMES_WITHIN: Final = 400
_Option: TypeAlias = tuple[int, str]


@dataclass(frozen=True, slots=True)
class LexicalCounts:
    """Counts over a text."""

    pieces: int = 0
    """Near to a tokenizer's parts."""

    words: int = 0
    sentences: int = 0
    questions: int = 0
    numbers: int = 0
    relations: int = 0
    """Words that relate quantities ("twice", "each", "left")."""

    statements: int = 0
    """Words for claims or scenarios to judge."""

    math: int = 0
    code: int = 0
    options: int = 0
    """Answers to choose from."""

    numeric_options: float = 0.0
    """Share of those with a digit, 0..1."""

    at_once: bool = False
    """The text ends in "Answer:", which leaves no room to work anything out."""

    echoed: float = 0.0
    """Share of the options' words that the question uses itself, 0..1."""

    blanks: int = 0
    names: int = 0
    """Words with a capital within a sentence, near the beginning."""


def lexical_counts(tokenized: TokenizedText) -> LexicalCounts:
    """The counts over a tokenized text."""
    text, marks = tokenized.text, tokenized.marks
    options = _options(text)
    return LexicalCounts(
        pieces=tokenized.pieces,
        words=len(tokenized.words),
        sentences=1 + _count(text.rstrip(), _SENTENCE_ENDS),
        questions=_count(marks, _QUESTIONS),
        numbers=tokenized.numbers + _among(tokenized, _NUMBER_WORDS),
        relations=_among(tokenized, _RELATIONS),
        statements=_among(tokenized, _STATEMENTS),
        math=_count(marks, _MATH) + text.count("\u03c0"),
        code=_count(marks, _CODE_MARKS) + _code_beside(marks, text),
        options=len(options),
        numeric_options=_numeric(options),
        at_once=text.rstrip(" \n:*")[-_ANSWER:].lower() == "answer",
        echoed=_echoed(options, text),
        blanks=text.count("__"),
        names=len(_NAME.findall(text, 0, _NAMES_WITHIN)),
    )


def _count(text: str, marks: Sequence[str]) -> int:
    return sum(map(text.count, marks))


def _code_beside(marks: str, text: str) -> int:
    """Signs of code that are not marks alone; most texts have no such mark."""
    likely = [sign for sign in _CODE_BESIDE_MARKS if sign[0] in marks]
    return text.count("SELECT ") + _count(text, likely)


def _among(tokenized: TokenizedText, wanted: frozenset[str]) -> int:
    if not tokenized.vocabulary & wanted:
        return 0
    return sum(map(wanted.__contains__, tokenized.words))


def _options(text: str) -> Sequence[_Option]:
    """(where it starts, its text) of the answers to choose from: lettered, two or more."""
    if _LETTERED.search(text) is None:
        return ()
    options = [(match.start(), match[2]) for match in _OPTION.finditer(text)]
    return options if len(options) >= _MIN_OPTIONS else ()


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
