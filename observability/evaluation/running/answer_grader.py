"""Answer grader: the grade of a call by any metric but a judge's.

The operator's own function gets the answer, the reference, the context and the prompt, and returns
a bool, or a score from 0 to 1 that is good from 0.5 on; it may be async. It runs in a process of
its own: one that raises, hangs or takes all memory leaves its case without a grade, and the run
goes on.
"""

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
from observability.evaluation.running.metric_process import MetricProcess, ScoreFailed
from producers.contract import JsonSchemaCheck, RegexCheck, Validator

_GOOD_FROM = 0.5
_LONGEST_JSON = 1_000_000

CheckAnswer: TypeAlias = Callable[
    [Sequence[Validator], Mapping[str, Any]], Awaitable[Sequence[str]]
]
"""(checks, a chat completion) → the kinds of those that the answer fails."""


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
        self._metric = metric
        self._tools = tools
        self._function = MetricProcess(metric.argument) if metric.kind == "python" else None
        self._grades: dict[str, Grade] = {}
        """Of the function, by request."""

    async def check(self) -> None:
        """Raises MetricError for a function that can't be loaded: before anything is paid for."""
        if self._function is not None:
            await self._function.check()

    async def end(self) -> None:
        """Ends the function's process, if there is one."""
        if self._function is not None:
            await self._function.end()

    async def grade(self, case: EvaluationCase, call: AnsweredCall) -> Grade:
        """The grade of a call. Never raises for what the operator's function does."""
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
        known = self._grades.get(call.request)
        if known is None:
            # each look of a run that may stop early grades all answers again
            known = self._grades[call.request] = await self._asked(case, call)
        return known

    async def _asked(self, case: EvaluationCase, call: AnsweredCall) -> Grade:
        assert self._function is not None  # noqa: S101 asked before
        fields = {
            "answer": call.text,
            "reference": case.reference,
            "context": case.context,
            "messages": [dict(message) for message in case.body.messages],
        }
        match await self._function.score(fields):
            case ScoreFailed(why=why):
                return Ungradable(f"{self._metric.argument} {why}")
            case None:
                return Ungradable(f"{self._metric.argument} gave None")
            case score:
                return Graded(score >= _GOOD_FROM)


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
