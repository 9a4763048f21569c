"""Spelling: one way of writing for what is written in two ways in any question.

Full-width letters, ligatures, fractions, hyphens, initials with dots, emphasis, dates, money.
Only what names the same thing wherever it stands is changed.
"""

import re
import unicodedata
from typing import Final

_OTHER_WIDTH: Final = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9f]+")
"""Full-width digits and letters, half-width kana; marks stay, for they are told apart by place."""
_ABOUT_WIDTH: Final = re.compile(r"full.?width|half.?width|全角|半角", re.IGNORECASE)
_LIGATURES: Final = str.maketrans({"\u0153": "oe", "\u0152": "Oe"})
_BLANK: Final = re.compile("[\u00a0\u2002-\u200a\u202f\u3000]")
"""Blanks of other widths."""
_MAIL: Final = re.compile(r"\b([Ee])-[Mm](?=ails?\b)")
_WWW: Final = re.compile(r"\b(?:https?://)?www\.(?=\w)", re.IGNORECASE)
_SIGNS: Final = str.maketrans(
    {"\u2010": "-", "\u2011": "-", "\u2265": ">=", "\u2264": "<=", "\u2260": "!="}
)
_MINUS: Final = re.compile("\u2212(?=\\d)")
_FLATS: Final = {"\u266d": "b", "\u266f": "#"}
_FLAT: Final = re.compile("(?<=\\b[A-G])[\u266d\u266f]")
_LOWERED: Final = re.compile(
    "(?<=[A-Za-z)])(?:[\u2080-\u2089]+|\u00b2\u207a|\u00b3\u207a|\u00b2\u207b|\u207a|\u207b)"
)
"""Of a formula of chemistry: H\u2082O, Ca\u00b2\u207a. Behind a digit they may be anything."""
_POWER: Final = re.compile(r"(?<=[\w)])\^(\d{1,3})(?![\w.^])")
_RAISED: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}\b")
_FRACTIONS: Final = {
    "\u00bd": "1/2", "\u00bc": "1/4", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3",
    "\u215b": "1/8",
}  # fmt: skip
_FRACTION: Final = re.compile(f"(?<![^\\s\\d])([{''.join(_FRACTIONS)}])(?![^\\s.,;:?!)])")
_INITIALS: Final = re.compile(r"\b(?:[A-Z]\.){2,}")
_EMPHASIS: Final = re.compile(
    r"(?<![\w*])(\*{1,3})(?=[^\W\d_]{2})([^*\n]{1,80}?)(?<=[^\W\d_])\1(?![\w*])"
)
_HEADING: Final = re.compile(r"^#{2,6} (?=[^\W\d_]{2})")
_JOINED: Final = """
wi-fi check-list week-end week-ends on-line web-site e-book e-books e-commerce
co-operate co-operation co-ordinate co-ordination
"""
_SPACED: Final = """
follow-up long-term short-term part-time full-time real-time step-by-step up-to-date well-known
check-in check-out day-to-day open-source second-hand ice-cream high-speed gluten-free sugar-free
high-quality low-cost t-shirt t-shirts x-ray x-rays decision-making problem-solving
time-consuming cost-effective
"""
_HYPHENATED: Final = {word: word.replace("-", "") for word in _JOINED.split()} | {
    word: word.replace("-", " ") for word in _SPACED.split()
}
_HYPHENS: Final = re.compile(rf"\b(?:{'|'.join(_HYPHENATED)})\b", re.IGNORECASE)
_VERSUS: Final = re.compile(r"\b(?:versus|vs\.)(?= )", re.IGNORECASE)
_TITLE: Final = re.compile(r"\b(Dr|Mr|Mrs|Ms|Prof|St)\.(?= [A-Z])")
_STANDARD: Final = re.compile(r"\b([A-Z]{2,5})-(\d{2,})\b")
_LASTING: Final = re.compile(
    r"\b(\d+)-(second|minute|hour|day|week|month|year|metre|meter|mile|foot|inch|pound)\b",
    re.IGNORECASE,
)
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
_MONTH: Final = {
    name: number
    for number, names in enumerate(_MONTHS.strip().splitlines(), start=1)
    for name in names.split()
}
_NAMED: Final = "|".join(sorted(_MONTH, key=len, reverse=True))
_DAY_FIRST: Final = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th|er|\u00ba|\.)? (?:of |de )?({_NAMED}),?(?: de)? (\d{{4}})\b",
    re.IGNORECASE,
)
_MONTH_FIRST: Final = re.compile(
    rf"\b({_NAMED}) (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b", re.IGNORECASE
)
_IN_DIGITS: Final = re.compile(r"(?<![\d.])0?(\d{1,2})\.0?(\d{1,2})\.((?:1\d|20)\d\d)(?![\d.]*\d)")
_SLASHED: Final = re.compile(r"(?<![\d/])0?(\d{1,2})/0?(\d{1,2})/((?:1\d|20)\d\d)(?![\d/])")
"""The day comes first, but not in every text in English."""
_GROUPED: Final = re.compile(
    r"(?<![\d.,])[1-9]\d{0,2}(?:(?:\.\d{3})+|(?:[ \u00a0\u202f]\d{3})+)(?![\d.,]*\d)"
)
"""A thousand, 1.000 and 1 000: outside of English a point separates thousands."""
_YEAR: Final = re.compile(r"\d{4}")
_MONEY: Final = {"$": r"(?:US )?dollars?|USD", "\u20ac": r"euros?|EUR|\u20ac"}
_SUMS: Final = [
    (re.compile(rf"(?<![\w.,$\u20ac])(\d+(?:[.,]\d+)*)\s?(?:{names})(?!\w)", re.IGNORECASE), sign)
    for sign, names in _MONEY.items()
]
_SUM: Final = re.compile(r"\d\s?(?:US |\u20ac|d|e)", re.IGNORECASE)


