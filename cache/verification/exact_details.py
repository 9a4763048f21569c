"""Exact details of a text: signs, numbers, units, identifiers, case, accents. What do words hide?

The tokenizer of the trained model drops what is read here: to the verifier two texts that differ
only in it are the same. Whatever sign isn't known to be harmless counts.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cache.verification.detail_vocabulary import (
    ABOUT_ENCODING,
    ABOUT_WRITING,
    ACRONYMS,
    CAPITONYMS,
    CODE_TOPICS,
    CONTRACTIONS,
    FOREIGN_NEGATION,
    FOREIGN_NUMBERS,
    FOREIGN_WORDS,
    NUMBER_WORDS,
    UNITS,
)
from cache.verification.meaningful_signs import CURRENCY, QUOTES, meaningful_signs
from cache.verification.vocabulary import SCALES

_WORD: Final = re.compile(r"(?<![^\W_])[^\W\d_]+(?:'[^\W\d_]+)*")
_NUMBER: Final = re.compile(r"(?:(?<![^\s(\[])([-\u2212]))?(\d+(?:[.,:/]\d+)*)")
_SCALE: Final = re.compile(r"\s?(k|lakhs?|crores?|million|billion|m|bn)\b", re.IGNORECASE)
_UNIT: Final = re.compile(r"\s?([^\s\d,.?!;:)]+)")
_SYMBOL: Final = re.compile(r"[A-Za-z]+(?=[^\x00-\u02ff])")
"""A unit that words of another script follow without a space."""
_QUOTED: Final = re.compile(
    '"([^"]+)"|\u201c([^\u201c\u201d]+)\u201d|\u201e([^\u201c-\u201e]+)[\u201c\u201d]'
    "|\u00ab([^\u00ab\u00bb]+)\u00bb|[\u300c\u300e]([^\u300c-\u300f]+)[\u300d\u300f]"
)
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DAYTIME: Final = re.compile(r"(?<=\d)\s?([ap])\.?\s?m\b\.?", re.IGNORECASE)
_ACRONYM: Final = re.compile(r"\b(?:[A-Za-z]\.)+[A-Za-z]\b\.?")
_MIXED_CASE: Final = re.compile(r"[a-z][A-Z]")
_COMMA: Final = re.compile(r",\s")
_PAUSE: Final = re.compile(r",\s|[.?]\s+(?=[a-z])")
"""Behind a full stop a careful writer goes on with a capital."""
_GAP: Final = re.compile(r"\s\s+|[\t\n]")
_LONG_TEXT: Final = 3
"""Words of a text whose capitals show a habit."""
_SHORT_UNIT: Final = 3
"""Letters of the longest word behind a number that may be a unit's symbol."""
_MODEL_LETTERS: Final = frozenset("KkDdGgSs")
_EMOJI_STYLE: Final = "\ufe0f"
_OPENING: Final = "\"'\u201c\u2018(\u00bf\u00a1\u00ab\u201e"
_CLOSING: Final = ".,?!:;\"'\u201d\u2019)\u00bb\u2026"
_LITERAL: Final = re.compile(
    r"(?:--?|\+)[A-Za-z][\w-]*"  # a flag
    r"|\w*_\w*|[A-Za-z]+(?:-[A-Za-z]+)+"
    r"|(?=\S*[A-Za-z])(?=\S*\d)[\w./:#-]+"  # letters and digits: E1021, a1.txt, CVE-2021-1
    r"|[\w-]+(?:[.:]+[\w-]+)+"  # node.js, foo::bar
    r"|\w+(?:\+\+|#)|[#@.]\w+"  # C++, F#, #include, .NET
    r"|\S*(?:[{}\[\]<>\\`=|*^~]|\w\(|&&|&\w|\$[A-Za-z])\S*"  # code
    r"|(?:\.{1,2}|~)?/[\w.~/-]+"  # a path
    r"|[B-HJ-Zb-hj-z]"  # a letter that is no word
)
_HYPHENATED: Final = re.compile(r"[A-Za-z][a-z]+(?:-[A-Za-z]?[a-z]+)+")
"""Words that other languages than English join where they like: est-ce, Paris-Tokyo. Case is none
of an identifier's: Donne-moi."""
_ORDINAL_OR_QUANTITY: Final = re.compile(
    r"\d+(?:st|nd|rd|th|s|[ap]m)|[-\u2212]?\d+(?:[.,]\d+)*(\S{0,3})", re.IGNORECASE
)
_INSENSITIVE: Final = re.compile(
    r"[A-Za-z]+-?\d[\w-]*|[\w-]+(?:\.[\w-]+)+|\w(?:\+\+|#)?|\.\w+|0x[0-9A-Fa-f]+"
)
"""E1021 and e1021, ASP.NET and asp.net, C++ and c++ name one thing."""
_TYPED_QUOTES: Final = re.compile(
    r"(?:^|[ (])(?:c|c\+\+|c#|java|kotlin|rust|go|sql|bash|shell|php|ruby|perl)(?=[ ,.?)]|$)",
    re.IGNORECASE,
)
"""Languages in which 'a' and "a" are two things."""
_TRAILING_COMMA: Final = re.compile(r",(?=[)\]}])")


