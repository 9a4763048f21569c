"""Answer grader: the grade of a call by any metric but a judge's.

The operator's own function gets the answer, the reference, the context and the prompt, and returns
a bool, or a score from 0 to 1 that is good from 0.5 on; it may be async. What it raises is a
mistake of the function, and ends the command: an evaluation by a broken metric is worth nothing.
"""

import importlib
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast, get_args

from observability.evaluation.data_sets.evaluation_case import EvaluationCase
from observability.evaluation.grading.answered_call import AnsweredCall
from observability.evaluation.grading.metric import Metric, PlainMetric
from observability.evaluation.grading.plain_grades import (
    Grade,
    Graded,
    Ungradable,
    plain_grade,
)
from producers.contract import JsonSchemaCheck, RegexCheck, Validator

_GOOD_FROM = 0.5
_LONGEST_JSON = 1_000_000

CheckAnswer: TypeAlias = Callable[
    [Sequence[Validator], Mapping[str, Any]], Awaitable[Sequence[str]]
]
"""(checks, a chat completion) → the kinds of those that the answer fails."""
MetricFunction: TypeAlias = Callable[..., Any]


class MetricError(ValueError):
    """The metric can't be used; for a person."""


@dataclass(frozen=True, slots=True)
class GradingTools:
    """What grading asks of higher floors."""

    check: CheckAnswer
    validators_of: Callable[[EvaluationCase], Sequence[Validator]]
    """The case's own, else its task's."""
    schema: Mapping[str, Any] | None = None
    """Of the metric `json-schema`, where the operator names a file."""


class AnswerGrader:
    """One metric."""

    def __init__(self, metric: Metric, tools: GradingTools) -> None:
        """Raises MetricError for a function that can't be imported."""
        self._metric = metric
        self._tools = tools
        self._function = load_metric(metric.argument) if metric.kind == "python" else None

    async def grade(self, case: EvaluationCase, call: AnsweredCall) -> Grade:
        """Raises MetricError if the operator's function does."""
        if call.outcome != "done" or call.message.get("refusal"):
            grade = await self._of_nothing(case)
        elif self._metric.kind in get_args(PlainMetric):
            kind = cast("PlainMetric", self._metric.kind)
            grade = plain_grade(kind, self._metric, case, call.text)
        elif self._function is not None:
            grade = await self._by_function(case, call)
        else:
            grade = await self._by_checks(case, call)
        if isinstance(grade, Graded) and call.outcome == "done" and _breaks_form(case, call.text):
            return Graded(grade.good, format_error=True)
        return grade

    async def _of_nothing(self, case: EvaluationCase) -> Grade:
        """A failure, unless the metric could say nothing of any answer to this case."""
        if self._metric.kind in get_args(PlainMetric):
            kind = cast("PlainMetric", self._metric.kind)
            grade = plain_grade(kind, self._metric, case, "")
            return grade if isinstance(grade, Ungradable) else Graded(good=False)
        if self._metric.kind != "python" and not self._checks(case):
            return Ungradable("nothing to check")
        return Graded(good=False)

    async def _by_checks(self, case: EvaluationCase, call: AnsweredCall) -> Grade:
        checks = self._checks(case)
        if not checks:
            return Ungradable("nothing to check")
        failed = await self._tools.check(checks, {"choices": [{"message": call.message}]})
        return Graded(not failed, format_error="json_schema" in failed)

    def _checks(self, case: EvaluationCase) -> Sequence[Validator]:
        match self._metric.kind:
            case "regex":
                pattern = self._metric.argument or case.reference
                return () if pattern is None else (RegexCheck(kind="regex", pattern=pattern),)
            case "json-schema":
                schema = self._tools.schema or _requested_schema(case)
                whole = {"kind": "json_schema", "schema": schema}
                return () if schema is None else (JsonSchemaCheck.model_validate(whole),)
            case _:
                return self._tools.validators_of(case)

    async def _by_function(self, case: EvaluationCase, call: AnsweredCall) -> Grade:
        assert self._function is not None  # noqa: S101 asked before
        try:
            score = self._function(
                answer=call.text,
                reference=case.reference,
                context=case.context,
                messages=case.body.messages,
            )
            if inspect.isawaitable(score):
                score = await score
        except Exception as error:
            name, kind = self._metric.argument, type(error).__name__
            raise MetricError(f"{name} broke with {kind} on case {case.id}: {error}") from error
        if score is None:
            return Ungradable("the function gave None")
        if not isinstance(score, bool | int | float):
            raise MetricError(f"{self._metric.argument} must return a bool or a number")
        return Graded(float(score) >= _GOOD_FROM)


def load_metric(place: str) -> MetricFunction:
    """The function at `package.module:function`. Raises MetricError."""
    module, _, name = place.partition(":")
    try:
        function: MetricFunction = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise MetricError(f"{place!r} can't be loaded: {error}") from error
    if not callable(function):
        raise MetricError(f"{place!r} is no function")
    return function


def _requested_schema(case: EvaluationCase) -> Mapping[str, Any] | None:
    match case.body.response_format:
        case {"json_schema": {"schema": dict(schema)}}:
            return schema
        case _:
            return None


def _breaks_form(case: EvaluationCase, text: str) -> bool:
    """Whether JSON was asked for and none came."""
    form = case.body.response_format or {}
    if form.get("type") not in {"json_object", "json_schema"}:
        return False
    if len(text) > _LONGEST_JSON:
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return True
    return False
