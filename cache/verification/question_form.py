"""Form of a question: what is left when greeting, courtesy and habits of writing are taken away.

Two texts of one form ask the same, unless the guard sees a detail: it is asked for these, too. The
verifier alone is not sure of them: "hi", "please" and "how can I" for "how do I" cost it certainty.
"""

import re
from functools import lru_cache
from typing import Final, TypeAlias

from cache.verification.detail_vocabulary import ARTICLES, AUXILIARIES, MODALITIES, UNITS
from cache.verification.vocabulary import CONTRACTED, QUESTION_WORDS

Form: TypeAlias = tuple[tuple[str, ...], tuple[str, ...], bool]
"""The words in their order, the times and modalities asked for, and whether it asks at all."""

_GREETING: Final = (
    r"(?:hi|hello|hey|hallo|hoi|bonjour|salut|hola|ciao|salve|olá|oi|cześć|hej|merhaba|selam|moin"
    r"|good (?:morning|evening)|guten (?:tag|morgen)|buenos días|bom dia|goedemorgen|dzień dobry"
    r"|iyi günler)(?: there)?"
)
_REQUEST: Final = (
    r"(?:please|pls|plz|bitte|alsjeblieft|proszę|lütfen|por favor|per favore|s'il (?:te|vous) plaît"
    r"|(?:please )?tell me|(?:can|could|would) you (?:please )?(?:tell me|explain)"
    r"|i(?:'d| would) like to know|i want to know|do you know|quick question|excuse me)"
)
_THANKS: Final = (
    r"(?:please|pls|plz|thanks(?: in advance| a lot)?|thank you(?: very much)?|thx|many thanks"
    r"|bitte|danke|merci|svp|s'il (?:te|vous) plaît|gracias|por favor|grazie|per favore|obrigad[oa]"
    r"|bedankt|alsjeblieft|dzięki|proszę|teşekkürler|lütfen)"
)
# a courtesy without a mark beside it goes on in small letters, or it is a name: Please Please Me
_BEFORE: Final = re.compile(
    rf"^(?:{_GREETING}\s*[,.!]+\s*|{_GREETING}\s+(?=[^\W\d_A-Z])|(?i:{_REQUEST})\s*[,:!]+\s*"
    rf"|(?i:{_REQUEST})\s+(?=[^\W\d_A-Z]))",
)
_BEFORE_CAPITAL: Final = re.compile(rf"^(?i:{_GREETING})(?:\s*[,.!]+\s*|\s+(?=[a-z]))")
_BEHIND: Final = re.compile(rf"(?<=[\w)])\s*([,.!?])\s*(?i:{_THANKS})\s*[.!]*$")
_WORD: Final = re.compile(
    r"(?<=\s)[?!.,;]+(?=\s)|\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[^\w\s.,?!;\u00bf\u00a1\u2026\u2019\u3002\uff1f\"]"
)
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:,\d{3})+")
_FOREIGN: Final = """
was wie warum wieso weshalb wann wo wer wen wem welche welcher welches comment pourquoi quand
qui quel quelle combien que qué cómo cuál cuándo dónde quién por come cosa perché quando dove
chi quanto qual como onde quem hoe wat waarom wanneer waar wie welke co jak dlaczego kiedy gdzie
kto
"""
_INTERROGATIVES: Final = frozenset(_FOREIGN.split())
_UNSPACED: Final = re.compile(r"^[\u3040-\u30ff\u3400-\u9fff]{4,}$")
"""A sentence of a script that puts no space between words."""
_ASKS_UNSPACED: Final = re.compile(
    r"\u4ec0\u4e48|\u600e\u4e48|\u600e\u6837|\u4e3a\u4ec0|\u591a\u5c11|\u54ea|\u8c01|\u5417$|\u5982\u4f55"
    r"|\u304b$|\u4f55|\u306a\u305c|\u3069\u3046|\u3069\u3053|\u3044\u3064|\u8ab0|\u65b9\u306f$|\u3068\u306f$"
)
"""What makes it a question without a mark."""
_STATES: Final = ("\u3002", ".", "!", "\uff01")
"""Marks behind what may be no question after all: who knows, who knows."""
_ASKS_HOW: Final = frozenset({"do", "can", "could", "does"})
_ANYBODY: Final = frozenset({"i", "you", "one", "we"})
_LEAST_WORDS: Final = 2
"""Of fewer, a greeting may be what is asked."""
_HOW_WORDS: Final = 3
"""How, do, I: what is asked comes behind them."""


def is_same_form(a: str, b: str) -> bool:
    """Whether both texts are one question but for their form."""
    form = question_form(a)
    return form is not None and form == question_form(b)


@lru_cache(maxsize=4096)
def question_form(text: str) -> Form | None:
    """None: there is too little to tell."""
    plain = _without_courtesy(text.strip())
    words = _plain_how([part for word in _WORD.findall(plain) for part in _expand(word.lower())])
    kept = tuple(_plain(word) for word in words if word not in _LEFT_OUT)
    if len(kept) == 1 and _UNSPACED.search(kept[0]):
        asks = not plain.endswith(_STATES)
        return (kept, (), asks) if _ASKS_UNSPACED.search(kept[0]) else None
    if len(words) < _LEAST_WORDS or not kept:
        return None
    times = {MODALITIES[word] for word in words if word in MODALITIES} - {"present"}
    asks = words[0] in QUESTION_WORDS or words[0] in AUXILIARIES or words[0] in _INTERROGATIVES
    return kept, tuple(sorted(times)), asks or plain.endswith("?")


_LEFT_OUT: Final = frozenset(word for word in ARTICLES if len(word) > 1) | AUXILIARIES


def _without_courtesy(text: str) -> str:
    before = ""
    while text != before:
        before = text
        text = _BEHIND.sub(r"\1", _BEFORE.sub("", _BEFORE_CAPITAL.sub("", text)))
    return text


def _expand(word: str) -> list[str]:
    plain = word.replace("\u2019", "'")
    if plain in CONTRACTED:
        return CONTRACTED[plain].split()
    if plain.endswith("n't"):
        return [plain[:-3], "not"]
    head, mark, tail = plain.partition("'")
    return [head] if mark and tail == "s" and head in QUESTION_WORDS else [plain]


def _plain_how(words: list[str]) -> list[str]:
    """How do I, how can you, how could one: all ask how to."""
    is_asked = len(words) > _HOW_WORDS and words[0] == "how" and words[1] in _ASKS_HOW
    return ["how", "to", *words[3:]] if is_asked and words[2] in _ANYBODY else words


def _plain(word: str) -> str:
    if _THOUSANDS.fullmatch(word):
        return word.replace(",", "")
    return UNITS.get(word, word) if len(word) > 1 else word
