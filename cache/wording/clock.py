"""Clock and calendar: times and dates in one writing. Are 3 p.m. and 15:00 one, 4 July, July 4th?

Only what leaves no doubt: 4/7/1776 in an English text may be either day, and stays.
"""

import re
from typing import Final

_MONTHS: Final = """
january januar janvier enero gennaio janeiro januari stycznia ocak
february februar février febrero febbraio fevereiro februari lutego şubat
march märz mars marzo marzo março maart marca mart
april april avril abril aprile abril april kwietnia nisan
may mai mai mayo maggio maio mei maja mayıs
june juni juin junio giugno junho juni czerwca haziran
july juli juillet julio luglio julho juli lipca temmuz
august august août agosto agosto agosto augustus sierpnia ağustos
september september septembre septiembre settembre setembro september września eylül
october oktober octobre octubre ottobre outubro oktober października ekim
november november novembre noviembre novembre novembro november listopada kasım
december dezember décembre diciembre dicembre dezembro december grudnia aralık
"""
MONTHS: Final = {
    name: number
    for number, names in enumerate(_MONTHS.strip().splitlines(), start=1)
    for name in names.split()
}
"""Of nine languages, by their number."""
_WEEKDAYS: Final = """
monday tuesday wednesday thursday friday saturday sunday
montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag
lundi mardi mercredi jeudi vendredi samedi dimanche
lunes martes miércoles jueves viernes sábado domingo
lunedì martedì mercoledì giovedì venerdì sabato domenica
segunda terça quarta quinta sexta segunda-feira terça-feira quarta-feira quinta-feira sexta-feira
maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
poniedziałkiem wtorkiem środą czwartkiem piątkiem sobotą niedzielą
"""
WEEKDAYS: Final = frozenset(_WEEKDAYS.split())
_NAMED: Final = "|".join(sorted(MONTHS, key=len, reverse=True))
_DAY_FIRST: Final = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th|er|\u00ba|\.)? (?:of |de )?({_NAMED}),?(?: de)? (\d{{4}})\b",
    re.IGNORECASE,
)
_MONTH_FIRST: Final = re.compile(
    rf"\b({_NAMED}) (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b", re.IGNORECASE
)
_IN_DIGITS: Final = re.compile(r"(?<![\d.])0?(\d{1,2})\.0?(\d{1,2})\.((?:1\d|20)\d\d)(?![\d.]*\d)")
_SLASHED: Final = re.compile(
    r"(?<![\d/])(1[3-9]|2\d|3[01])/0?(\d|1[0-2])/((?:1\d|20)\d\d)(?![\d/])"
)
"""A day that can't be a month."""
_ALONE: Final = "|".join(
    name for name, *_ in map(str.split, _MONTHS.split("\n")[1:-1]) if name not in {"march", "may"}
)
"""English months without a year beside them; two may be verbs."""
_DAY: Final = re.compile(
    rf"\b(?:the )?(\d{{1,2}})(?:(?:st|nd|rd|th)(?: of)?| of) ({_ALONE})\b(?! \d{{4}})",
    re.IGNORECASE,
)
_DAY_BEHIND: Final = re.compile(
    rf"\b({_ALONE}) (?:the )?(\d{{1,2}})(?:st|nd|rd|th)\b(?!,? \d{{4}})", re.IGNORECASE
)
_ON_DAY: Final = re.compile(
    rf"(?<=\bon )(?:(\d{{1,2}}) ({_ALONE})|({_ALONE}) (\d{{1,2}}))\b(?!,? \d{{4}})", re.IGNORECASE
)
_YEAR_FIRST: Final = re.compile(r"(?<![\d-])((?:1\d|20)\d\d)-(\d\d)-(\d\d)(?![\d-])")
_HALVES: Final = re.compile(
    r"(?<![\d:.])(1[0-2]|0?[1-9])(?:[:.]([0-5]\d))? ?([ap])\.?m\b\.?", re.IGNORECASE
)
_HOURS: Final = re.compile(
    r"(?<![\d:.,])([01]?\d|2[0-3])(?:(?:[:.]([0-5]\d))? uhr| ?h([0-5]\d))\b", re.IGNORECASE
)
_NOON: Final = 12
_MAYBE: Final = re.compile(r"\d")


def plain_times(text: str, *, is_foreign: bool) -> str:
    """The text with days as 4.7.1776 and 4.7, hours as 15:00. is_foreign: not in English."""
    if _MAYBE.search(text) is None:
        return text
    plain = _DAY_FIRST.sub(lambda match: _date(match, match[1], match[2], match[3]), text)
    plain = _MONTH_FIRST.sub(lambda match: _date(match, match[2], match[1], match[3]), plain)
    plain = _SLASHED.sub(r"\1.\2.\3", plain)
    plain = _YEAR_FIRST.sub(lambda match: f"{int(match[3])}.{int(match[2])}.{match[1]}", plain)
    plain = _IN_DIGITS.sub(r"\1.\2.\3", plain)
    if is_foreign:
        return _HOURS.sub(lambda match: f"{int(match[1])}:{match[2] or match[3] or '00'}", plain)
    plain = _DAY.sub(lambda match: _date(match, match[1], match[2], ""), plain)
    plain = _DAY_BEHIND.sub(lambda match: _date(match, match[2], match[1], ""), plain)
    plain = _ON_DAY.sub(
        lambda match: _date(match, match[1] or match[4], match[2] or match[3], ""), plain
    )
    return _HALVES.sub(_hour, plain)


def _hour(match: re.Match[str]) -> str:
    hour = int(match[1]) % _NOON + (_NOON if match[3].lower() == "p" else 0)
    return f"{hour}:{match[2] or '00'}"


def _date(match: re.Match[str], day: str, month: str, year: str) -> str:
    """The match as it is where its month has letters that only look like a month's: NİSAN."""
    number = MONTHS.get(month.lower())
    return match[0] if number is None else f"{int(day)}.{number}.{year}".rstrip(".")
