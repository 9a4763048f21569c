"""Evaluation page: one HTML file without anything from elsewhere. Every text in it is escaped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from observability.evaluation.comparison.graded_answer import GradedAnswer
from observability.evaluation.report.point_chart import (
    CostQuality,
    cost_quality_chart,
    time_chart,
)
from observability.evaluation.report.terminal_table import (
    milliseconds,
    money,
    p95_shown,
    points_range,
    rows_shown,
    share_range,
    tokens_each,
    verdict_words,
)
from observability.evaluation.results.evaluation_result import (
    ALL_TASKS,
    EvaluationRecord,
    EvaluationResult,
    EvaluationVerdict,
)
from observability.pricing.money import usd

_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(
        [Path(__file__).with_name("page"), Path(__file__).parents[2] / "reports" / "page"]
    ),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
MOST_DISAGREEMENTS: Final = 200
"""Shown of each candidate."""
_LONGEST: Final = 4_000


@dataclass(frozen=True, slots=True)
class ShownDisagreement:
    """A pair of answers of which one alone was good."""

    candidate: str
    task: str
    asked: str
    reference: str
    mine: str
    theirs: str
    mine_good: bool


def evaluation_html(record: EvaluationRecord, answers: Sequence[GradedAnswer]) -> str:
    """The page. answers: what the pictures and the disagreements are made of."""
    whole = [result for result in record.results if result.task == ALL_TASKS]
    measured = max((result.measured_ms for result in whole), default=0)
    return _ENVIRONMENT.get_template("evaluation.html").render(
        title=f"Evaluation {record.evaluation}",
        subtitle=f"{record.data_set}, {_date(measured)} UTC; baseline {record.baseline}; "
        f"margin {record.margin * 100:g} points; cost {usd(record.spent_micro_usd)}",
        chosen=record.chosen or "none is shown to be enough",
        figures=[_figure_row(result) for result in rows_shown(record.results)],
        verdicts=[_verdict_row(verdict) for verdict in rows_shown(record.verdicts)],
        chart=cost_quality_chart(_places(whole)),
        times=time_chart(_times(answers)),
        disagreements=_disagreements(record, answers),
        notes=record.notes,
    )


def _figure_row(result: EvaluationResult) -> tuple[Sequence[str], Sequence[str]]:
    names = (result.candidate, result.model, _task(result.task))
    numbers = (
        f"{result.cases:,}",
        share_range(result.success, result.success_low, result.success_high),
        money(result.cost_per_1k_micro_usd),
        money(result.cost_per_success_micro_usd) if result.successes else "-",
        tokens_each(result),
        milliseconds(result.first_token_p50_ms),
        p95_shown(result.first_token_p95_ms, result),
        milliseconds(result.p50_ms),
        p95_shown(result.p95_ms, result),
        f"{result.refusals:,}",
        f"{result.format_errors:,}",
        f"{result.cut_off:,}",
        f"{result.cases - result.answers:,}",
    )
    return names, numbers


def _verdict_row(verdict: EvaluationVerdict) -> tuple[Sequence[str], Sequence[str]]:
    ratio = "-"
    if verdict.cost_ratio is not None:
        low, high = verdict.cost_ratio_low or 0, verdict.cost_ratio_high or 0
        ratio = f"{verdict.cost_ratio:.1%} ({low:.1%} to {high:.1%})"
    names = (verdict.candidate, _task(verdict.task), verdict_words(verdict))
    alone = f"{verdict.only_candidate} : {verdict.only_baseline}"
    return names, (points_range(verdict), alone, f"{verdict.pairs:,}", ratio)


def _places(results: Sequence[EvaluationResult]) -> list[CostQuality]:
    return [
        CostQuality(
            result.candidate,
            float(result.cost_per_success_micro_usd),
            money(result.cost_per_success_micro_usd),
            result.success,
            result.success_low,
            result.success_high,
        )
        for result in results
        if result.cost_per_success_micro_usd
    ]


def _times(answers: Sequence[GradedAnswer]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {}
    for answer in answers:
        if answer.call.call_ms is not None:
            times.setdefault(answer.candidate, []).append(answer.call.call_ms)
    return times


def _disagreements(
    record: EvaluationRecord, answers: Sequence[GradedAnswer]
) -> list[ShownDisagreement]:
    baseline = {each.case.id: each for each in answers if each.candidate == record.baseline}
    shown: list[ShownDisagreement] = []
    numbers: dict[str, int] = {}
    for mine in answers:
        theirs = baseline.get(mine.case.id)
        if theirs is None or mine.candidate == record.baseline:
            continue
        point = int(mine.good) - int(theirs.good) if mine.preference is None else mine.preference
        number = numbers.get(mine.candidate, 0)
        if point and number < MOST_DISAGREEMENTS:
            numbers[mine.candidate] = number + 1
            shown.append(_shown(mine, theirs, mine_good=point > 0))
    return shown


def _shown(mine: GradedAnswer, theirs: GradedAnswer, *, mine_good: bool) -> ShownDisagreement:
    return ShownDisagreement(
        candidate=mine.candidate,
        task=mine.case.task,
        asked=_cut(asked_text(mine)),
        reference=_cut(mine.case.reference or ""),
        mine=_cut(_said(mine)),
        theirs=_cut(_said(theirs)),
        mine_good=mine_good,
    )


def asked_text(answer: GradedAnswer) -> str:
    """The last text that the case asks."""
    content = answer.case.body.messages[-1].get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts)


def _said(answer: GradedAnswer) -> str:
    return answer.call.text or f"(no answer: {answer.call.code or answer.call.outcome})"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _task(task: str) -> str:
    return "all" if task == ALL_TASKS else task


def _date(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
