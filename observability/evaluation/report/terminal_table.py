"""Terminal tables of an evaluation: what each candidate was worth, and the verdicts."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from observability.evaluation.results.evaluation_result import (
    ALL_TASKS,
    EvaluationRecord,
    EvaluationResult,
    EvaluationVerdict,
)
from observability.pricing.money import usd
from observability.terminal import cell, plain

ShownRow = TypeVar("ShownRow", EvaluationResult, EvaluationVerdict)
_LEAST_NAME: Final = 14
_SECONDS_FROM_MS: Final = 1_000
P95_LEAST: Final = 200
"""Answers below which a 95th percentile is a guess."""


def print_evaluation(record: EvaluationRecord, console: Console) -> None:
    """The figures of each candidate, the verdicts, and the notes."""
    console.print(_figures(record.results))
    console.print(_answers(record.results))
    if record.verdicts:
        console.print(_verdicts(record.verdicts))
    chosen = record.chosen
    console.print(
        f"Cheapest that isn't worse: {plain(chosen)}." if chosen else "None is shown to be enough.",
        markup=False,
    )
    console.print(f"The evaluation cost {usd(record.spent_micro_usd)}.")
    for note in record.notes:
        console.print(f"- {plain(note)}", markup=False)


def share_range(value: float, low: float, high: float) -> str:
    """A share with its interval, for people."""
    return f"{value:.1%} ({low * 100:.1f}-{high * 100:.1f})"


def points_range(verdict: EvaluationVerdict) -> str:
    """A difference of shares with its interval, in percentage points."""
    return (
        f"{verdict.difference * 100:+.1f} ({verdict.low * 100:+.1f} to {verdict.high * 100:+.1f})"
    )


def verdict_words(verdict: EvaluationVerdict) -> str:
    """The verdict for people, with what would be enough to tell."""
    margin = f"{verdict.margin * 100:g} points"
    match verdict.outcome:
        case "better":
            return "better"
        case "not worse":
            return f"at most {margin} worse"
        case "worse":
            return f"more than {margin} worse"
        case _:
            enough = verdict.cases_needed
            needs = "" if enough is None else f": about {enough:,} cases would"
            return f"can't tell{needs}"


def money(amount: Decimal | None) -> str:
    """Micro-dollars for people; what has no price says so."""
    return "unpriced" if amount is None else usd(amount)


def milliseconds(value: float | None) -> str:
    """A time for people, `-` where a batch answered."""
    if value is None:
        return "-"
    return f"{value:,.0f}ms" if value < _SECONDS_FROM_MS else f"{value / 1000:,.1f}s"


def p95_shown(value: float | None, result: EvaluationResult) -> str:
    """A 95th percentile; with a `?` where it rests on too few answers."""
    guess = "?" if result.answers < P95_LEAST and value is not None else ""
    return milliseconds(value) + guess


def tokens_each(result: EvaluationResult) -> str:
    """Tokens of an answer, on average."""
    return f"{result.output_tokens / result.answers:,.0f}" if result.answers else "-"


def rows_shown(rows: Sequence[ShownRow]) -> Sequence[ShownRow]:
    """Without the rows of a task that is the only one: it is all of them."""
    single = len({row.task for row in rows}) == 2  # noqa: PLR2004 all, and the one
    return [row for row in rows if not single or row.task == ALL_TASKS]


def _figures(results: Sequence[EvaluationResult]) -> Table:
    shown = rows_shown(results)
    table = _table("Candidates", shown, ())
    for name in ("cases", "good (95 %)", "per 1k", "per success", "p50", "p95"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in shown:
        table.add_row(
            *_names(result, shown),
            f"{result.cases:,}",
            share_range(result.success, result.success_low, result.success_high),
            money(result.cost_per_1k_micro_usd),
            money(result.cost_per_success_micro_usd) if result.successes else "-",
            milliseconds(result.p50_ms),
            p95_shown(result.p95_ms, result),
        )
    return table


def _answers(results: Sequence[EvaluationResult]) -> Table:
    shown = rows_shown(results)
    table = _table("Their answers", shown, ())
    for name in ("tokens", "first token", "p95", "refused", "wrong form", "cut off", "none"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in shown:
        table.add_row(
            *_names(result, shown),
            tokens_each(result),
            milliseconds(result.first_token_p50_ms),
            p95_shown(result.first_token_p95_ms, result),
            f"{result.refusals:,}",
            f"{result.format_errors:,}",
            f"{result.cut_off:,}",
            f"{result.cases - result.answers:,}",
        )
    return table


def _table(title: str, rows: Sequence[ShownRow], names: Sequence[str]) -> Table:
    """With the columns of the candidate, of the task where there are several, and `names`."""
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("candidate", overflow="fold", min_width=_LEAST_NAME)
    for name in (*(("task",) if _has_tasks(rows) else ()), *names):
        table.add_column(name, overflow="fold")
    return table


def _names(row: ShownRow, rows: Sequence[ShownRow]) -> tuple[Text, ...]:
    task = cell("all" if row.task == ALL_TASKS else row.task)
    return (cell(row.candidate), task) if _has_tasks(rows) else (cell(row.candidate),)


def _has_tasks(rows: Sequence[ShownRow]) -> bool:
    return len({row.task for row in rows}) > 1


def _verdicts(verdicts: Sequence[EvaluationVerdict]) -> Table:
    baseline = verdicts[0].baseline
    shown = rows_shown(verdicts)
    table = _table(f"Beside {plain(baseline)}", shown, ("verdict",))
    for name in ("points", "alone", "pairs"):
        table.add_column(name, justify="right", no_wrap=True)
    for verdict in shown:
        table.add_row(
            *_names(verdict, shown),
            cell(verdict_words(verdict)),
            points_range(verdict),
            f"{verdict.only_candidate} : {verdict.only_baseline}",
            f"{verdict.pairs:,}",
        )
    return table
