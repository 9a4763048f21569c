"""Detail guard: every objection to serving one question's answer for another.

Decisive ones refuse, however sure the verifier is: it can't see what they see. The others ask for
more certainty.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from cache.verification.detail_vocabulary import (
    ABOUT_WORDS,
    EXACT_OPPOSITES,
    KNOWN_UNITS,
    NEGATING_PREFIXES,
    SIGNED_UNITS,
)
from cache.verification.exact_details import (
    ExactDetails,
    case_differs,
    differ_by_substitution,
    exact_details,
    is_contracted_otherwise,
    is_ideograph,
)
from cache.verification.lexical_guard import Detail, Difference, differences
from cache.verification.plain_question import plain_question
from cache.verification.roles import (
    doer_differs,
    foreign_order_differs,
    is_other_case,
    is_qualified,
    item_missing,
    modality_differs,
    order_differs,
    persons_swapped,
    unspaced_opposites,
    word_replaced,
)
from cache.verification.tokenizer import QuestionWords, tokenize_question
from cache.wording.accents import accent_differs, vowel_signs_differ, with_like_vowel_signs
from cache.wording.genders import gender_differs

_STEM: Final = 4
"""Letters of the shortest word that a prefix negates."""
_ALIKE: Final = 0.6
"""Of the pairs of letters of the text with fewer."""
_LAST_WORDS: Final = frozenset({"for", "mean", "do"})
"""Words behind which an end mark is nothing that is asked after."""
_UNTOLD: Final = ""
"""A decisive objection names its kind, which is enough to find it in the texts."""


def objections(a: str, b: str) -> tuple[Difference, ...]:
    """Every objection; decisive ones first. Empty: the guard has none. Symmetric in a and b."""
    a, b = map(plain_question, with_like_vowel_signs(a, b))
    words_a, words_b = tokenize_question(a), tokenize_question(b)
    details_a, details_b = exact_details(a), exact_details(b)
    are_foreign = details_a.is_foreign and details_b.is_foreign
    roles = _of_roles(words_a, words_b, are_foreign=are_foreign)
    exact = (
        *_of_signs(details_a, details_b),
        *_of_words(details_a, details_b),
        *_of_letters(a, b, are_foreign=are_foreign),
    )
    decisive = dict.fromkeys((*exact, *roles, *_of_tokens(words_a, words_b, details_a, details_b)))
    found = [Difference(detail, _UNTOLD, is_decisive=True) for detail in decisive]
    if are_foreign and details_a.is_foreign_negated != details_b.is_foreign_negated:
        # in quite other words, "get rid of" says what "no longer" does
        found.append(Difference("negation", _UNTOLD, is_decisive=_are_alike(a, b)))
        found.sort(key=lambda difference: not difference.is_decisive)
    if modality_differs(words_a, words_b):
        found.append(Difference("modality", _UNTOLD))
    return (*found, *differences(words_a, words_b))


def _are_alike(a: str, b: str) -> bool:
    """Whether two texts have most of their letters' pairs in common."""
    pairs_a, pairs_b = (set(itertools.pairwise(text.casefold())) for text in (a, b))
    return len(pairs_a & pairs_b) >= _ALIKE * min(len(pairs_a), len(pairs_b))


def _of_signs(a: ExactDetails, b: ExactDetails) -> Iterator[Detail]:
    if a.signs != b.signs or a.code_marks != b.code_marks:
        yield "sign"
    if Counter(a.hidden) != Counter(b.hidden):
        yield "invisible character"
    if differ_by_substitution(a.numbers, b.numbers) or (
        a.is_foreign and b.is_foreign and Counter(a.foreign_numbers) != Counter(b.foreign_numbers)
    ):
        yield "exact number"
    if differ_by_substitution(a.literals, b.literals) or _in_code(a.literals, b.literals):
        yield "identifier"
    if a.quotations and b.quotations and Counter(a.quotations) != Counter(b.quotations):
        yield "quotation"
    if _units_differ(a, b):
        yield "unit"


def _of_letters(a: str, b: str, *, are_foreign: bool) -> Iterator[Detail]:
    is_asked = ("\u00df" in a) != ("\u00df" in b) and ABOUT_WORDS.search(f"{a} {b}") is not None
    if is_asked or vowel_signs_differ(a, b):
        yield "accent"
    if are_foreign and gender_differs(a, b):
        yield "gender"


