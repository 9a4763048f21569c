"""Claim look-up: which of an answer's numbers, names and quotations does its context lack?

Strict where that costs little, lenient where an honest answer writes a thing another way; the
lenient ways are tried only on what the strict one didn't find. What an answer says in its own words
can't be looked up.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Final

from observability.grounding.number_matching import (
    NUMBER,
    NumberIndex,
    readings,
    scale_after,
    stands_alone,
)
from observability.grounding.number_words import month_of, says_month

_QUOTE: Final = re.compile(r"[\"“„«]([^\"“”„«»\n]{12,300})[\"”“»]")
_CAPITAL: Final = "A-ZÀ-ÖØ-ÞĀĆČĐĘĞİŁŃŌŐŘŚŞŠŪŰŹŻŽ"
_NAME: Final = re.compile(
    rf"[{_CAPITAL}](?<!\w.)[\w'\u2019-]*"
    rf"(?:[ ](?:(?:of|de|van|von|the|and)[ ])?[{_CAPITAL}][\w'\u2019-]*){{0,15}}"
)
"""Begins with a set, for which the engine looks fast; what stands before it is asked then."""
_JOINED: Final = re.compile(r" (?:of|de|van|von|the|and) ")
_LEADING_JOINER: Final = re.compile(r"^(?:of|de|van|von|the|and) ")
_OPENING: Final = " \t\"'([*_#\u201c\u201e\u00ab\u2018"
_ENDING: Final = (".", "!", "?", ":", ";", "|", "\n", "\u2022", "-", ")")
"""What may stand before the first word of a sentence, a quotation, a cell or a point of a list."""
_MARKED_UP: Final = re.compile(
    r"^[ \t]*(?:#{1,6}[ ][^\n]*|\*\*[^*\n]{1,80}\*\*:?|[^.!?\n]{1,60}:)[ \t]*$"  # a heading
    r"|^[ \t]*(?:[-*•][ ]+)?\*\*[^*\n]{1,40}(?::\*\*|\*\*:)",  # a label
    re.MULTILINE,
)
_GERMAN: Final = frozenset(
    "der die das dem und ist sind nicht ein eine einen im für auf wird wurde zum zur über".split()  # noqa: SIM905
)
_UMLAUT: Final = re.compile("[äöüß]")
_SIGNS_OF_GERMAN: Final = 2
_NO_NAMES: Final = frozenset(
    {"ceo", "cfo", "cto", "eur", "usd", "gbp", "chf", "faq", "i'm", "i'll"}
)
_APART: Final = bytes(
    [code if chr(code).isalnum() else ord(" ") for code in range(128)] + [*range(128, 256)]
)
_TITLES: Final = frozenset({"Frau", "Herr", "Herrn", "Madame", "Monsieur", "Mr", "Mrs", "Ms", "Dr"})
_SHORT: Final = 2
_MOST: Final = 200
"""Claims of each kind that are looked up, which bounds what a hostile answer can cost."""
_SMALL: Final = 10
"""Whole numbers up to here count things and number lists."""
_SMALL_DIGITS: Final = 4
"""Thousands of digits are no number that int() takes."""


class ContextIndex:
    """A context, read as far as the claims ask for."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def folded(self) -> str:
        """In lower case, with single spaces."""
        return fold_text(self._text)

    @cached_property
    def _known(self) -> NumberIndex:
        return NumberIndex(self._text, self.folded)

    def unsupported_claims(self, answer: str) -> tuple[int, tuple[str, ...]]:
        """How many claims of `answer` were looked up, and those that aren't here."""
        large = (number for number in NUMBER.finditer(answer) if not _is_small(number[0]))
        numbers, names = list(islice(large, _MOST)), list(islice(_names(answer), _MOST))
        quotes = [quote[1] for quote in islice(_QUOTE.finditer(answer), _MOST)]
        missing = [n[0] for n in numbers if not self._has_number(n)]
        missing += [name for name in names if not self._has_name(name)]
        missing += [
            f'"{quote}"' for quote in quotes if fold_text(quote).strip(" .,") not in self.folded
        ]
        return len(numbers) + len(names) + len(quotes), tuple(missing)

    def _has_number(self, number: re.Match[str]) -> bool:
        if stands_alone(number[0], self._text):
            return True
        scale = scale_after(number.string, number.end())
        return self._known.supports(readings(number[0], scale))

    def _has_name(self, name: str) -> bool:
        return all(map(self._has_word, fold_text(name).split()))

    def _has_word(self, word: str) -> bool:
        if word.removesuffix("'s") in self.folded:
            return True
        month = month_of(word)
        return month is not None and says_month(month, self.folded)


def fold_text(text: str) -> str:
    """In lower case, with single spaces and straight apostrophes."""
    return " ".join(text.casefold().replace("\u2019", "'").split())


def context_tokens(text: str) -> set[str]:
    """What stands between ASCII marks and spaces, in lower case."""
    # by bytes: `str.translate` takes 40 times as long where one character isn't ASCII
    apart = text.casefold().encode(errors="surrogatepass").translate(_APART)
    return set(apart.decode(errors="surrogatepass").split())


def _names(answer: str) -> Iterator[str]:
    """Names and acronyms of the prose, not of headings."""
    prose = (
        _MARKED_UP.sub("", answer) if "#" in answer or ":" in answer or "**" in answer else answer
    )
    nouns_too = _nouns_are_capitalised(prose)
    for match in _NAME.finditer(prose):
        begins = _begins_sentence(prose, match.start())
        words = _without_first(match[0]) if begins else match[0]
        for name in _JOINED.split(words) if nouns_too else [words]:
            if (
                len(name) > _SHORT
                and name.casefold() not in _NO_NAMES
                and (not nouns_too or " " in name or name.isupper())
            ):
                yield name


def _without_first(name: str) -> str:
    """A word that begins a sentence is capitalised anyway, unless it is an acronym."""
    first, _, rest = name.partition(" ")
    keeps = first[1:].isupper() or (first in _TITLES and rest)
    return name if keeps else _LEADING_JOINER.sub("", rest)


def _begins_sentence(text: str, at: int) -> bool:
    before = text[max(0, at - 40) : at].rstrip(_OPENING)
    return not before or before.endswith(_ENDING)


def _nouns_are_capitalised(text: str) -> bool:
    """Whether it is German: then a single capitalised word is no name."""
    signs = context_tokens(text) & _GERMAN
    return len(signs) + (_UMLAUT.search(text) is not None) >= _SIGNS_OF_GERMAN


def _is_small(number: str) -> bool:
    return number.isdigit() and len(number) <= _SMALL_DIGITS and int(number) <= _SMALL
