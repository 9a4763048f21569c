"""Meaningful signs: marks, operators, emoji, superscripts. Which signs of a text say something?

A sign that no rule calls harmless in its place counts.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

CURRENCY: Final = "$\u20ac\u00a3\u00a5\u20b9"
QUOTES: Final = "\"'\u201c\u201d\u2018\u201e\u201a\u00ab\u00bb\u2039\u203a"
_SIGN: Final = re.compile(r"[^\w\s,;]|_")
_HARMLESS: Final = frozenset(
    "\u00bf\u00a1\u2026\u2022\u00b7\u2122\u00ae\u3001\u3002\uff1f\uff01\uff0c\u300a\u300b\u300c\u300d\u300e\u300f"
    "\u061f\u060c\u061b\u0964"
)
_FORMULA: Final = re.compile(r"[\w)] ?[*^=<>+\u00d7\u00f7] ?[\w(]")
_REACH: Final = 60
"""Characters beside a sign that tell what it is."""


def meaningful_signs(text: str) -> tuple[str, ...]:
    """Every sign that may mean something, then superscripts, subscripts and fractions."""
    signs = (
        _with_side(text, match.start())
        for match in _SIGN.finditer(text)
        if _may_mean(text, match.start())
    )
    raised = () if text.isascii() else filter(_is_raised, text)
    return (*signs, *raised)


def _with_side(text: str, at: int) -> str:
    """The sign, and whether it leads or follows its word where that tells: !x, x!."""
    if text[at] != "!":
        return text[at]
    leads = text[at + 1 : at + 2].isalnum() and not text[at - 1 : at].isalnum()
    return "! before" if leads else "!"


def _may_mean(text: str, at: int) -> bool:
    """Whether the sign at a place may mean something there."""
    char, before, after = text[at], text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if char in _HARMLESS or unicodedata.category(char) in _NO_SIGNS or char in QUOTES:
        return False
    rule = _RULES.get(char)
    return True if rule is None else rule(text, at, before, after)


def _joins(text: str, at: int, before: str, after: str) -> bool:
    """A point or colon inside an identifier; those inside numbers are read as numbers."""
    del text, at
    return after.isalnum() and not (before.isdigit() and after.isdigit())


def _groups(text: str, at: int, before: str, after: str) -> bool:
    """A parenthesis of a call or a formula, not one around an aside."""
    is_call = text[at] == "(" and before.isalnum() and (after.isalnum() or after == ")")
    return is_call or _has_formula(text)


@lru_cache(maxsize=64)
def _has_formula(text: str) -> bool:
    return _FORMULA.search(text) is not None


def _is_sigil(text: str, at: int, before: str, after: str) -> bool:
    """A `$` or `%` that isn't beside a number, where it is read as its unit."""
    del before, after
    left, right = _beside(text, at)
    return not left.rstrip()[-1:].isdigit() and not right.lstrip()[:1].isdigit()


def _asks_within(text: str, at: int, before: str, after: str) -> bool:
    """A `?` that doesn't end a sentence."""
    del text, at, before
    return after.isalnum() or after == "."


def _exclaims(text: str, at: int, before: str, after: str) -> bool:
    """A `!` that is a factorial, a negation or a part of a name: it doesn't end a sentence."""
    is_letter = before.islower() and not text[at - 2 : at - 1].isalnum()
    if before.isdigit() or before == ")" or (is_letter and at > 1):
        return True  # n! as 5!
    if after and not after.isspace() and after not in "!?\"'":
        return True
    # behind the first word it may greet: "Hello! what is"
    left, right = _beside(text, at)
    return " " in left.strip() and right.lstrip()[:1].islower()


def _subtracts(text: str, at: int, before: str, after: str) -> bool:
    """A dash between operands or before one: not inside a word or a sentence."""
    if before.isdigit() and after.isdigit():
        return True
    if before == after == " ":
        return _are_operands(text, at)
    return after.isalpha() and before in {"", " ", "("}


def _divides(text: str, at: int, before: str, after: str) -> bool:
    """A slash of numbers, a path or a comment, not one between two words."""
    if before == after == " ":
        return _are_operands(text, at)
    return "/" in {before, after} or (after.isalnum() and not before.isalnum())


def _is_operator(text: str, at: int, before: str, after: str) -> bool:
    """An `&` that doesn't stand for "and"."""
    del text, at
    return before == "&" or not (after == " " or (before.isupper() and after.isupper()))


def _are_operands(text: str, at: int) -> bool:
    """Whether numbers or single letters stand on both sides of a place."""
    left, right = _beside(text, at)
    operands = [word.rstrip(".?!") for word in (*left.split()[-1:], *right.split()[:1])]
    return all(len(word) == 1 or word.isdigit() for word in operands)


def _beside(text: str, at: int) -> tuple[str, str]:
    """What stands on both sides of a place; not all of it, for long texts have many places."""
    return text[max(0, at - _REACH) : at], text[at + 1 : at + 1 + _REACH]


_NO_SIGNS: Final = frozenset({"Mn", "Mc", "Cf", "Cc", "Zs"})
_RULES: Final[dict[str, Callable[[str, int, str, str], bool]]] = {
    ".": _joins,
    ":": _joins,
    **dict.fromkeys("()", _groups),
    "?": _asks_within,
    "!": _exclaims,
    "/": _divides,
    "&": _is_operator,
    **dict.fromkeys("-\u2013\u2014\u2212", _subtracts),
    **dict.fromkeys(CURRENCY + "%\u2030\u00b0", _is_sigil),
}
"""When a sign means something, from the text, the sign's place, and what stands beside it.

A sign without a rule always does.
"""


def _is_raised(char: str) -> bool:
    """Whether it is a superscript, a subscript or a fraction."""
    category = unicodedata.category(char)
    return category == "No" or (category == "Lm" and unicodedata.normalize("NFKC", char) != char)
