"""Spelling: one way of writing for what is written in two ways in any question.

Full-width letters, ligatures, hyphens, initials with dots, emphasis, formulas.
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
_LINE: Final = re.compile(r"(?<=[.!?,;])[ \t]*\n+(?=[^\W\d_]{2})")
"""A new line behind a sentence."""
_FEW_LINES: Final = 3
_TICKS: Final = re.compile(r"(?<![`\w])`([^`\n]{1,60})`(?![`\w])")
_WWW: Final = re.compile(r"(?<![/\w])www\.(?=\w)", re.IGNORECASE)
_SIGNS: Final = str.maketrans(
    {
        "\u2032": "'",
        "\u2033": '"',
        "\u2010": "-",
        "\u2011": "-",
        "\u2265": ">=",
        "\u2264": "<=",
        "\u2260": "!=",
    }
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
_PROGRAMMING: Final = re.compile(
    r"(?<!\w)(?:python|java|javascript|typescript|c\+\+|c#|rust|golang|go|ruby|perl|php|sql|matlab|rm"
    r"|excel|latex|markdown|glob|pointer|kwargs|args)(?!\w)",
    re.IGNORECASE,
)
_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}\b")
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
_RELEASE: Final = re.compile(r"\bv(?=\d+\.\d)")
"""Before a version: v3.10."""
_STANDARD: Final = re.compile(r"\b(?!UTC|GMT)([A-Z]{2,5})-(\d{2,})\b")


def plain_letters(text: str) -> str:
    """Letters, digits and blanks in their usual width, no ligatures; email in one word."""
    text = _LINE.sub(" ", text) if "\n" in text and text.count("\n") <= _FEW_LINES else text
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
    if _PROGRAMMING.search(text) is not None:
        return text
    if "*" in text or text[:1] == "#":
        text = _EMPHASIS.sub(r"\2", _HEADING.sub("", text))
    if text.count("`") == 2 and '"' not in text and "'" not in text:  # noqa: PLR2004
        text = _TICKS.sub(r"\1", text)
    return _POWER.sub(lambda match: match[1].translate(_RAISED), text) if "^" in text else text


def plain_spelling(text: str) -> str:
    """The text with one writing for words; not for a question about writing."""
    plain = _TITLE.sub(r"\1", _VERSUS.sub("vs", _RELEASE.sub("", text)))
    if "." in plain:
        plain = _INITIALS.sub(lambda match: match[0].replace(".", ""), plain)
    if "-" in plain:
        plain = _STANDARD.sub(r"\1 \2", plain)
        plain = _HYPHENS.sub(lambda match: _unhyphenated(match[0]), plain)
    return plain


def _unhyphenated(word: str) -> str:
    plain = _HYPHENATED.get(word.lower(), word)
    return plain if word.islower() else plain.capitalize() if word[0].isupper() else plain
