"""Plain grades: metrics that the texts alone decide."""

import math
import re
import unicodedata
from collections import deque
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from observability.evaluation.data_sets.evaluation_case import MAX_REFERENCE, EvaluationCase
from observability.evaluation.grading.metric import Metric, PlainMetric
from observability.grounding.groundedness import context_of, context_support

_NUMBER: Final = re.compile(r"[-+\u2212]?[0-9][0-9,]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_END_MARKS: Final = " \t\r\n.!?;:\"'`*"
_LONGEST_NUMBER: Final = 40


@dataclass(frozen=True, slots=True)
class Graded:
    """An answer's grade."""

    good: bool
    format_error: bool = False
    """It wasn't in the form that was asked for."""


@dataclass(frozen=True, slots=True)
class Ungradable:
    """The metric can say nothing of any answer to this case."""

    reason: str


Grade: TypeAlias = Graded | Ungradable


def plain_grade(kind: PlainMetric, metric: Metric, case: EvaluationCase, answer: str) -> Grade:
    """The grade of an answer's text. Linear in the texts."""
    answer = answer[:MAX_REFERENCE]
    if kind == "grounded":
        return _grounded(case, answer)
    if case.reference is None:
        return Ungradable("no reference")
    match kind:
        case "exact":
            fold = metric.argument == "fold"
            return Graded(_form(answer, fold=fold) == _form(case.reference, fold=fold))
        case "contains":
            return Graded(_form(case.reference, fold=True) in _form(answer, fold=True))
        case "numeric":
            return _numeric(case.reference, answer, metric.tolerance)
        case _:
            assert_never(kind)


def _form(text: str, *, fold: bool) -> str:
    """Without what writing adds: Unicode composition and space around; folded, also case."""
    composed = unicodedata.normalize("NFC", text).strip()
    return " ".join(composed.casefold().strip(_END_MARKS).split()) if fold else composed


def _numeric(reference: str, answer: str, tolerance: float) -> Grade:
    """The last number of the answer: models reckon first, then say the result."""
    expected = _last_number(reference)
    if expected is None:
        return Ungradable("the reference has no number")
    said = _last_number(answer)
    if said is None:
        return Graded(good=False, format_error=True)
    return Graded(math.isclose(said, expected, rel_tol=tolerance, abs_tol=tolerance * 1e-6))


def _last_number(text: str) -> float | None:
    last = deque(_NUMBER.finditer(text), maxlen=1)
    if not last or len(last[0][0]) > _LONGEST_NUMBER:
        return None
    value = float(last[0][0].replace(",", "").replace("\u2212", "-"))
    return value if math.isfinite(value) else None


def _grounded(case: EvaluationCase, answer: str) -> Grade:
    """Whether the claims that can be looked up are in the context."""
    context = case.context or context_of(case.body.messages)
    if context is None:
        return Ungradable("no context")
    return Graded(good=not context_support(answer, context).ungrounded)
