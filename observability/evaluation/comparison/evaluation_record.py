"""Evaluation record: all figures and verdicts of an evaluation, from its graded answers."""

from collections.abc import Sequence
from typing import Final

from observability.evaluation.comparison.candidate_figures import (
    EvaluationNames,
    by_task,
    candidate_figures,
)
from observability.evaluation.comparison.graded_answer import GradedAnswer
from observability.evaluation.comparison.verdicts import VerdictRules, verdicts_of
from observability.evaluation.results.evaluation_result import (
    ALL_TASKS,
    EvaluationRecord,
    EvaluationResult,
    EvaluationVerdict,
)
from producers.contract import MicroUsd

_ENOUGH: Final = frozenset({"better", "not worse"})


def evaluation_record(
    names: EvaluationNames,
    rules: VerdictRules,
    answers: Sequence[GradedAnswer],
    spent: MicroUsd,
    notes: Sequence[str] = (),
) -> EvaluationRecord:
    """The record of all graded answers. notes: what else a reader has to know."""
    results: list[EvaluationResult] = []
    verdicts: list[EvaluationVerdict] = []
    for task, group in by_task(answers).items():
        results += _results(names, task, group)
        verdicts += verdicts_of(group, rules, task)
    return EvaluationRecord(
        evaluation=names.evaluation,
        data_set=names.data_set,
        baseline=rules.baseline,
        margin=rules.margin,
        chosen=_chosen(results, verdicts, rules.baseline),
        spent_micro_usd=spent,
        results=tuple(results),
        verdicts=tuple(verdicts),
        notes=(*_notes(results, rules), *notes),
    )


def _results(
    names: EvaluationNames, task: str, answers: Sequence[GradedAnswer]
) -> list[EvaluationResult]:
    mine: dict[str, list[GradedAnswer]] = {}
    for answer in answers:
        mine.setdefault(answer.candidate, []).append(answer)
    return [candidate_figures(names, name, task, group) for name, group in sorted(mine.items())]


def _chosen(
    results: Sequence[EvaluationResult], verdicts: Sequence[EvaluationVerdict], baseline: str
) -> str | None:
    """The cheapest that isn't worse; None if nothing was shown to be."""
    enough = {v.candidate for v in verdicts if v.task == ALL_TASKS and v.outcome in _ENOUGH}
    if not enough:
        return None
    costs = {
        result.candidate: result.cost_micro_usd / result.cases
        for result in results
        if result.task == ALL_TASKS and result.cost_micro_usd is not None
    }
    priced = [name for name in (*sorted(enough), baseline) if name in costs]
    return min(priced, key=costs.__getitem__, default=None)


def _notes(results: Sequence[EvaluationResult], rules: VerdictRules) -> list[str]:
    notes = []
    whole = [result for result in results if result.task == ALL_TASKS]
    if any(result.p50_ms is None and result.answers for result in whole):
        notes.append("Batches answered: they say nothing of live latency.")
    failed = sum(result.cases - result.answers for result in whole)
    if failed:
        notes.append(f"{failed:,} calls had no answer; they count as failures.")
    if rules.sequential:
        notes.append("Intervals hold at all looks together, and are wider than those of one look.")
    if len({result.model for result in whole}) < len(whole):
        notes.append("Several candidates were served by one model: compare the served model.")
    return notes