def _of_words(a: ExactDetails, b: ExactDetails) -> Iterator[Detail]:
    if case_differs(a, b):
        yield "letter case"
    if accent_differs(a.words, b.words):
        yield "accent"
    if is_other_case(a.words, b.words) or (
        (a.is_foreign or b.is_foreign) and foreign_order_differs(a.words, b.words)
    ):
        yield "order"
    if is_contracted_otherwise(a, b):
        yield "apostrophe"


def _of_roles(a: QuestionWords, b: QuestionWords, *, are_foreign: bool) -> Iterator[Detail]:
    if order_differs(a, b, are_foreign=are_foreign) or doer_differs(a, b):
        yield "order"
    if persons_swapped(a, b):
        yield "person"
    if word_replaced(a, b) or unspaced_opposites(a.tokens, b.tokens):
        yield "exact opposite"
    if is_qualified(a, b):
        yield "qualification"


def _of_tokens(
    a: QuestionWords, b: QuestionWords, details_a: ExactDetails, details_b: ExactDetails
) -> Iterator[Detail]:
    only_a, only_b = set(a.tokens) - set(b.tokens), set(b.tokens) - set(a.tokens)
    if _has_opposites(only_a, only_b):
        yield "exact opposite"
    if a.tokens != b.tokens:
        if item_missing(a, b, (len(details_a.pauses), len(details_b.pauses))):
            yield "qualification"
        if "".join(a.tokens) == "".join(b.tokens) and details_a.words != details_b.words:
            yield "spacing"
        return
    # of the very same words: here a comma, an end mark, or indentation may be the difference
    if details_a.pauses != details_b.pauses:
        yield "punctuation"
    if (
        details_a.end != details_b.end
        and _LAST_WORDS.isdisjoint(a.tokens[-1:])
        and (details_a.is_about_writing or details_b.is_about_writing)
    ):
        yield "sign"
    has_lines = any("\n" in gap for gap in (*details_a.gaps, *details_b.gaps))
    has_literals = any(len(each) > 1 for each in (*details_a.literals, *details_b.literals))
    if details_a.gaps != details_b.gaps and (has_literals or has_lines):
        yield "spacing"


def _has_opposites(only_a: set[str], only_b: set[str]) -> bool:
    """Whether a word on one side has its opposite, by the list or by its form, on the other."""
    return any(
        not only_b.isdisjoint(EXACT_OPPOSITES.get(word, ()))
        or not only_b.isdisjoint(_negated(word))
        for word in only_a
    ) or any(not only_a.isdisjoint(_negated(word)) for word in only_b)


@lru_cache(maxsize=4096)
def _negated(word: str) -> frozenset[str]:
    """What a word would be with a prefix that negates it, or `less` for `ful`."""
    if len(word) < _STEM:
        return frozenset()
    without = {f"{word.removesuffix('ful')}less"} if word.endswith("ful") else set()
    return frozenset({prefix + word for prefix in NEGATING_PREFIXES} | without)


def _in_code(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether the same identifiers stand in another order, or only one text has a flag or call."""
    if Counter(a) == Counter(b):
        return a != b and any("(" in literal or literal[0] in "-+" for literal in a)
    left, right = Counter(a), Counter(b)
    extra = (left - right) + (right - left)
    return any(not literal[:1].isalnum() or not literal[-1:].isalnum() for literal in extra)


def _units_differ(a: ExactDetails, b: ExactDetails) -> bool:
    """Whether a number that both have is of another unit, or has lost a sign that is its unit."""
    quantities = Counter(a.quantities), Counter(b.quantities)
    only_a, only_b = quantities[0] - quantities[1], quantities[1] - quantities[0]
    for (number, unit), (same, other) in itertools.product(only_a, only_b):
        if number != same:
            continue
        if {unit, other} <= KNOWN_UNITS or {unit, other} & SIGNED_UNITS:
            return True
        if unit.casefold() == other.casefold():
            return True  # 40 mA and 40 MA
        if is_ideograph(unit) and is_ideograph(other):
            return True  # three \u65a4, three \u4e24
    return False
