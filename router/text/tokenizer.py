"""Tokenizer of the features: a text is read once, so that they all come from the same pass.

A text of megabytes is judged by its beginning and its end, where instructions stand.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_PROMPT_CHARACTERS: Final = 24_000
ESTIMATED_BYTES_PER_TOKEN: Final = 4

_UNSPACED: Final = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_PIECE: Final = re.compile(rf"[^\W\d_{_UNSPACED}]+|\d{{1,3}}|[{_UNSPACED}]|[^\w\s]+|_+")
_SENTENCE: Final = re.compile(r"[^.!?\n]+[.!?\n]*|[.!?\n]+")
_SUPERLATIVES: Final = (
    "best strongest smartest biggest premium capable powerful expensive important urgent critical "
    "max maximum highest"
)
_PLEA_WORDS: Final = frozenset(_SUPERLATIVES.split())
_PLEA: Final = re.compile(
    r"\b(?:best|strongest|smartest|biggest|premium|most (?:capable|powerful|expensive))"
    r"(?: \w+)? (?:model|tier|ai|llm)\b"
    r"|\b(?:very|really|extremely|super|so) (?:important|urgent|critical)\b"
    r"|\b(?:maximum|max|highest)(?: \w+)? (?:quality|effort|tier)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """A text, its parts and its words in lower case."""

    text: str
    pieces: list[str]
    """Words, single characters of scripts without spaces, groups of digits, signs: near to a
    tokenizer's parts (correlation 0.996 with cl100k over our 9,377 prompts)."""

    words: list[str]
    vocabulary: frozenset[str]
    """The words, each once."""

    pleas: int = 0
    """Sentences left out because they argue for a better model."""


def tokenize(text: str) -> TokenizedText:
    """`text` in parts, without what pleads for a better model."""
    tokenized = _read(excerpt(text))
    if not tokenized.vocabulary & _PLEA_WORDS:
        return tokenized
    sentences = _SENTENCE.findall(tokenized.text)
    others = [sentence for sentence in sentences if _PLEA.search(sentence) is None]
    pleas = len(sentences) - len(others)
    return _read("".join(others), pleas) if pleas else tokenized


def excerpt(text: str) -> str:
    """`text` itself, or its first two thirds and last third of `MAX_PROMPT_CHARACTERS`."""
    if len(text) <= MAX_PROMPT_CHARACTERS:
        return text
    tail = MAX_PROMPT_CHARACTERS // 3
    return text[: MAX_PROMPT_CHARACTERS - tail] + "\n" + text[-tail:]


def token_estimate(text: str) -> int:
    """About how many tokens `text` is: four bytes of UTF-8 each."""
    size = len(text) if text.isascii() else len(text.encode(errors="replace"))
    return (size + ESTIMATED_BYTES_PER_TOKEN - 1) // ESTIMATED_BYTES_PER_TOKEN


def _read(text: str, pleas: int = 0) -> TokenizedText:
    pieces = _PIECE.findall(text.lower())
    words = [piece for piece in pieces if piece.isalpha()]
    return TokenizedText(text, pieces, words, frozenset(words), pleas)