_AS_VOWELS: Final = frozenset("aeiouy")
_SYMBOLS: Final = frozenset(map(str.casefold, UNITS))
_INITIALS: Final = 3
_LONGEST_INITIALS: Final = 4
"""Letters of initials that are a word, too, but for those of the list."""


@dataclass(frozen=True, slots=True)
class ExactDetails:
    """What is exact in a text."""

    signs: tuple[str, ...]
    """In order: every sign that isn't known to be harmless, superscripts and emoji among them."""
    pauses: tuple[int, ...]
    """After how many words each comma, or mark that ends no sentence, stands in the text."""
    hidden: tuple[str, ...]
    """Characters that can't be seen; in a question about characters, loose accents among them."""
    numbers: tuple[str, ...]
    """In order, as texts: with sign and trailing zeros, without thousands separators."""
    foreign_numbers: tuple[int, ...]
    """Numbers in words, in order; none in an English text."""
    is_foreign_negated: bool
    """Whether a text in another language than English has a negation."""
    quantities: tuple[tuple[str, str], ...]
    """Numbers with the unit that belongs to each, or a short word that may be one."""
    gaps: tuple[str, ...]
    """White space of more than a blank inside the text: indentation, lines."""
    literals: tuple[str, ...]
    """Identifiers, flags, single letters, code."""
    quotations: tuple[str, ...]
    """In small letters, without the comma or full stop that may stand before the closing mark."""
    code_marks: tuple[str, ...]
    """Commas before a closing bracket, and double quotes where they aren't single ones."""
    words: tuple[str, ...]
    """With their case."""
    is_foreign: bool
    """Whether it is in another language than English, as far as function words tell."""
    is_about_code: bool
    is_about_writing: bool
    end: str
    """The last character."""


@lru_cache(maxsize=4096)
def exact_details(text: str) -> ExactDetails:
    """Reads a text."""
    plain = unicodedata.normalize("NFC", text).replace("\u2019", "'").replace(_EMOJI_STYLE, "")
    plain = _DAYTIME.sub(lambda match: f" {match[1].lower()}m", plain)
    plain = _ACRONYM.sub(lambda match: match[0].replace(".", ""), plain)
    words = tuple(_WORD.findall(plain))
    foreign = is_foreign(plain)
    return ExactDetails(
        signs=meaningful_signs(plain),
        pauses=_pauses(plain),
        hidden=() if text.isascii() else _hidden(text),
        numbers=_numbers(plain),
        foreign_numbers=_foreign_numbers(plain) if foreign else (),
        is_foreign_negated=foreign and FOREIGN_NEGATION.search(plain) is not None,
        quantities=_quantities(plain),
        gaps=tuple(_GAP.findall(plain.strip())),
        literals=_literals(plain, is_foreign=foreign),
        quotations=tuple(
            "".join(match.groups("")).strip(" \u00a0,.").casefold()
            for match in _QUOTED.finditer(plain)
        ),
        code_marks=_code_marks(plain),
        words=words,
        is_foreign=foreign,
        is_about_code=is_about_code(plain),
        is_about_writing=ABOUT_WRITING.search(plain) is not None,
        end=plain.rstrip()[-1:],
    )


@lru_cache(maxsize=4096)
def is_foreign(text: str) -> bool:
    """Whether a text is in another language than English, as far as function words tell."""
    return _has_accents(text) or any(
        word.casefold() in FOREIGN_WORDS for word in _WORD.findall(text)
    )


def is_about_code(text: str) -> bool:
    """Whether a word of a text is one of programming."""
    return any(word.casefold() in CODE_TOPICS for word in _WORD.findall(text))


