"""Candidate figures: the key figures of one candidate's answers at one task.

Cost per 1,000 tokens is weighted by response length: a ratio of sums, since a mean of ratios would
let short answers decide it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from observability.evaluation.comparison.graded_answer import GradedAnswer
from observability.evaluation.grading.answered_call import AnsweredCall
from observability.evaluation.results.evaluation_result import ALL_TASKS, EvaluationResult
from observability.evaluation.statistics.quantiles import ranked_quantile
from observability.reports.wilson import wilson
from producers.contract import MicroUsd


@dataclass(frozen=True, slots=True)
class EvaluationNames:
    """What all results of one evaluation share."""

    evaluation: str
    data_set: str
    metric: str
    relative: bool = False


def candidate_figures(
    names: EvaluationNames, candidate: str, task: str, answers: Sequence[GradedAnswer]
) -> EvaluationResult:
    """The figures of at least one graded answer."""
    calls = [answer.call for answer in answers]
    good = sum(answer.good for answer in answers)
    rate, cost = wilson(good, len(answers)), total_cost(answers)
    output = sum(call.output_tokens for call in calls)
    return EvaluationResult(
        evaluation=names.evaluation,
        data_set=names.data_set,
        metric=names.metric,
        relative=names.relative,
        measured_ms=max(call.at_ms for call in calls),
        tenant=_only({answer.case.tenant for answer in answers}),
        candidate=candidate,
        variant=candidate.partition("#")[2] or None,
        task=task,
        cases=len(answers),
        successes=good,
        success=good / len(answers),
        success_low=rate.low,
        success_high=rate.high,
        format_errors=sum(answer.format_error for answer in answers),
        input_tokens=sum(call.input_tokens for call in calls),
        output_tokens=output,
        cost_micro_usd=cost,
        cost_per_1k_micro_usd=_each(cost, output, 1000),
        cost_per_success_micro_usd=_each(cost, good),
        **_of_answers(candidate, [call for call in calls if call.outcome == "done"]),
    )


def _of_answers(candidate: str, answered: Sequence[AnsweredCall]) -> dict[str, Any]:
    """The fields that only answers say something of."""
    times = [call.call_ms for call in answered if call.call_ms is not None]
    first = [call.first_token_ms for call in answered if call.first_token_ms is not None]
    models = sorted({call.model for call in answered if call.model})
    return {
        "model": models[0] if models else candidate.partition("#")[0],
        "deployment": _only({call.deployment for call in answered if call.deployment}),
        "answers": len(answered),
        "refusals": sum(call.refused for call in answered),
        "cut_off": sum(call.finish_reason == "length" for call in answered),
        "p50_ms": ranked_quantile(times, 0.5),
        "p95_ms": ranked_quantile(times, 0.95),
        "first_token_p50_ms": ranked_quantile(first, 0.5),
        "first_token_p95_ms": ranked_quantile(first, 0.95),
    }


def _only(names: set[str]) -> str | None:
    return next(iter(names)) if len(names) == 1 else None


def total_cost(answers: Sequence[GradedAnswer]) -> MicroUsd | None:
    """Of all attempts for these answers; None as soon as one is unpriced."""
    costs = [answer.call.cost_micro_usd for answer in answers if answer.call.outcome != "no reply"]
    if any(cost is None for cost in costs):
        return None
    return sum((cost for cost in costs if cost is not None), Decimal(0))


def by_task(answers: Sequence[GradedAnswer]) -> dict[str, list[GradedAnswer]]:
    """All answers under `*`, and those of each task where there are several."""
    groups: dict[str, list[GradedAnswer]] = {ALL_TASKS: list(answers)}
    for answer in answers:
        groups.setdefault(answer.case.task, []).append(answer)
    # a single task is all tasks, but who looks for it by name must find it
    return groups


def _each(cost: MicroUsd | None, number: int, times: int = 1) -> MicroUsd | None:
    if cost is None or not number:
        return None
    return round(cost * times / number, 6)
