"""Form of a question: what is left when greeting, courtesy and habits of writing are taken away.

Two texts of one form ask the same, unless the guard sees a detail: it is asked for these, too. The
verifier alone is not sure of them: "hi", "please" and "how can I" for "how do I" cost it certainty.
"""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from cache.verification.detail_vocabulary import (
    ARTICLES,
    AUXILIARIES,
    COPULAS,
    MODALITIES,
    UNITS,
)
from cache.verification.exact_details import is_foreign
from cache.verification.plain_question import plain_question
from cache.verification.vocabulary import CONTRACTED, QUESTION_WORDS
from cache.wording.accents import with_like_vowel_signs, without_accents
from cache.wording.genders import gender_differs
from cache.wording.phrase_order import PREPOSITIONS, is_fronted

Form: TypeAlias = tuple[tuple[str, ...], tuple[str, ...], bool]
"""The words in their order, the times and modalities asked for, and whether it asks at all."""

_WORD: Final = re.compile(
    r"(?<=\s)[?!.,;]+(?=\s)|\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[^\w\s.,?!;\u00bf\u00a1\u2026\u2019\u3002\uff1f\u061f\u060c\u3001\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a\u300c-\u300f\"]"
)
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:,\d{3})+")
_FOREIGN: Final = """
was wie warum wieso weshalb wann wo wer wen wem welche welcher welches comment pourquoi quand
qui quoi quel quelle quels quelles combien que qué cómo cuál cuándo dónde quién por come cosa
perché quando dove chi quanto qual como onde quem hoe wat waarom wanneer waar wie welke co
jak dlaczego kiedy gdzie kto ile что как почему когда где кто
сколько какой какая какие зачем ما كيف لماذا متى أين من كم هل
ne nasıl neden kaç kim nerede hangi nedir kimdir 무엇 무엇을 어떻게 왜 언제 어디 누가 뭐 sind ist
"""
_INTERROGATIVES: Final = frozenset(
    form for word in _FOREIGN.split() for form in (word, without_accents(word))
)
_THING: Final = re.compile(
    r"^\u00bf?(?:what(?:'s| is| are) the|(?:give|show|tell) me the|(?:list|name|state) the"
    r"|was (?:ist|sind) d(?:er|ie|as)|wie laute[nt] d(?:er|ie|as)|nenne?(?: mir)? d(?:er|ie|as|en)"
    r"|quel(?:le)?s? (?:est|sont) l(?:es|e|a|(?='))|donnez?-moi l(?:es|e|a|(?='))"
    r"|cu[\u00e1a]l(?:es)? (?:es|son) (?:el|las?|los)|(?:dime|dame|enumera) (?:el|las?|los)"
    r"|qual[ei]? (?:\u00e8|sono) (?:il|lo|la|i|gli|le)|(?:dammi|dimmi|elenca) (?:il|lo|la|i|gli|le)"
    r"|(?:qual [\u00e9e]|quais s\u00e3o) [oa]s?|(?:liste|diga) [oa]s?"
    r"|wat (?:is|zijn) (?:de|het)|noem(?: me)? (?:de|het)|jak(?:i|a|ie) (?:jest|s\u0105)"
    r"|\u0645\u0627 \u0647[\u064a\u0648])(?=[ '\u2019])\s*",
    re.IGNORECASE,
)
"""What asks for a thing by its name: what is the, give me the."""
_OF_WORDS: Final = """
of de du des von di do da dos das del della dello dei degli delle van der dem den l d
"""
_OF: Final = frozenset(_OF_WORDS.split())
_UMLAUTS: Final = str.maketrans(
    {"\u00e4": "ae", "\u00f6": "oe", "\u00fc": "ue", "\u00c4": "Ae", "\u00d6": "Oe", "\u00dc": "Ue"}
)
_UNSPACED: Final = re.compile(r"^[\u3040-\u30ff\u3400-\u9fff]{4,}$")
"""A sentence of a script that puts no space between words."""
_ASKS_UNSPACED: Final = re.compile(
    r"\u4ec0\u4e48|\u600e\u4e48|\u600e\u6837|\u4e3a\u4ec0|\u591a\u5c11|\u54ea|\u8c01|\u5417$|\u5982\u4f55"
    r"|\u304b$|\u4f55|\u306a\u305c|\u3069\u3046|\u3069\u3053|\u3044\u3064|\u8ab0|\u65b9\u306f$|\u3068\u306f$"
)
"""What makes it a question without a mark."""
End: TypeAlias = Literal["asks", "exclaims", "trails", "states", "open"]

_GOES_ON: Final = re.compile(r"\d(?:\.\.\.|\u2026)")
"""A decimal that goes on: 0.999..."""
_END_MARKS: Final = " \u00a0?!.\u2026\uff1f\uff01\u061f\u3002"
_LEAST_SIGNS: Final = 4
"""Of a text whose end marks are no matter: 5! and 5? are two."""
_STATES: Final = ("\u3002", ".", "!", "\uff01")
"""Marks behind what may be no question after all: who knows, who knows."""
_ASKS_HOW: Final = frozenset({"do", "can", "could", "does"})
_ANYBODY: Final = frozenset({"i", "you", "one", "we", "someone", "somebody"})
_ONES_OWN: Final = frozenset({"my", "me", "mine", "your", "yours", "our", "us"})
"""Where who does it isn't anybody: how do you verify my identity."""
_LEAST_WORDS: Final = 2
"""Of fewer, a greeting may be what is asked."""
_HOW_WORDS: Final = 3
"""How, do, I: what is asked comes behind them."""