def case_differs(a: ExactDetails, b: ExactDetails) -> bool:
    """Whether a word's case differs that may make it another word."""
    if _shouts(a.words) or _shouts(b.words):
        return False
    if _leaves_out_capitals(a.words, b.words) or _leaves_out_capitals(b.words, a.words):
        return _acronym_differs(a, b)
    forms_a, forms_b = _forms(a.words), _forms(b.words)
    changes = {
        word: forms_a[word] ^ forms_b[word]
        for word in forms_a.keys() & forms_b.keys()
        if forms_a[word] != forms_b[word]
    }
    if a.is_foreign or b.is_foreign or a.is_about_code or b.is_about_code:
        return bool(changes) or _mixed_case(a) != _mixed_case(b)
    if any(_is_other_word(word, forms) for word, forms in changes.items()):
        return True
    if _folded(a.words) != _folded(b.words):
        return False  # a writer's habit, beside what else differs
    changes = {word: forms for word, forms in changes.items() if not _is_initials(word, forms)}
    # careful writers, one capital apart: it is no habit of theirs, as that of all names would be
    careful = all(details.words[:1] and details.words[0][0].isupper() for details in (a, b))
    return (careful and len(changes) == 1) or any(
        _is_other_form(word, forms) for word, forms in changes.items()
    )


