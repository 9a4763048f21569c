"""Graded answer: one case at one candidate, with its call and its grade."""

from dataclasses import dataclass

from observability.evaluation.data_sets.evaluation_case import EvaluationCase
from observability.evaluation.grading.answered_call import AnsweredCall


@dataclass(frozen=True, slots=True)
class GradedAnswer:
    """A case without an answer is graded too: as a failure."""

    case: EvaluationCase
    candidate: str
    call: AnsweredCall
    good: bool
    format_error: bool = False
    preference: int | None = None
    """Of a judge: 1 better than the baseline's answer, 0 a tie, -1 worse; None: no judge."""