def is_same_form(a: str, b: str) -> bool:
    """Whether both texts are one question but for their form."""
    a, b = with_like_vowel_signs(a, b)
    if bool(_GOES_ON.search(a)) != bool(_GOES_ON.search(b)):
        return False
    if _is_same_but_for_end(a, b):
        return True
    form, other = question_form(a), question_form(b)
    if form is None or other is None or form[1:] != other[1:] or gender_differs(a, b):
        return False
    return form[0] == other[0] or is_fronted(form[0], other[0]) or _spelled(a) == _spelled(b)


def _is_same_but_for_end(a: str, b: str) -> bool:
    """Whether only marks at the end differ, and none of them makes a statement of a question."""
    plain, other = plain_question(a), plain_question(b)
    body = plain.rstrip(_END_MARKS)
    if len(body) < _LEAST_SIGNS or body != other.rstrip(_END_MARKS):
        return False
    ends = {_end(plain), _end(other)}
    return len(ends) == 1 or ("trails" in ends and "exclaims" not in ends)


def _end(text: str) -> End:
    """What the marks at a text's end say; one that trails off may be a question or none."""
    marks = set(text[len(text.rstrip(_END_MARKS)) :]) - {" "}
    if not marks.isdisjoint("?\uff1f\u061f"):
        return "asks"
    if not marks.isdisjoint("!\uff01"):
        return "exclaims"
    if text.endswith(("..", "\u2026")):
        return "trails"
    return "states" if marks else "open"


def _spelled(text: str) -> Form | None:
    """The form with umlauts in two letters."""
    return question_form(text if text.isascii() else text.translate(_UMLAUTS))


@lru_cache(maxsize=4096)
def question_form(text: str) -> Form | None:
    """None: there is too little to tell."""
    plain = plain_question(text)
    asked, thing = _THING.subn("", plain)
    words = _plain_how([part for word in _read(asked) for part in _expand(word)])
    kept = _kept(words, ARTICLES | COPULAS if is_foreign(plain) else _ENGLISH_ARTICLES)
    times = {MODALITIES[word] for word in words if word in MODALITIES} - {"present"}
    if thing or _is_phrase(words):
        return _phrase(kept, times)
    if len(kept) == 1 and _UNSPACED.search(kept[0]):
        asks = not plain.endswith(_STATES)
        return (kept, (), asks) if _ASKS_UNSPACED.search(kept[0]) else None
    if len(words) < _LEAST_WORDS or not kept:
        return None
    asks = words[0] in _ASKING or (
        words[0] in PREPOSITIONS and not _QUESTION_WORDS.isdisjoint(words)
    )
    is_denied = words.count("not") == 1 == sum(word in AUXILIARIES for word in words)
    if is_denied and words[words.index("not") + 1 :][:1] != ["to"]:
        kept = (*(word for word in kept if word != "not"), "not")
    end = _end(plain)
    return kept, tuple(sorted(times)), end == "asks" or (asks and end != "exclaims")


def _is_phrase(words: Sequence[str]) -> bool:
    """Whether a text only names what is asked for: boiling point nitrogen."""
    return len(words) >= _LEAST_WORDS and not any(
        word in _ASKING or word == "not" for word in words
    )


def _phrase(kept: tuple[str, ...], times: AbstractSet[str]) -> Form | None:
    words = tuple(word for word in kept if word not in _OF)
    return (words, ("phrase", *sorted(times)), True) if len(words) >= _LEAST_WORDS else None


def _read(text: str) -> list[str]:
    """The words in small letters; LA, El Salvador: what only looks like an article is marked."""
    words, shouts = _WORD.findall(text), text.isupper()
    return [
        f"{word.lower()}\u00b7"
        if not shouts
        and word.lower() in _LOOKALIKES
        and (word[1:].isupper() or (at > 0 and word[0].isupper() and word.lower() in _IN_NAMES))
        else word.lower()
        for at, word in enumerate(words)
    ]


def _kept(words: Sequence[str], articles: AbstractSet[str]) -> tuple[str, ...]:
    """Without articles, and without the auxiliary that asks: what should I be, what should I do."""
    asking = next((at for at, word in enumerate(words) if word in _DROPPED), -1)
    last = len(words) - 1
    return tuple(
        without_accents(_plain(word))
        for at, word in enumerate(words)
        if not (
            (word in articles and len(word) > 1 and (word, at) != ("ein", last))
            or (at == asking and (word, at) != ("do", last))
        )
    )


_QUESTION_WORDS: Final = frozenset(QUESTION_WORDS) | _INTERROGATIVES
_ASKING: Final = _QUESTION_WORDS | AUXILIARIES
_DROPPED: Final = AUXILIARIES - {"have", "has", "had"}
_ENGLISH_ARTICLES: Final = ARTICLES - {"die", "as"}
"""Without words of English."""
_IN_NAMES: Final = frozenset({"el", "la", "las", "los", "le", "les", "lo", "il"})
_LOOKALIKES: Final = ARTICLES | AUXILIARIES


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
    at = words.index("how") if "how" in words else 0
    asked = words[at : at + 3]
    is_asked = asked[:1] == ["how"] and len(words) > at + _HOW_WORDS and asked[1] in _ASKS_HOW
    return (
        [*words[:at], "how", "to", *words[at + 3 :]]
        if is_asked and asked[2] in _ANYBODY and _ONES_OWN.isdisjoint(words)
        else words
    )


def _plain(word: str) -> str:
    if _THOUSANDS.fullmatch(word):
        return word.replace(",", "")
    return UNITS.get(word, word) if len(word) > 1 else word
