"""Lexical guard: numbers, negations, opposites, names. Do two questions differ in a detail?

A sentence embedding hardly sees these. The guard knows nothing of meaning; the verifier judges the
rest. `differences` is an input of the trained model: a change needs a new `verifier.npz`.
"""

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cache.verification.antonyms import ANTONYM_PAIRS, EXCLUSIVE_GROUPS
from cache.verification.tokenizer import QuestionWords

Detail: TypeAlias = Literal[
    "number", "negation", "opposite", "name", "modality",
    "sign", "invisible character", "exact number", "identifier", "unit", "letter case", "accent",
    "apostrophe", "order", "person", "exact opposite", "spacing", "punctuation", "qualification",
    "quotation", "gender",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """A detail in which two questions differ."""

    detail: Detail
    words: str
    """What stands against what; may be empty."""
    is_decisive: bool = False
    """Whether no score outweighs it."""

    def __str__(self) -> str:
        return f"{self.detail}: {self.words}" if self.words else self.detail


def differences(a: QuestionWords, b: QuestionWords) -> tuple[Difference, ...]:
    """Every such detail; empty: the guard has no objection."""
    only_a, only_b = set(a.tokens) - set(b.tokens), set(b.tokens) - set(a.tokens)
    candidates = (
        _numbers(a, b),
        _negations(a, b),
        _opposites(only_a, only_b),
        _names(a, b, only_a, only_b),
    )
    return tuple(difference for difference in candidates if difference is not None)


def one_sided_names(a: QuestionWords, b: QuestionWords) -> tuple[int, int]:
    """How many names each question has that the other doesn't mention at all."""
    return len(_absent(a.names, b)), len(_absent(b.names, a))


def _numbers(a: QuestionWords, b: QuestionWords) -> Difference | None:
    left, right = Counter(a.numbers), Counter(b.numbers)
    if left == right:
        return None
    return Difference("number", _against((left - right).keys(), (right - left).keys()))


def _negations(a: QuestionWords, b: QuestionWords) -> Difference | None:
    if a.negations % 2 == b.negations % 2:
        return None
    return Difference("negation", f"{a.negations} against {b.negations}")


def _opposites(only_a: AbstractSet[str], only_b: AbstractSet[str]) -> Difference | None:
    for word in sorted(only_a):
        against = ANTONYM_PAIRS.get(word, frozenset()) & only_b
        if against:
            return Difference("opposite", _against({word}, against))
    return None


def _names(
    a: QuestionWords, b: QuestionWords, only_a: AbstractSet[str], only_b: AbstractSet[str]
) -> Difference | None:
    left, right = _absent(a.names, b), _absent(b.names, a)
    if left and right:
        return Difference("name", _against(left, right))
    for word in sorted(only_a & EXCLUSIVE_GROUPS.keys()):
        siblings = {
            other
            for other in only_b & EXCLUSIVE_GROUPS.keys()
            if EXCLUSIVE_GROUPS[word] & EXCLUSIVE_GROUPS[other]
        }
        if siblings:
            return Difference("name", _against({word}, siblings))
    return None


def _absent(names: AbstractSet[str], other: QuestionWords) -> set[str]:
    return set(names).difference(other.tokens, other.names)


def _against(left: AbstractSet[str], right: AbstractSet[str]) -> str:
    return f"{', '.join(sorted(left)) or 'none'} against {', '.join(sorted(right)) or 'none'}"
