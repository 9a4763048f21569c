"""Acceptance rule: score, operating points and the guard's objections. May the answer be served?

A score at or above the bar of the operator's target is accepted. Where the guard sees a changed
number, negation, opposite, name or modality, the bar is that of a target ten times as strict. What
the verifier can't see (a sign, a unit, the order of the same words) is refused at any score. What
was observed on the entry itself shifts the verifier's word (`error_bound.posterior_score`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from cache.verification.exact_details import exact_details
from cache.verification.lexical_guard import Difference
from cache.verification.plain_question import plain_question
from cache.verification.question_form import is_same_form, question_form
from cache.verification.tokenizer import tokenize_question
from cache.verification.verifier import Verifier

GUARD_FACTOR: Final = 10
FORM_SCORE: Final = 0.97
"""The least score of two texts of one form to which the guard has no decisive objection."""


@dataclass(frozen=True, slots=True)
class PairAccepted:
    """The answer serves both."""

    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class PairRefused:
    """It doesn't, or nobody can be sure enough."""

    score: float
    reason: str


PairVerdict: TypeAlias = PairAccepted | PairRefused


def accept_pair(
    score: float, bar: float, guard_bar: float, differences: Sequence[Difference]
) -> PairVerdict:
    """bar: the least score; guard_bar: the least where the guard objects (`differences`).

    The reason holds no word of the questions: it goes into events and traces.
    """
    if score < bar:
        return PairRefused(score, f"score {score:.3f} below {bar:.3f}")
    if differences and (differences[0].is_decisive or score < guard_bar):
        return PairRefused(score, f"guard: another {differences[0].detail}")
    return PairAccepted(score, f"score {score:.3f} reaches {bar:.3f}")


def take_apart(text: str) -> None:
    """Reads a text as the comparison with another one will, which then finds it remembered."""
    tokenize_question(text)
    plain = plain_question(text)
    tokenize_question(plain)
    exact_details(plain)
    question_form(text)


def with_form(
    score: float, a: str, b: str, differences: tuple[Difference, ...]
) -> tuple[float, tuple[Difference, ...]]:
    """The score and the objections that count, where the texts may be one question's two forms."""
    if (differences and differences[0].is_decisive) or not is_same_form(a, b):
        return score, differences
    return max(score, FORM_SCORE), ()


def accept_objected(
    score: float, differences: tuple[Difference, ...], verifier: Verifier, target: float
) -> PairVerdict:
    """The same by the operator's target; the reason tells what differs."""
    bars = verifier.operating_point(target), verifier.operating_point(target / GUARD_FACTOR)
    verdict = accept_pair(score, *bars, differences)
    if isinstance(verdict, PairAccepted) or not differences:
        return verdict
    return PairRefused(score, f"{verdict.reason}; {'; '.join(map(str, differences))}")