def plain_letters(text: str) -> str:
    """Letters, digits and blanks in their usual width, no ligatures; email in one word."""
    plain = _WWW.sub("", _MAIL.sub(r"\1m", text))
    if "#" in plain:
        plain = _COLOUR.sub(lambda match: match[0].lower(), plain)
    if plain.isascii():
        return plain
    plain = _MINUS.sub("-", plain)
    plain = _FLAT.sub(lambda match: _FLATS[match[0]], plain.translate(_SIGNS))
    plain = _LOWERED.sub(lambda match: unicodedata.normalize("NFKC", match[0]), plain)
    plain = _BLANK.sub(" ", unicodedata.normalize("NFC", plain).translate(_LIGATURES))
    if _OTHER_WIDTH.search(plain) is None or _ABOUT_WIDTH.search(plain) is not None:
        return plain
    return _OTHER_WIDTH.sub(lambda match: unicodedata.normalize("NFKC", match[0]), plain)


def without_markup(text: str) -> str:
    """Without the asterisks of emphasis and a heading's signs, and powers raised: x^3, x\u00b3.

    Not for a question about programming, where these signs may be anything.
    """
    if "*" in text or text[:1] == "#":
        text = _EMPHASIS.sub(r"\2", _HEADING.sub("", text))
    return _POWER.sub(lambda match: match[1].translate(_RAISED), text) if "^" in text else text


def plain_spelling(text: str, *, is_foreign: bool) -> str:
    """The text with one writing for words, dates and sums; not for a question about writing.

    is_foreign: in another language than English.
    """
    plain = text if text.isascii() else _FRACTION.sub(_in_signs, text)
    if is_foreign:
        plain = _GROUPED.sub(lambda match: re.sub(r"\D", "", match[0]), plain)
    if "." in plain:
        plain = _INITIALS.sub(lambda match: match[0].replace(".", ""), plain)
    plain = _TITLE.sub(r"\1", _VERSUS.sub("vs", plain))
    if "-" in plain:
        plain = _LASTING.sub(r"\1 \2", _STANDARD.sub(r"\1 \2", plain))
        plain = _HYPHENS.sub(lambda match: _unhyphenated(match[0]), plain)
    if _YEAR.search(plain):
        plain = _DAY_FIRST.sub(lambda match: _date(match[1], match[2], match[3]), plain)
        plain = _MONTH_FIRST.sub(lambda match: _date(match[2], match[1], match[3]), plain)
        plain = _SLASHED.sub(r"\1.\2.\3", plain) if is_foreign else plain
        plain = _IN_DIGITS.sub(r"\1.\2.\3", plain)
    if _SUM.search(plain):
        for pattern, sign in _SUMS:
            plain = pattern.sub(rf"{sign}\1", plain)
    return plain


def _in_signs(match: re.Match[str]) -> str:
    is_mixed = match.string[match.start() - 1 : match.start()].isdigit()
    return (" " if is_mixed else "") + _FRACTIONS[match[1]]


def _unhyphenated(word: str) -> str:
    plain = _HYPHENATED[word.lower()]
    return plain if word.islower() else plain.capitalize() if word[0].isupper() else plain


def _date(day: str, month: str, year: str) -> str:
    return f"{int(day)}.{_MONTH[month.lower()]}.{year}"
