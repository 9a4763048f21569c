"""Pieces and counts by their definition, for texts of ASCII and for all others."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from router.text.lexical_counts import lexical_counts
from router.text.tokenizer import tokenize

UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
PIECE = re.compile(rf"[^\W\d_{UNSPACED}]+|\d{{1,3}}|[{UNSPACED}]|[^\w\s]+|_+")
MATH = ("\\", "=", "+", "^", "<", ">", "*", "√", "∑", "∫", "≤", "≥", "≠", "π", "∈")
CODE = (
    *("```", "{\n", "};", ";\n", "()", "=>", "==", "):", "</", "&&", "||", "#include", "SELECT "),
)
NAME = re.compile(r"(?<=[a-z,;'] )[A-Z][a-z]+")
PARTS = [*MATH, *CODE, *"?\uff1f\u061f_", "|", "{", ";", "a", "in Rome", "X2", "12345", "\u0662"]
TEXTS = st.lists(
    st.sampled_from([*PARTS, " ", "\n", "\u2019", "\u2026", "\u20ac", "\u00a0", "\u00e9", "\u30fb"])
    | st.text(max_size=3),
    max_size=30,
).map("".join)


@given(TEXTS | st.text(max_size=80))
@example("".join(map(chr, range(0x250))))
@example(" ".join(map(chr, range(0x2000, 0x2070))))
def test_pieces_are_those_of_one_pattern(text: str) -> None:
    pieces, read = PIECE.findall(text.lower()), tokenize(text)
    assert read.pieces == len(pieces)
    assert read.numbers == sum(map(str.isdecimal, pieces))
    assert read.words == [piece for piece in pieces if piece.isalpha()]
    assert read.vocabulary == frozenset(read.words)


@given(TEXTS)
def test_signs_are_counted_as_they_stand_in_the_text(text: str) -> None:
    counts = lexical_counts(tokenize(text))
    assert counts.math == sum(map(text.count, MATH))
    assert counts.code == sum(map(text.count, CODE))
    assert counts.questions == sum(map(text.count, ("?", "\uff1f", "\u061f")))
    assert counts.names == len(NAME.findall(text, 0, 400))
