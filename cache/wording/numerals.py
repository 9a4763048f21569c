"""Numerals: numbers in words and other scripts, as digits. Which number does a word name?

English ones in any text, composed ones among them (one hundred and five); those of other languages
only in texts that aren't English, by the caller's word. `one` alone is mostly a pronoun, `second`
a unit, so both stay.
"""

import re
from typing import Final

from observability.grounding.number_words import ENGLISH, ENGLISH_TENS, in_words

_SMALL: Final = {
    **{word: value for value, word in enumerate(ENGLISH)},
    **{word: 10 * tens for tens, word in enumerate(ENGLISH_TENS[2:], 2)},
}
_POWERS: Final = {"hundred": 100, "thousand": 1000}
_FROM_THIRD: Final = """
third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
sixteenth seventeenth eighteenth nineteenth twentieth
"""
_ORDINALS: Final = {word: value for value, word in enumerate(_FROM_THIRD.split(), 3)}
_ANY: Final = "|".join(sorted((*_SMALL, *_POWERS), key=len, reverse=True))
_COMPOSED: Final = re.compile(
    rf"\b(?:{_ANY})(?:(?:[ -]|(?<=hundred) and | (?=hundred|thousand))(?:{_ANY}))*\b", re.IGNORECASE
)
_ORDINAL: Final = re.compile(rf"\b(?:{'|'.join(_ORDINALS)})\b", re.IGNORECASE)
_ENDINGS: Final = {3: "rd"}
_TWO_DIGITS: Final = 100

_FOREIGN_DIGITS: Final = """
zwei drei vier fünf sechs sieben acht neun zehn elf zwölf
deux trois quatre cinq six sept huit - dix onze douze
dos tres cuatro cinco seis siete ocho nueve diez - doce
due tre quattro cinque sei sette otto nove dieci undici dodici
dois três quatro cinco seis sete oito nove dez onze doze
twee drie vier vijf zes zeven acht negen tien elf twaalf
dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć jedenaście dwanaście
iki üç dört beş altı yedi sekiz dokuz - - -
два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать
اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة عشرة - -
"""
_FOREIGN_TENS: Final = """
veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa
venti trenta quaranta cinquanta sessanta settanta ottanta novanta
vinte trinta quarenta cinquenta sessenta setenta oitenta noventa
twintig dertig veertig vijftig zestig zeventig tachtig negentig
dwadzieścia trzydzieści czterdzieści pięćdziesiąt - - - -
yirmi otuz kırk elli altmış yetmiş seksen doksan
двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто
"""
_FOREIGN: Final[dict[str, int]] = {
    **{words: number for number in range(11, 100) for words in in_words(number)},
    **{
        word: number
        for line in _FOREIGN_DIGITS.strip().splitlines()
        for number, word in enumerate(line.split(), 2)
    },
    **{
        word: 10 * tens
        for line in _FOREIGN_TENS.strip().splitlines()
        for tens, word in enumerate(line.split(), 2)
    },
}
_WORD: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_ARTICLE: Final = "\u0627\u0644"
"""Of Arabic, which a number in words carries."""
_DIGITS: Final = str.maketrans(
    "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19"
    "\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669",
    "0123456789" * 2,
)
_IDEOGRAPHS: Final = "\u3007\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d"
_TEN: Final = "\u5341"
_IDEOGRAPHIC: Final = re.compile(
    rf"[{_IDEOGRAPHS[2:]}{_TEN}][{_IDEOGRAPHS}{_TEN}]*|\u4e00[{_IDEOGRAPHS}{_TEN}]+"
    r"|\u4e00(?=[\u65e5\u6708\u5e74\u53f7\u5143\u5c0f\u516c])"
)
"""One alone stands in many words; before a day, a month, an hour it is a number."""
_ROUNDS: Final = {"\u767e": 100, "\u5343": 1000, "\u4e07": 10_000, "\u842c": 10_000}
_ROUND: Final = re.compile(
    rf"(\d{{1,4}}|[{_IDEOGRAPHS[1:]}{_TEN}])([{''.join(_ROUNDS)}])(?![{_IDEOGRAPHS}\d{''.join(_ROUNDS)}])"
)
_DECIMAL: Final = re.compile(r"(?<![\d.,])(\d+),(\d+)(?![\d.,]*\d)")
_ARABIC_DIGITS: Final = re.compile(rf"\b{_ARTICLE}\u0640(?=\d)")


def plain_numerals(text: str, *, is_foreign: bool) -> str:
    """The text with numbers as digits. is_foreign: in another language than English."""
    if not is_foreign:
        composed = _COMPOSED.sub(_composed, text)
        return _ORDINAL.sub(_ordinal, composed)
    plain = text if text.isascii() else text.translate(_DIGITS)
    plain = _DECIMAL.sub(r"\1.\2", plain)
    plain = _WORD.sub(_foreign, _ARABIC_DIGITS.sub("", plain))
    if plain.isascii():
        return plain
    return _IDEOGRAPHIC.sub(_ideographic, _ROUND.sub(_rounded, plain))


def _composed(match: re.Match[str]) -> str:
    """The number of several words; they stay where they name more than one."""
    words = [word for word in re.split(r"[ -]", match[0].lower()) if word != "and"]
    if words == ["one"]:
        return match[0]
    total, part, least = 0, 0, _POWERS["thousand"] * 10
    for word in words:
        value = _SMALL.get(word)
        if value is None and word not in _POWERS:
            return match[0]
        if value is None:
            part, least = max(part, 1) * _POWERS[word], _POWERS[word]
            if word == "thousand":
                total, part = total + part, 0
            continue
        if value >= least or (part % _TWO_DIGITS and (part % 10 or value > 9)):  # noqa: PLR2004
            return match[0]
        part, least = part + value, 10 if value >= 20 else 1  # noqa: PLR2004
    return str(total + part)


def _ordinal(match: re.Match[str]) -> str:
    value = _ORDINALS.get(match[0].lower())
    return match[0] if value is None else f"{value}{_ENDINGS.get(value, 'th')}"


def _foreign(match: re.Match[str]) -> str:
    word = match[0].casefold()
    number = _FOREIGN.get(word, _FOREIGN.get(word.removeprefix(_ARTICLE)))
    return match[0] if number is None else str(number)


def _rounded(match: re.Match[str]) -> str:
    """Three thousand, ten thousand: a number of one sign and its power."""
    first = match[1]
    times = int(first) if first.isdigit() else 10 if first == _TEN else _IDEOGRAPHS.index(first)
    return str(times * _ROUNDS[match[2]])


def _ideographic(match: re.Match[str]) -> str:
    """Two digits at most; a row of digits as it is, such as a year."""
    tens, ten, units = match[0].partition(_TEN)
    if not ten and len(match[0]) == 2:  # noqa: PLR2004
        return match[0]  # three or four
    if not ten:
        return "".join(str(_IDEOGRAPHS.index(char)) for char in match[0])
    if len(tens) > 1 or len(units) > 1 or _TEN in units:
        return match[0]
    first = _IDEOGRAPHS.index(tens) if tens else 1
    return str(10 * first + (_IDEOGRAPHS.index(units) if units else 0))
