"""Order and roles: who does what to whom, from where to where, by permission or duty.

Bags of words and sentence vectors hardly see them: the same words in another order are to the
verifier the same question.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Final

from cache.verification.detail_vocabulary import (
    ARTICLES,
    AUXILIARIES,
    CONTRACTED_ARTICLES,
    COPULAS,
    FEMININE,
    FIRST_PERSON,
    INCOMPATIBLE_MODALITIES,
    MASCULINE,
    MODALITIES,
    REPLACED,
    SECOND_PERSON,
    THIRD_PERSON,
    UNSPACED_OPPOSITES,
)
from cache.verification.tokenizer import QuestionWords, stem
from cache.wording.phrase_order import is_fronted, phrase_moved

_SYMMETRIC: Final = frozenset(
    ["and", "or", "vs", "versus", "&", "und", "oder", "et", "ou", "y", "e", "o"]
)
"""Words whose two sides may change places."""
_CAN_OR_MUST: Final = frozenset({"can", "could", "may", "might", "must"})
_SOURCES: Final = frozenset({"from", "von"})
_TARGETS: Final = frozenset({"to", "into", "nach", "\u00e0"})
_QUALIFYING: Final = frozenset(
    {"only", "nur", "seulement", "solo", "s\u00f3", "alleen", "tylko", "yaln\u0131zca"}
)
_ONE_LETTER_WORDS: Final = frozenset({"a", "i", "e", "o", "y", "u", "\u00e0", "\u00e8", "\u00e9"})
_BEGINNING: Final = 3
"""Letters of a word that hardly any ending changes."""
_STANDARDS: Final = frozenset({"than", "als"})
_ASKED: Final = frozenset({"who", "what", "which", "whose"})
"""Words that ask for a doer as well as for what something is done to."""
_DO: Final = frozenset({"do", "does", "did"})
_BE: Final = frozenset({"is", "are", "was", "were"})
_ASKED_PHRASE: Final = 4
"""Words within which an auxiliary follows the question word and its noun."""
_WHOM: Final = frozenset({"qui\u00e9n", "quien", "quem", "chi", "qui"})
_TO: Final = frozenset({"a", "\u00e0", "al"})
_COURTESY: Final = frozenset({"please", "bitte"})
_GREETINGS: Final = frozenset({"hi", "hello", "hey", "pleas", "thank", "ok", "tell"})
"""Stems that a courtesy adds."""
_CASES: Final = {
    "wer": "wen",
    "wen": "wem",
    "kto": "kogo",
    "kim": "kimi",
    "kimi": "kime",
    "\u043a\u0442\u043e": "\u043a\u043e\u0433\u043e",
    "wem": "",
    "kogo": "",
    "kime": "",
    "\u043a\u043e\u0433\u043e": "",
}
"""Who and whom, by language."""
_PARTICLES: Final = {
    "\uac00": "subject",
    "\uc774": "subject",
    "\uc744": "object",
    "\ub97c": "object",
}
_MIDDLE: Final = 3
"""Words of a name with a middle name."""
_TITLES: Final = frozenset(
    {"president", "king", "queen", "pope", "minister", "dr", "mr", "mrs", "sir", "saint", "st"}
)


def order_differs(a: QuestionWords, b: QuestionWords, *, are_foreign: bool) -> bool:
    """Whether the same words stand in an order that may swap their roles.

    are_foreign: both are in another language than English, in which phrases stand more freely.
    """
    left, right = _role_words(a), _role_words(b)
    if Counter(left) == Counter(right):
        if is_denied_alike(a.tokens, b.tokens):
            left, right = _without_not(left), _without_not(right)
        if are_foreign and phrase_moved(left, right):
            return False
        # a word that isn't where it was has another role
        return not _are_symmetric(left, right) and not is_fronted(left, right)
    return _directions_swapped(left, right) or _subject_differs(a, b)


def _subject_differs(a: QuestionWords, b: QuestionWords) -> bool:
    """Whether yes-or-no questions of the same words have them in another order: may I, may he."""
    if a.stems != b.stems or not {*a.tokens[:1], *b.tokens[:1]} <= AUXILIARIES:
        return False
    orders = [[word for word in map(stem, words.tokens) if word in words.stems] for words in (a, b)]
    # is honey made by bees, do bees make honey; is it bad to smoke, is smoking bad
    is_turned = any((word in a.tokens) != (word in b.tokens) for word in ("by", "it"))
    return orders[0] != orders[1] and not is_turned and not _are_symmetric(*orders)


def is_denied_alike(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether one "not" of each denies its one auxiliary: don't penguins, do penguins not."""
    return any(_follows_auxiliary(tokens) for tokens in (a, b)) and all(
        tokens.count("not") == 1 and sum(word in AUXILIARIES for word in tokens) == 1
        for tokens in (a, b)
    )


