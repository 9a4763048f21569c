"""Canonical form of a text: one for all texts that can't have different answers in any language.

Taken away are the white space around a text and its Unicode composition; of a plain sentence, also
what only a habit of writing adds: a second space, the full stop of a long sentence, the question
mark behind a question word's sentence, and the capital with which it begins. Nothing else: letter
case (US and us), marks (5! and 5), accents (año and ano), courtesy (what does thanks mean) all may
be what a question is about. Whatever goes beyond is judged by guard and verifier.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

MAX_CANONICAL_CHARS: Final = 2_000
"""Longer texts are compared by their very words: no two people write them alike but for form."""

_AROUND: Final = " \t\r\n"
_PLAIN: Final = re.compile(r"[^\W\d_][^\W_]*(?:[ '\u2019-][^\W_]+|, *[^\W_]+| {2,}[^\W_]+)*[.?]?")
"""Words of letters and digits with single marks between them: no code, quotation, list, formula."""

_QUESTION_WORDS: Final = """
what how why which when where who whom whose is are does did should would
was wie warum wieso weshalb wann wo wer wessen welche welcher welches woher wohin
comment pourquoi quel quelle quels quelles quand où qui combien
qué cuál cuáles cuándo cuánto cuántos dónde quién perché quale quali quando
waarom waar wanneer welke
"""
_INTERROGATIVES: Final = frozenset(_QUESTION_WORDS.split())
"""Words that begin a question, and that no name is made of but for the capital.

So no `can`, `may`, `will`, `do` (a band, a month, a man, a note) and no `como` (a lake).
"""
_STEMS: Final = (
    "abbreviat|abk\u00fcrz|abr\u00e9v|abrevia|accent|akzent|ascii|asterisk|bracket|byte|capital"
    "|char|clave|colon|comma|dash|diacrit|dot\\b|emoji|encod|escape|expression|full stop|glob\\b"
    "|grammar|gro\u00df|hash|hyphen|komma|leerzeich|letter|lettre|letra|length|lower|majuscul"
    "|may\u00fascul|min\u00fascul|minuscul|operator|pattern|period|point|punctu|puntua|punkt|quot"
    "|regex|regexp|schreib|satzzeich|sentence|sign|space|spell|string|symbol|syntax|token|typ[eo]"
    "|unicode|upper|utf|whitespace|wildcard|writ|\u00e9cri|escrib|zeichen"
)
"""How words of a question about writing itself begin: then nothing of its form is a mere habit."""


def _by_first_letter(stems: str) -> str:
    """An alternation in which few are tried: those that begin with a word's first letter."""
    rests: dict[str, list[str]] = {}
    for stem in stems.split("|"):
        rests.setdefault(stem[0], []).append(stem[1:])
    return "|".join([f"{first}(?:{'|'.join(rest)})" for first, rest in rests.items()])


_ABOUT_FORM: Final = re.compile(rf"\W(?:{_by_first_letter(_STEMS)})")
"""In lower case, behind a space: an engine that ignores case takes 15 times as long."""
_SHORT_FORMS: Final = """
abbrev approx assoc assocs const contd corps encyc illus monet philos pseud theol trans transl
"""
_ABBREVIATIONS: Final = frozenset(_SHORT_FORMS.split())
_LONG_SENTENCE: Final = 4
"""Words; the last of fewer may be an abbreviation that somebody asks for."""
_LONG_WORD: Final = 5
"""Letters; shorter words before a full stop may be abbreviations."""


def canonical(text: str) -> str:
    """The text without what can't change its answer."""
    stripped = _stripped(text)
    return stripped if len(stripped) > MAX_CANONICAL_CHARS else _canonical(stripped)


def _stripped(text: str) -> str:
    """Without the white space around it; the indentation of a first line among several stays."""
    body = text.rstrip(_AROUND)
    if "\n" not in body.lstrip(_AROUND):
        return body.lstrip(_AROUND)
    return re.sub(r"^(?:[ \t\r]*\n)+", "", body)


@lru_cache(maxsize=2048)
def _canonical(text: str) -> str:
    composed = _composed(text)
    if _ABOUT_FORM.search(f" {_in_lower_case(composed)}"):
        return text  # how many code points a letter has, its composition tells
    if _PLAIN.fullmatch(composed) is None:
        return composed
    words = [word for word in composed.split(" ") if word]
    first = words[0].lower()
    asks = first in _INTERROGATIVES
    if words[0] == first.capitalize() and asks and len(words) > 1:
        words[0] = first
    words[-1] = _without_end(words, asks=asks)
    return " ".join(words)


def _composed(text: str) -> str:
    """Accents in one piece with their letters; no sign becomes another one by it.

    The composed form would also make the kelvin sign a K and the Greek question mark a semicolon.
    """
    if unicodedata.is_normalized("NFC", text):
        return text
    is_replaced = any(
        len(plain := unicodedata.normalize("NFC", char)) == 1 and plain != char for char in text
    )
    return text if is_replaced else unicodedata.normalize("NFC", text)


def _in_lower_case(text: str) -> str:
    """With one letter for one, and with plain ones for their dotless and long forms."""
    return text.replace("\u0130", "i").replace("\u0131", "i").replace("\u017f", "s").lower()


def _without_end(words: list[str], *, asks: bool) -> str:
    """The last word without the sentence's end mark, where the mark says nothing."""
    last, word = words[-1], words[-1][:-1]
    if not word or not word[-1].isalpha():
        return last
    if last.endswith("?"):
        # without a question word the mark itself makes the question: "It is raining?"
        return word if asks and len(words) > 1 else last
    is_sentence = len(words) >= _LONG_SENTENCE and len(word) >= _LONG_WORD and word.islower()
    return word if last.endswith(".") and is_sentence and word not in _ABBREVIATIONS else last
