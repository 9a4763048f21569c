"""Amounts: numbers and sums in one writing. Are a third, 1/3 and ⅓ one, 2 million and 2,000,000?

Before numbers in words become digits. Rounding never makes two one.
"""

import re
from decimal import Decimal
from typing import Final

_FRACTIONS: Final = {
    "\u00bd": "1/2", "\u00bc": "1/4", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3",
    "\u215b": "1/8",
}  # fmt: skip
_FRACTION: Final = re.compile(f"(?<![^\\s\\d])([{''.join(_FRACTIONS)}])(?![^\\s.,;:?!)])")
_GROUPED: Final = re.compile(
    r"(?<![\d.,])[1-9]\d{0,2}(?:(?:\.\d{3})+|(?:[ \u00a0\u202f]000)+)(?![\d.,]*\d)"
)
"""A thousand, 1.000 and 1 000: in most languages but English a point separates thousands."""
_UNSPACED: Final = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
"""Chinese and Japanese, which write a point before decimals."""
_NUMBERED: Final = (
    "version", "versión", "versione", "versão", "versie", "wersja", "sürüm", "release", "kapitel",
    "chapitre", "capítulo", "capitolo",
)  # fmt: skip
"""Before a number whose point is none of thousands."""
_MONEY: Final = {"$": r"(?:US )?dollars?|USD", "\u20ac": r"euros?|EUR|\u20ac"}
_SUMS: Final = [
    (re.compile(rf"(?<![\w.,$\u20ac])(\d+(?:[.,]\d+)*)\s?(?:{names})(?!\w)", re.IGNORECASE), sign)
    for sign, names in _MONEY.items()
]
_SUM: Final = re.compile(r"\d\s?(?:US |\u20ac|d|e)", re.IGNORECASE)
_LASTING: Final = re.compile(
    r"\b(\d+)-(second|minute|hour|day|week|month|year|metre|meter|mile|foot|inch|pound)\b",
    re.IGNORECASE,
)
_PARTS: Final = {"third": 3, "quarter": 4, "fifth": 5, "tenth": 10}
_PART: Final = re.compile(
    r"\b(?:(a|one|two|three) )(third|quarter|fifth|tenth)s?(?= of\b)", re.IGNORECASE
)
_COUNTS: Final = {"a": 1, "one": 1, "two": 2, "three": 3}
_SCALES: Final = {
    1_000: "thousand tausend mille mil duizend bin tysięcy",
    1_000_000: """million millions millionen millones millón milioni milhões milhão miljoen milionów
        milyon""",
    1_000_000_000: "milliarde milliarden milliard milliards miliardi miljard milyar",
}
"""Without billion, a thousand million in English and a million million in most other languages."""
_SCALE: Final = {word: value for value, words in _SCALES.items() for word in words.split()}
_POWER: Final = "|".join(_SCALE)
_SCALED: Final = {
    is_foreign: re.compile(
        rf"(?<![\d.,])(\d{{1,4}}(?:[{mark}]\d{{1,3}})?) ({names})\b(?! (?:{names}))", re.IGNORECASE
    )
    for is_foreign, mark, names in ((False, ".", "thousand|millions?"), (True, ",", _POWER))
}
_DOZEN: Final = re.compile(r"\ba dozen\b", re.IGNORECASE)


def plain_amounts(text: str, *, is_foreign: bool) -> str:
    """The text with fractions as 1/3, great numbers in digits, sums as $5.

    is_foreign: in another language than English.
    """
    plain = text if text.isascii() else _FRACTION.sub(_in_signs, text)
    if is_foreign and _UNSPACED.search(plain) is None:
        plain = _GROUPED.sub(_ungrouped, plain)
    elif not is_foreign:
        plain = _DOZEN.sub("12", _PART.sub(_part, plain))
        plain = _LASTING.sub(r"\1 \2", plain)
    plain = _SCALED[is_foreign].sub(_scaled, plain)
    if _SUM.search(plain):
        for pattern, sign in _SUMS:
            plain = pattern.sub(rf"{sign}\1", plain)
    return plain


def _ungrouped(match: re.Match[str]) -> str:
    before = match.string[: match.start()].rstrip().casefold()
    return match[0] if before.endswith(_NUMBERED) else re.sub(r"\D", "", match[0])


def _in_signs(match: re.Match[str]) -> str:
    is_mixed = match.string[match.start() - 1 : match.start()].isdigit()
    return (" " if is_mixed else "") + _FRACTIONS[match[1]]


def _part(match: re.Match[str]) -> str:
    count, part = _COUNTS.get(match[1].lower()), _PARTS.get(match[2].lower())
    return match[0] if count is None or part is None else f"{count}/{part}"


def _scaled(match: re.Match[str]) -> str:
    """The match as it is where its word has letters that only look like another's: MİLYON."""
    value = Decimal(match[1].replace(",", ".")) * _SCALE.get(match[2].lower(), Decimal("0.1"))
    return str(int(value)) if value == int(value) and match[2].lower() in _SCALE else match[0]