def _follows_auxiliary(tokens: Sequence[str]) -> bool:
    return any(word in AUXILIARIES and then == "not" for word, then in itertools.pairwise(tokens))


def _without_not(words: Sequence[str]) -> list[str]:
    return [word for word in words if word != "not"]


def word_replaced(a: QuestionWords, b: QuestionWords) -> bool:
    """Whether just one word is another, of a pair that asks for something else."""
    changed = [pair for pair in zip(a.tokens, b.tokens, strict=False) if pair[0] != pair[1]]
    return (
        len(a.tokens) == len(b.tokens) and len(changed) == 1 and (frozenset(changed[0]) in REPLACED)
    )


def unspaced_opposites(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether one text has a word, the other its opposite, in a script without spaces."""
    if all(map(str.isascii, a)):
        return False
    left, right = " ".join(a), " ".join(b)
    return any(
        (one in left) != (one in right) and (other in left) != (other in right)
        for one, other in UNSPACED_OPPOSITES
    )


def is_qualified(a: QuestionWords, b: QuestionWords) -> bool:
    """Whether just one word more, an initial or one like `only`, makes it another question."""
    shorter, longer = sorted((a.tokens, b.tokens), key=len)
    if len(longer) != len(shorter) + 1:
        return False
    at = _common(shorter, longer)
    added = longer[at] if at < len(longer) else longer[-1]
    is_initial = len(added) == 1 and added.isalpha() and added not in _ONE_LETTER_WORDS
    return (
        is_initial or added in _QUALIFYING or _is_middle_name(a.names | b.names, longer, at)
    ) and shorter[at:] == longer[at + 1 :]


def _is_middle_name(names: frozenset[str], tokens: Sequence[str], at: int) -> bool:
    """Whether a word stands between two names, as in John Quincy Adams."""
    around = tokens[at - 1 : at + 2] if at else ()
    return len(around) == _MIDDLE and names.issuperset(around) and around[0] not in _TITLES


def doer_differs(a: QuestionWords, b: QuestionWords) -> bool:
    """Whether one asks who did it, the other to whom: who taught Plato, who did Plato teach."""
    only_a, only_b = a.stems - b.stems, b.stems - a.stems
    if not a.stems & b.stems or len(only_a) > 1 or len(only_b) > 1:
        return False
    if ("whose" in a.tokens) != ("whose" in b.tokens):
        return not only_a and not only_b and "who" in (*a.tokens, *b.tokens)
    asked = {_asked_role(a.tokens), _asked_role(b.tokens)}
    return asked in ({"doer", "object"}, {"doer", "passive"})


def _asked_role(tokens: Sequence[str]) -> str:
    """What the question word stands for; empty where it can't be told."""
    if tokens[:1] == () or tokens[0] not in _ASKED:
        return ""
    phrase = tokens[1:_ASKED_PHRASE]
    if not _DO.isdisjoint(phrase):
        return "object"
    if not _BE.isdisjoint(phrase) and "by" in tokens[:-1]:
        return "passive"
    if tokens[0] == "who" and tokens[1:2] and tokens[1] in _BE and tokens[2:3]:
        return "passive" if tokens[2].endswith(("ed", "en")) else ""
    return "doer" if AUXILIARIES.isdisjoint(tokens) else ""


def item_missing(a: QuestionWords, b: QuestionWords, pauses: tuple[int, int]) -> bool:
    """Whether one enumerates more than the other. pauses: commas of each."""
    shorter, longer = sorted((a.stems, b.stems), key=len)
    # "o" is "or" in two languages and an article in a third
    joining = _SYMMETRIC - {"o"}
    enumerates = not joining.isdisjoint(a.tokens) and not joining.isdisjoint(b.tokens)
    return pauses[0] != pauses[1] and enumerates and shorter < longer - _GREETINGS


def foreign_order_differs(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether the words of texts in other languages than English stand in another order.

    a, b: words with their elided articles (l'anglais), which the tokenizer takes for one.
    """
    left, right = _foreign_roles(a), _foreign_roles(b)
    if _asks_whom(a) != _asks_whom(b):
        return True
    if left == right:
        # der Hund den Mann, den Hund der Mann
        return _articles(a) != _articles(b) and Counter(_articles(a)) == Counter(_articles(b))
    if Counter(left) == Counter(right):
        return not (
            _are_symmetric(left, right) or is_fronted(left, right) or phrase_moved(left, right)
        )
    # where endings tell the roles, the words' beginnings change places: köpek kediyi, kedi köpeği
    left, right = [word[:_BEGINNING] for word in left], [word[:_BEGINNING] for word in right]
    return Counter(left) == Counter(right) and not _are_symmetric(left, right)


def _foreign_roles(words: Sequence[str]) -> list[str]:
    plain = (word.casefold().rpartition("'")[2] for word in words)
    left_out = (ARTICLES, CONTRACTED_ARTICLES, COPULAS)
    return [word for word in plain if not any(word in words for words in left_out)]


def _articles(words: Sequence[str]) -> list[str]:
    return [word for word in map(str.casefold, words) if word in ARTICLES]


def _asks_whom(words: Sequence[str]) -> bool:
    """Whether a question begins with "to whom", in Spanish also for the object: a qui\u00e9n."""
    first, second = [*map(str.casefold, words[:2]), "", ""][:2]
    return first in _TO and second in _WHOM


def is_other_case(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether one asks who, the other whom, or a Korean subject has become an object."""
    cases_a, cases_b = ({word.casefold() for word in words} & _CASES.keys() for words in (a, b))
    only_a, only_b = cases_a - cases_b, cases_b - cases_a
    if any(_CASES[one] == other or _CASES[other] == one for one in only_a for other in only_b):
        return True
    marked_a, marked_b = (
        {word[:-1]: _PARTICLES[word[-1]] for word in words if word[-1] in _PARTICLES}
        for words in (a, b)
    )
    common = marked_a.keys() & marked_b.keys()
    return sum(marked_a[word] != marked_b[word] for word in common) > 1


def persons_swapped(a: QuestionWords, b: QuestionWords) -> bool:
    """Whether persons have changed places, or a man is asked for in place of a woman."""
    # one person for another is no difference: "how do you" and "how do I" ask the same
    persons = (FIRST_PERSON, SECOND_PERSON, THIRD_PERSON)
    left, right = _sequence(a.tokens, persons), _sequence(b.tokens, persons)
    if left != right and sorted(left) == sorted(right):
        return True
    genders = (MASCULINE, FEMININE)
    left, right = _sequence(a.tokens, genders), _sequence(b.tokens, genders)
    return left != right and len(left) == len(right)


def modality_differs(a: QuestionWords, b: QuestionWords) -> bool:
    """Whether questions that begin with an auxiliary ask for permission, duty, or another time."""
    if a.stems != b.stems:
        return False
    return frozenset({_modality(a.tokens), _modality(b.tokens)}) in INCOMPATIBLE_MODALITIES


def _role_words(words: QuestionWords) -> list[str]:
    """In order, without those whose place tells nothing: "why we should", "why should we"."""
    tokens = words.tokens
    if tokens[:1] and tokens[0] in _COURTESY:
        tokens = tokens[1:]
    elif tokens[-1:] and tokens[-1] in _COURTESY:
        tokens = tokens[:-1]
    left_out = (ARTICLES, AUXILIARIES, COPULAS)
    return [word for word in tokens if not any(word in words for words in left_out)]


def _are_symmetric(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether nothing but the two sides of an "and" or "or" have changed places."""
    if left == right:
        return True
    start = _common(left, right)
    end = len(left) - _common(left[:start:-1], right[:start:-1])
    middle_a, middle_b = left[start:end], right[start:end]
    return any(
        [*middle_a[at + 1 :], word, *middle_a[:at]] == middle_b
        for at, word in enumerate(middle_a)
        if word in _SYMMETRIC
    )


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many words both begin with."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(left), len(right)))


def _directions_swapped(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether source and target, or the two sides of a comparison, have changed places."""
    ends_a, ends_b = _ends(left), _ends(right)
    swapped = [word for word in ends_a.keys() & ends_b.keys() if ends_a[word] != ends_b[word]]
    if len(swapped) > 1:
        return True
    standards_a, standards_b = _behind(left, _STANDARDS), _behind(right, _STANDARDS)
    return bool(
        standards_a
        and standards_b
        and standards_a.isdisjoint(standards_b)
        and standards_a <= set(right)
        and standards_b <= set(left)
    )


def _ends(tokens: Sequence[str]) -> dict[str, str]:
    """The words that a conversion or a way begins and ends with."""
    ends = dict.fromkeys(_behind(tokens, _SOURCES), "source")
    for before, preposition, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if preposition in _TARGETS:
            ends.setdefault(before, "source")
            ends.setdefault(after, "target")
    return ends


def _behind(tokens: Sequence[str], prepositions: frozenset[str]) -> frozenset[str]:
    pairs = itertools.pairwise(tokens)
    return frozenset(after for preposition, after in pairs if preposition in prepositions)


def _sequence(tokens: Sequence[str], groups: Sequence[frozenset[str]]) -> list[int]:
    return [at for token in tokens for at, group in enumerate(groups) if token in group]


def _modality(tokens: Sequence[str]) -> str:
    if ("have", "to") in itertools.pairwise(tokens) or (tokens[:1] == ("have",) and "to" in tokens):
        return "obligation"
    if tokens and tokens[0] in MODALITIES:
        return MODALITIES[tokens[0]]
    # "how should I" and "how do I" ask the same, "when must I" and "when can I" don't
    duty = next((token for token in tokens if token in _CAN_OR_MUST), "")
    return MODALITIES.get(duty, "")
