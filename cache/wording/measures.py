"""Measures: units in words of thirteen languages, as their symbols. Which unit does a word name?

A name with a prefix (kilogram, мегаватт) becomes a symbol wherever it stands, one without only
behind a number, where it can't be another word.
"""

import re
from typing import Final

_PREFIXES: Final = {
    "k": "kilo kiló kilò quilo quiló quilô chilo кило",
    "M": "mega méga мега",
    "G": "giga гига",
    "c": "centi centí zenti сенти санти",
    "m": "milli mili milí милли",
    "Ki": "kibi",
    "Mi": "mebi",
    "Gi": "gibi",
}
_BASES: Final = {
    "m": """meter meters metre metres metern mètre mètres metro metros metri metrów metry metra
        метр метра метров метрах""",
    "g": """gram grams gramme grammes gramm grammi grammo gramo gramos grama gramas gramów gramy
        грамм грамма граммов граммах""",
    "l": """liter liters litre litres litern litro litros litri litrów litry litra литр литра
        литров литрах""",
    "W": "watt watts vatio vatios wat watów ватт ватта ватт",
    "V": "volt volts voltio voltios вольт",
    "Hz": "hertz hercio hercios герц",
    "J": "joule joules julio julios джоуль джоулей",
    "B": "byte bytes octet octets байт байта байтов",
}
_ALONE: Final = {
    "ft": "foot feet",
    "inch": "inch inches",
    "yd": "yard yards",
    "mi": "mile miles",
    "oz": "ounce ounces",
    "kg": "kilo kilos кг",
    "km": "км",
    "cm": "см",
    "mm": "мм",
    "l": "л",
    "min": "minute minutes minuten minuto minutos minuti minut minuty минут минуты",
    "h": "hour hours hr hrs stunde stunden heure heures hora horas ora ore uur uren godzin часов",
    "s": """sec secs second seconds sekunde sekunden seconde secondes segundo segundos secondi
        sekund секунд""",
}
_UNSPACED: Final = {
    "キロメートル": "km", "センチメートル": "cm", "ミリメートル": "mm", "メートル": "m",
    "キログラム": "kg", "ミリグラム": "mg", "グラム": "g", "ミリリットル": "ml", "リットル": "l",
    "킬로미터": "km", "센티미터": "cm", "밀리미터": "mm", "미터": "m", "킬로그램": "kg",
    "그램": "g", "밀리리터": "ml", "리터": "l", "公里": "km", "千米": "km", "厘米": "cm",
    "公分": "cm", "毫米": "mm", "公斤": "kg", "千克": "kg", "毫升": "ml", "米": "m", "克": "g",
    "升": "l",
}  # fmt: skip
_BY_PREFIX: Final = {
    prefix + base: sign + symbol
    for sign, prefixes in _PREFIXES.items()
    for symbol, bases in _BASES.items()
    for prefix in prefixes.split()
    for base in bases.split()
}
_BEHIND_NUMBER: Final = {
    name: symbol
    for names in (_BASES, _ALONE)
    for symbol, forms in names.items()
    for name in forms.split()
}
_ONE: Final = (
    "one",
    "ein",
    "eine",
    "einen",
    "einem",
    "einer",
    "un",
    "une",
    "una",
    "um",
    "uma",
    "een",
)
_CAPITALS: Final = re.compile(
    r"(?<=\d)(?: ?(?:KMS?|Kms?|KGS?|Kgs?|CM|Cm|LBS?|Lbs?))\b|\b(?:KM|Km|KG|Kg)\b"
)
"""Symbols of units whose capitals are no other unit's."""
_WORD: Final = re.compile(r"(?<![^\W\d_])[^\W\d_]+")
_ANY_UNIT: Final = "|".join({**_BY_PREFIX, **_BEHIND_NUMBER})
_ONE_OF: Final = re.compile(
    rf"(?<![^\W_])(?:{'|'.join(_ONE)})[ \u00a0](?=(?:{_ANY_UNIT})(?![^\W_]))",
    re.IGNORECASE,
)
_MAYBE: Final = re.compile(
    rf"\d|\bk[mg]\b|{'|'.join(prefix for names in _PREFIXES.values() for prefix in names.split())}"
    r"|\b(?:one|ein|un|um|een|degree|grad|square|cubic|quadrat|kubik)",
    re.IGNORECASE,
)
"""What every measure has: a number, a prefix, a `one`, or the beginning of a rate."""
_UNSPACED_AMOUNT: Final = re.compile(rf"(?<=\d)\s?({'|'.join(_UNSPACED)})")
_POUNDS: Final = re.compile(r"(?<=\d)\s?(?:pounds|lbs?)\b")
_MASSES: Final = re.compile(r"(?<![^\W_])(?:kg|kilos?|g|grams?|oz|ounces?|stones?)(?![^\W_])")
_PER_HOUR: Final = "per hour|per uur|per h|pro stunde|por hora|all'ora|à l'heure|par heure"
_PER_SECOND: Final = "per second|pro sekunde|por segundo|al secondo|par seconde"
_DEGREES: Final = r"\bdegrees? |\bgrad |\bdegrés? |\bgrados? |\bgradi |\bgraus? |° ?"
_RATES: Final = [
    (re.compile(pattern, re.IGNORECASE), symbol)
    for pattern, symbol in {
        r"(?<=\d) (?:mi|miles) (?:per|an) (?:hour|h)\b": " mph",
        rf"\bkm (?:{_PER_HOUR})\b": "km/h",
        rf"\b(?:m|meters|metres) (?:{_PER_SECOND})\b": "m/s",
        rf"(?:{_DEGREES})celsius\b": "°C",
        rf"(?:{_DEGREES})fahrenheit\b": "°F",
        r"\b(?:square |quadrat)(k?m|cm|mm|meters?|metres?)\b": r"\1²",
        r"\b(?:cubic |kubik)(k?m|cm|mm|meters?|metres?)\b": r"\1³",
        r"\b(k?m|cm|mm) (?:squared|carrés?|cuadrados?|quadrados?|quadrat[io])\b": r"\1²",
        r"\b(k?m|cm|mm) (?:cubed|cubes?|cúbicos?|cub[io])\b": r"\1³",
        r"\bmet(?:er|re)s?(?=[²³])": "m",
    }.items()
]
_RATE: Final = re.compile(
    r"\bper\b|\bpro\b|\bpor\b|\bpar\b|\ban hour|ora\b|heure|fahrenheit|celsius|squar|cubi?[ceo]"
    r"|quad|carré|cuadr|kubik|cúb",
    re.IGNORECASE,
)


def plain_measures(text: str) -> str:
    """The text with units as symbols; `one` before a unit as 1."""
    if _MAYBE.search(text) is None:
        return text
    plain = _CAPITALS.sub(lambda match: match[0].lower(), text)
    plain = _WORD.sub(_symbol, _ONE_OF.sub("1 ", plain))
    if not text.isascii():
        plain = _UNSPACED_AMOUNT.sub(lambda match: _UNSPACED[match[1]], plain)
    if _MASSES.search(plain):  # else they may be money
        plain = _POUNDS.sub(" lb", plain)
    if _RATE.search(plain):
        for pattern, symbol in _RATES:
            plain = pattern.sub(symbol, plain)
    return plain


def _symbol(match: re.Match[str]) -> str:
    word = match[0]
    name = word.casefold()
    symbol = _BY_PREFIX.get(name)
    before = match.string[max(0, match.start() - 2) : match.start()].rstrip()
    if symbol is None and before[-1:].isdigit() and not (word.isupper() and len(word) == 1):
        symbol = _BEHIND_NUMBER.get(name)
    return symbol or word
