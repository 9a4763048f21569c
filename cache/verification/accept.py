"""Acceptance rule: score, operating points and the guard's objections. May the answer be served?

A score at or above the bar of the operator's target is accepted. Where the guard sees a changed
number, negation, opposite or name, the bar is that of a target ten times as strict. What was
observed on the entry itself shifts the verifier's word (`error_bound.posterior_score`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from cache.verification.lexical_guard import Difference, differences
from cache.verification.tokenizer import tokenize_question
from cache.verification.verifier import Verifier

GUARD_FACTOR: Final = 10


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
    score: float, bar: float, guard_bar: float, found: Sequence[Difference]
) -> PairVerdict:
    """bar: the least score; guard_bar: the least with objections of the guard (`found`).

    The reason holds no word of the questions: it goes into events and traces.
    """
    if score < bar:
        return PairRefused(score, f"score {score:.3f} below {bar:.3f}")
    if found and score < guard_bar:
        return PairRefused(score, f"guard: another {found[0].detail}")
    return PairAccepted(score, f"score {score:.3f} reaches {bar:.3f}")


def accept_texts(score: float, a: str, b: str, verifier: Verifier, target: float) -> PairVerdict:
    """The same from the texts and the operator's target; the reason tells what differs."""
    bars = verifier.operating_point(target), verifier.operating_point(target / GUARD_FACTOR)
    found = differences(tokenize_question(a), tokenize_question(b))
    verdict = accept_pair(score, *bars, found)
    if isinstance(verdict, PairAccepted) or not found:
        return verdict
    return PairRefused(score, f"{verdict.reason}; {'; '.join(map(str, found))}")
