"""Number words: 11 to 99 spelled out in English, German and French, and the names of months.

A test holds the numbers to the table that num2words 0.5.14 makes. Why that library isn't used:
docs/adr/0018-libraries-kept-and-replaced.md.
"""

import re
from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENGLISH: Final = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
"""0 to 19, by number."""
ENGLISH_TENS: Final = _words("- - twenty thirty forty fifty sixty seventy eighty ninety")
"""By tens: from 2 on."""
_DE: Final = _words(
    "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn "
    "sechzehn siebzehn achtzehn neunzehn"
)
_DE_TENS: Final = _words("- - zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
_FR: Final = _words(
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize "
    "dix-sept dix-huit dix-neuf"
)
_FR_TENS: Final = _words(
    "- - vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt"
)
_MONTHS: Final = (
    "january januar janvier", "february februar février", "march märz mars", "april avril",
    "may mai", "june juni juin", "july juli juillet", "august août", "september septembre",
    "october oktober octobre", "november novembre", "december dezember décembre",
)  # fmt: skip
_MONTH_OF: Final = {name: n for n, names in enumerate(_MONTHS, 1) for name in names.split()}


def in_words(number: int) -> tuple[str, ...]:
    """The number in the three languages, lower case; nothing outside of 11 to 99."""
    if not 10 < number < 100:  # noqa: PLR2004 (as said above)
        return ()
    tens, unit = divmod(number, 10)
    spoken = (
        _english(number, tens, unit),
        _german(number, tens, unit),
        _french(number, tens, unit),
    )
    return tuple(words.casefold() for words in spoken)


def month_of(word: str) -> int | None:
    """The number of the month that `word`, lower case, names."""
    return _MONTH_OF.get(word)


def says_month(month: int, text: str) -> bool:
    """Whether `text`, lower case, names the month in any language, or in a date of numbers."""
    names = _MONTHS[month - 1].split()
    number = rf"(?:\d{{4}}[-/]0?{month}[-/]|\d[./]\s?0?{month}[./]|\b0?{month}/\d)"
    return any(says(name, text) for name in names) or re.search(number, text) is not None


def says(words: str, text: str) -> bool:
    """Whether `text`, lower case, has `words` by themselves."""
    return words in text and re.search(rf"(?<!\w){words}(?!\w)", text) is not None


def _english(number: int, tens: int, unit: int) -> str:
    if number < len(ENGLISH):
        return ENGLISH[number]
    return f"{ENGLISH_TENS[tens]}-{ENGLISH[unit]}" if unit else ENGLISH_TENS[tens]


def _german(number: int, tens: int, unit: int) -> str:
    if number < len(_DE):
        return _DE[number]
    return f"{_DE[unit]}und{_DE_TENS[tens]}" if unit else _DE_TENS[tens]


def _french(number: int, tens: int, unit: int) -> str:
    if number < len(_FR):
        return _FR[number]
    if tens in {7, 9}:  # soixante-quinze is 60 and 15
        unit += 10
    if not unit:
        return "quatre-vingts" if tens == 8 else _FR_TENS[tens]  # noqa: PLR2004 (only 80 has an s)
    joiner = " et " if unit in {1, 11} and tens < 8 else "-"  # noqa: PLR2004 (quatre-vingt-un)
    return f"{_FR_TENS[tens]}{joiner}{_FR[unit]}"
