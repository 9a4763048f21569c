"""Genders: articles that tell two nouns of one spelling apart. Le voile hides, la voile drives."""

import itertools
import re
from collections.abc import Sequence
from typing import Final

_GENDERS: Final = {
    word: gender
    for gender, words in enumerate(("le el il", "la die", "das het", "de", "un um", "une una uma"))
    for word in words.split()
}
"""Without those that also tell a noun's case: der Frau."""
_INDEFINITE: Final = 4
"""From this gender on."""
_WORDS: Final = re.compile(r"[^\W\d_]+")


def gender_differs(a: str, b: str) -> bool:
    """Whether a noun of both texts has another gender in each."""
    first, second = (_nouns(_WORDS.findall(text.lower())) for text in (a, b))
    return any(
        first[noun] != second[noun] and (first[noun] < _INDEFINITE) == (second[noun] < _INDEFINITE)
        for noun in first.keys() & second.keys()
    )


def _nouns(words: Sequence[str]) -> dict[str, int]:
    """What stands behind an article, with its gender."""
    return {
        noun: _GENDERS[article]
        for article, noun in itertools.pairwise(words)
        if article in _GENDERS
    }
