"""Phrase order: phrases that may stand elsewhere in a question. Do two orders ask the same?

Of texts with the same words. Who does what to whom is told by single words' places, in most
languages: only phrases of several words move, and what asks when, where or why.
"""

import re
from collections.abc import Sequence
from typing import Final

from cache.wording.clock import MONTHS, WEEKDAYS

_LEADING: Final = """
in on at for with within without during since of by under about from to
im am bei mit seit für von aus en dans sur chez depuis à avec de desde con por di da su per em no na
op met voor w we na z od dla в на с у из для
"""
PREPOSITIONS: Final = frozenset(_LEADING.split())
"""Words that begin a phrase which may stand before or behind a question."""
_ADVERBS: Final = """
why when where warum wieso weshalb wann wo pourquoi quand où dónde cuándo perché quando dove onde
waarom wanneer waar почему когда где dlaczego kiedy gdzie neden nerede kimdir nedir
"""
ASKING_ADVERBS: Final = frozenset(_ADVERBS.split())
_TOLD: Final = frozenset(
    {"tell", "explain", "know", "say", "ask", "matter", "me", "us", "him", "her"}
)
"""Before a "why" at the end that is what is told."""
_CLAUSES: Final = frozenset({"when", "while", "if"})
"""What begins a clause that may stand before or behind the question."""
_WHICH: Final = frozenset(
    [
        "which",
        "what",
        "welchem",
        "welcher",
        "quel",
        "quelle",
        "qu\u00e9",
        "quale",
        "che",
        "que",
        "qual",
    ]
)
_BETWEEN: Final = re.compile(
    r"(\b(?:between|zwischen|entre|tra|fra|tussen|między"
    r"|(?:multiple|divisor|factor|sum|product|average|mean) of) )([^,.;:?!]{1,40}?)"
    r"( (?:and|und|et|y|e|en|i) )([^,.;:?!]{1,40}?)(?=[?.!]*$)",
    re.IGNORECASE,
)
_OPTIONS: Final = re.compile(
    r"([,:] )([^,.;:?!]{2,30}?)( (?:or|oder|ou|o|czy) )([^,.;:?!]{2,30}?)(?=\?+$)", re.IGNORECASE
)
_UNSPACED: Final = re.compile(
    r"(^)([^\s,\uff0c。]{1,10}?)([\u548c\u8ddf\u4e0e\u3068])([^\s,\uff0c。]{1,10}?)"
    r"(?=\u54ea|\u7684\u533a\u522b|\u6709\u4ec0\u4e48\u533a\u522b|\u306e\u9055\u3044|\u306f?\u3069\u3061\u3089|\u3067\u306f?\u3069\u3061\u3089)"
)
_PLUS: Final = "plus|times|mal|fois|m\u00e1s|pi\u00f9|keer"
_OPERANDS: Final = re.compile(
    rf"()(?<![\d.,])(\d+(?:\.\d+)?)( ?\+ ?| \u00d7 | (?:{_PLUS}) )(\d+(?:\.\d+)?)(?= ?[=?.!]*$)",
    re.IGNORECASE,
)
"""At the end: 2 times 3 pills a day aren't 3 times 2."""
_OPERATORS: Final = re.compile(rf"[-+*/^\u00d7\u00f7%!]|\b(?:minus|power|{_PLUS})\b", re.IGNORECASE)
"""Of more than one the order matters."""
_ORDERED: Final = re.compile(
    r"\b(?:ratio|rate|convert|quotient|translat|verhältnis|kurs|rapport|taux|relación|rapporto|tasso"
    r"|cambio|câmbio|change|cross|increase|decrease|growth|vector|matrix|noon|midnight|first|second"
    r"|former|latter|respectively|order)",
    re.IGNORECASE,
)
"""Where the first isn't the second."""
_LONGEST_ORDER: Final = 16
"""Words; of longer texts no phrase is looked for, which takes a cube of them."""
_LEAST_TURNED: Final = 5
"""Words: four may be two names, which are what does and what is done to."""


def in_plain_order(text: str) -> str:
    """The text with what may change places in the order of the alphabet: between B and A."""
    if _ORDERED.search(text) is not None:
        return text
    text = _OPTIONS.sub(_sorted, _BETWEEN.sub(_sorted, text))
    if not text.isascii():
        text = _UNSPACED.sub(_sorted, text)
    return _OPERANDS.sub(_sorted, text) if len(_OPERATORS.findall(text)) == 1 else text


def _sorted(match: re.Match[str]) -> str:
    head, first, conjunction, second = match.groups()
    if head.strip() and not head.endswith("of ") and (_is_time(first) or _is_time(second)):
        return match[0]
    first, second = sorted((first, second), key=str.casefold)
    return f"{head}{first}{conjunction}{second}"


def _is_time(text: str) -> bool:
    """Whether a day, a month or a number is named: between March and May goes one way round."""
    words = text.casefold().split()
    return any(word in MONTHS or word in WEEKDAYS or word[:1].isdigit() for word in words)


def is_fronted(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether nothing but a phrase with its preposition, or a lone "why", has moved to the end.

    With a question word in it, it may stand anywhere: Chad is on which continent?
    """
    return _is_moved(left, right) or _is_moved(right, left)


def _is_moved(left: Sequence[str], right: Sequence[str]) -> bool:
    if not left or sorted(left) != sorted(right):
        return False
    if left[0] in ASKING_ADVERBS and [*left[1:], left[0]] == [*right] and left[-1] not in _TOLD:
        return True
    if left[0] not in PREPOSITIONS and left[0] not in _CLAUSES:
        return False
    sizes = range(2, len(left))
    if any([*left[size:], *left[:size]] == [*right] for size in sizes):
        return True
    # in which country, en qué continente
    start = next(
        (at for at, word in enumerate(right) if [word, *right[at + 1 : at + 2]] == [*left[:2]]), -1
    )
    return (
        left[1:2] != ()
        and left[1] in _WHICH
        and start > 0
        and any([*right[:start], *right[start + size :]] == [*left[size:]] for size in sizes)
    )


def phrase_moved(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether only phrases of several words stand elsewhere, or what asks when, where or why.

    What does what to whom is told by single words' places: those must be the same.
    """
    told = [[word for word in words if word not in ASKING_ADVERBS] for words in (left, right)]
    if told[0] == told[1] or _verb_is_last(left, right) or _verb_is_last(right, left):
        return True
    count = len(left)
    if count > _LONGEST_ORDER:
        return False
    is_turned = any([*left[at:], *left[:at]] == [*right] for at in range(2, count - 1))
    if is_turned and count >= _LEAST_TURNED:
        return True
    return any(
        _stands_elsewhere(left[at:end], [*left[:at], *left[end:]], right)
        for at in range(count)
        if left[at] in PREPOSITIONS
        for end in range(at + 2, count + 1)
    )


def _verb_is_last(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether the second word has moved to the end, as in wie kündige ich, wie ich kündige."""
    return left[:1] == right[:1] and [*left[2:], *left[1:2]] == [*right[1:]]


def _stands_elsewhere(phrase: Sequence[str], rest: list[str], words: Sequence[str]) -> bool:
    """Whether `words` are the phrase, somewhere among the rest."""
    places = (at for at, word in enumerate(words) if word == phrase[0])
    size = len(phrase)
    return any(
        [*words[at : at + size]] == [*phrase] and [*words[:at], *words[at + size :]] == rest
        for at in places
    )
