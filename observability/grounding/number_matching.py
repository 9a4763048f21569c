"""Number matching: which values may a written number have, and does a text bear one out?

It is borne out when it equals one of the text's, when it is one of them rounded as coarsely as it
is written, when the text says it as a word, or when it is the sum, the difference or the
product of two of them and too large for that to be chance.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from observability.grounding.number_words import in_words, says

NUMBER: Final = re.compile(
    r"\d(?<![\w.]\d)(?:\d{0,2}(?:[ ]\d{3})+(?!\d)|[\d,.\u202f\u00a0']*\d|\b)"
)
"""Begins with the digit, so that all else is skipped at full speed. A sign is not a part of it."""
_SCALE: Final = re.compile(
    r"[ \u00a0\u202f]?(?:(k|thousand|tausend|mille)|(m|mio|millions?|millionen)"
    r"|(bn|mrd|billions?|milliarden?|milliards?))\b",
    re.IGNORECASE,
)
_JOINS_BEFORE: Final = re.compile(r"(?:[\w.]|\d[,' \u202f\u00a0])\Z")
_JOINS_AFTER: Final = re.compile(r"\w|[,.' \u202f\u00a0]\d")
_GROUPS_OF_THREE: Final = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_MOST_FOR_PAIRS: Final = 24
_DIGITS_TO_ROUND: Final = 2
_MOST_DIGITS: Final = 15
"""What a float holds exactly; a longer number is somebody's identifier, and never rounded."""
_MOST_PARTS: Final = 200
"""Longer numbers that may have a number in them, until its values are looked at instead."""
_MOST_PLACES: Final = 300
"""Behind the point, whose power of ten a float still holds."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A value, half a unit of the last place that was written, and how many digits were."""

    value: float
    half: float
    digits: int

    def rounds(self, known: float) -> bool:
        """Whether `known`, rounded to this figure's last place, is this figure."""
        return abs(known - self.value) <= self.half


def _values(text: str) -> Iterator[float]:
    """Those of every number of `text`, in each way that it can be read."""
    for hit in NUMBER.finditer(text):
        number, scale = hit[0], scale_after(text, hit.end())
        if number.isdecimal() and len(number) <= _MOST_DIGITS:  # most are: no need to look further
            yield float(number)
            yield float(number) * scale
        else:
            yield from (figure.value for figure in readings(number, scale))


def readings(number: str, scale: int = 1) -> Iterator[Figure]:
    """The values of a number as written, plain and times its scale: `1.250` is 1250 or 1¼."""
    for spelling in _spellings(number):
        value, digits = float(spelling), len(spelling.lstrip("0."))
        # behind more places than a float has, half a unit of the last one is nothing
        half = 0.5 / 10 ** min(len(spelling.partition(".")[2]), _MOST_PLACES)
        if digits <= _MOST_DIGITS:
            yield Figure(value, half, digits)
            if scale > 1:
                yield Figure(value * scale, half * scale, digits)


class NumberIndex:
    """All values that a text's numbers may have, and the text in lower case."""

    def __init__(self, text: str, folded: str) -> None:
        self._values = sorted(set(_values(text)))
        self._folded = folded

    def supports(self, wanted: Iterable[Figure]) -> bool:
        """Whether it does any reading of a number."""
        return any(
            self._equals(figure) or self._says(figure) or self._gives(figure) for figure in wanted
        )

    def _equals(self, figure: Figure) -> bool:
        half = figure.half if figure.digits >= _DIGITS_TO_ROUND else 0
        at = bisect_left(self._values, figure.value - half)
        return at < len(self._values) and self._values[at] <= figure.value + half

    def _says(self, figure: Figure) -> bool:
        whole = int(figure.value)
        spoken = in_words(whole) if whole == figure.value else ()
        return any(says(words, self._folded) for words in spoken)

    def _gives(self, figure: Figure) -> bool:
        """Of n numbers there are about n² results: a value below that may be one by chance."""
        known = self._values
        if len(known) > _MOST_FOR_PAIRS or figure.value < len(known) ** 2:
            return False
        return any(
            figure.rounds(a + b) or figure.rounds(b - a) or figure.rounds(a * b)
            for a, b in combinations(known, 2)
        )


def stands_alone(number: str, text: str) -> bool:
    """Whether `text` has the number as it is written, and not as a part of a longer one."""
    at = text.find(number)
    for _ in range(_MOST_PARTS):
        if at < 0:
            return False
        end = at + len(number)
        if not (_JOINS_BEFORE.search(text[max(0, at - 2) : at]) or _JOINS_AFTER.match(text, end)):
            return True
        at = text.find(number, at + 1)
    return False


def scale_after(text: str, at: int) -> int:
    """What the word after a number multiplies it by: 1 when that is no `million` or the like."""
    hit = _SCALE.match(text, at)
    return 1 if hit is None or hit.lastindex is None else 1000**hit.lastindex


def _spellings(number: str) -> Iterator[str]:
    """The digits with a decimal point, in each way that marks may be meant."""
    text = re.sub(r"[\u202f\u00a0' ]", "", number).rstrip(".,")
    last = max(text.rfind("."), text.rfind(","))
    bare = text.replace(",", "").replace(".", "")
    decimal = last >= 0 and text.count(text[last]) == 1
    grouped = _GROUPS_OF_THREE.fullmatch(text) is not None
    if decimal and not (grouped and text.endswith("000")):
        whole, fraction = text[:last], text[last + 1 :]
        yield f"{whole.replace(',', '').replace('.', '')}.{fraction}"
    if grouped or not decimal:
        yield bare