def _leaves_out_capitals(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether one writer uses no capital at all, the other one as a careful writer does."""
    is_long = len(a) >= _LONG_TEXT and len(b) >= _LONG_TEXT
    return is_long and all(word.islower() for word in a) and b[0][0].isupper()


def _acronym_differs(a: ExactDetails, b: ExactDetails) -> bool:
    """Whether a word but the first is an acronym or a symbol: us and US, mb and MB, p and P."""
    forms_a, forms_b = _forms(a.words), _forms(b.words)
    return any(
        forms_a[word] != forms_b[word]
        and word not in {"i", "a"}
        and (
            len(word) == 1
            or word in UNITS
            or (word in ACRONYMS and any(form.isupper() for form in forms_a[word] | forms_b[word]))
            or (
                (a.is_about_code or b.is_about_code)
                and any(not form.istitle() and not form.islower() for form in forms_b[word])
            )
        )
        for word in forms_a.keys() & forms_b.keys()
    )


def is_contracted_otherwise(a: ExactDetails, b: ExactDetails) -> bool:
    """Whether an apostrophe makes a word of one another word: its and it's."""
    words_a, words_b = set(_folded(a.words)), set(_folded(b.words))
    return any(
        (plain in words_a - words_b and short in words_b - words_a)
        or (plain in words_b - words_a and short in words_a - words_b)
        for plain, short in CONTRACTIONS.items()
    )


def _pauses(text: str) -> tuple[int, ...]:
    pauses, words, start = [], 0, 0
    for match in (_PAUSE if text[:1].isupper() else _COMMA).finditer(text):
        words += len(_WORD.findall(text, start, match.start()))
        start = match.end()
        pauses.append(words)
    return tuple(pauses)


def _hidden(text: str) -> tuple[str, ...]:
    loose = {"Mn"} if ABOUT_ENCODING.search(text) and not _is_composed(text) else set()
    return tuple(char for char in text if _is_hidden(char) or unicodedata.category(char) in loose)


def _is_composed(text: str) -> bool:
    return unicodedata.is_normalized("NFC", text)


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in {"Cf", "Cc", "Co"} and char not in "\t\r\n"


def _numbers(text: str) -> tuple[str, ...]:
    """Digits and English words, in order of their places."""
    places: list[tuple[int, str]] = []
    for match in _NUMBER.finditer(text):
        scale = _SCALE.match(text, match.end())
        number = _scaled(match[2], scale[1].lower() if scale else "")
        places.append((match.start(), f"-{number}" if match[1] else number))
    for match in re.finditer(r"[a-z]+", text.lower()):
        value = NUMBER_WORDS.get(match[0])
        if value is not None:
            places.append((match.start(), str(value)))
    return tuple(value for _, value in sorted(places))


def _foreign_numbers(text: str) -> tuple[int, ...]:
    words = re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", text.casefold())
    return tuple(FOREIGN_NUMBERS[word] for word in words if word in FOREIGN_NUMBERS)


def _scaled(digits: str, scale: str) -> str:
    plain = digits.replace(",", "") if _THOUSANDS.fullmatch(digits) else digits
    if scale not in SCALES or not re.fullmatch(r"\d+(?:\.\d+)?", plain):
        return plain  # millİon ends here, too: without its case it matches
    return f"{float(plain) * SCALES[scale]:.15g}"


def _quantities(text: str) -> tuple[tuple[str, str], ...]:
    """The unit is empty where none is known."""
    return tuple(
        (_scaled(match[2], ""), _unit_of(text, match.start(), match.end()))
        for match in _NUMBER.finditer(text)
    )


def _unit_of(text: str, start: int, end: int) -> str:
    before = text[start - 1 : start] if start else ""
    if before and before in CURRENCY:
        return UNITS[before]
    match = _UNIT.match(text, end)
    word = match[1] if match else ""
    symbol = _SYMBOL.match(word)
    if symbol is not None:
        word = symbol[0]
    # 15K and 15k are thousands; 3D, 4G, 6s are generations and models
    if not word or (word in _MODEL_LETTERS and text[end] == word):
        return ""
    unit = UNITS.get(word) or (UNITS.get(word.lower()) if len(word) > _SHORT_UNIT else None)
    if unit is not None:
        return unit
    if is_ideograph(word[0]):
        return word[0]
    if word[0].isalpha():
        return word if len(word) <= _SHORT_UNIT else ""
    # a sign that leads a word: 5%-ige, 30°C-warm; but not 1980's
    return "" if word[0] in QUOTES else UNITS.get(word[:2]) or UNITS.get(word[0], "")


def is_ideograph(text: str) -> bool:
    """Whether a text is one Chinese character, as Chinese and Japanese write units."""
    return len(text) == 1 and "\u4e00" <= text <= "\u9fff"


def _literals(text: str, *, is_foreign: bool) -> tuple[str, ...]:
    chunks = (chunk.lstrip(_OPENING).rstrip(_CLOSING) or chunk for chunk in text.split())
    return tuple(
        chunk.casefold() if _INSENSITIVE.fullmatch(chunk) or _HYPHENATED.fullmatch(chunk) else chunk
        for chunk in chunks
        if _LITERAL.fullmatch(chunk)
        and not _is_quantity(chunk)
        and not (is_foreign and _HYPHENATED.fullmatch(chunk))
    )


def _code_marks(text: str) -> tuple[str, ...]:
    commas = _TRAILING_COMMA.findall(text)
    return (*commas, '"') if '"' in text and _TYPED_QUOTES.search(text) else tuple(commas)


def _is_quantity(chunk: str) -> bool:
    match = _ORDINAL_OR_QUANTITY.fullmatch(chunk)
    return match is not None and (not match[1] or match[1] in UNITS or match[1].lower() in SCALES)


def _forms(words: tuple[str, ...]) -> dict[str, frozenset[str]]:
    """Each word but the first, which may have its capital from its place, in all its cases."""
    forms: dict[str, set[str]] = {}
    for word in words[1:]:
        forms.setdefault(word.lower(), set()).add(word)
    return {word: frozenset(cases) for word, cases in forms.items()}


def _is_other_word(word: str, forms: frozenset[str]) -> bool:
    """Polish and polish, US and us."""
    is_acronym = word in ACRONYMS and any(form.isupper() for form in forms)
    return len(word) > 1 and (is_acronym or word in CAPITONYMS)


def _is_initials(word: str, forms: frozenset[str]) -> bool:
    """HTTP and http, mutex and MUTEX: no letters of another word, all in capitals or none."""
    is_short = len(word) < (_INITIALS if _AS_VOWELS.isdisjoint(word) else _LONGEST_INITIALS + 1)
    is_other = is_short or word in _SYMBOLS
    return not is_other and all(form.isupper() or form.islower() for form in forms)


def _is_other_form(word: str, forms: frozenset[str]) -> bool:
    """MAC and Mac, Mb and mb, p and P; camelCase and CamelCase, but not camelcase."""
    if len(word) == 1:
        return word not in {"i", "a"}
    return (
        (any(form.isupper() for form in forms) and any(form.istitle() for form in forms))
        or all(form in UNITS for form in forms)
        or all(_MIXED_CASE.search(form) for form in forms)
    )


def _folded(words: tuple[str, ...]) -> list[str]:
    return [word.lower() for word in words]


def _mixed_case(details: ExactDetails) -> tuple[str, ...]:
    """In order: from myVar to MyVar isn't from MyVar to myVar."""
    return tuple(word for word in details.words if _MIXED_CASE.search(word))


def _shouts(words: tuple[str, ...]) -> bool:
    return len(words) > 1 and all(word.isupper() for word in words)


def _has_accents(text: str) -> bool:
    return not text.isascii() and any(not char.isascii() and char.isalpha() for char in text)


def differ_by_substitution(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether each has something that the other lacks."""
    left, right = Counter(a), Counter(b)
    return bool(left - right) and bool(right - left)
