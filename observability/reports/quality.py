"""How often does each model say what its context doesn't support, by task?"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich import box
from rich.table import Table

from observability.grounding.groundedness import FLAGGED_SHARE
from observability.ledger.ledger import LedgerReader
from observability.reports.period import IN_PERIOD, ReportPeriod
from observability.reports.wilson import IntervalRate, wilson
from observability.terminal import cell

_COUNTS: Final = f"""
SELECT coalesce(judged_model, model) AS answered_by, coalesce(task, '(none)') AS what,
    count(*) FILTER (WHERE aside IS NULL AND unsupported_share > $flagged),
    count(*) FILTER (WHERE aside IS NULL AND unsupported_share IS NOT NULL),
    count(*) FILTER (WHERE NOT judged_supported),
    count(*) FILTER (WHERE judged_supported IS NOT NULL),
    count(*) FILTER (WHERE aside IS NULL AND finish_reason = 'length'),
    count(*) FILTER (WHERE aside IS NULL)
FROM usage
WHERE {IN_PERIOD} AND outcome = 'done' AND model IS NOT NULL
    AND (aside IS NULL OR judged_model IS NOT NULL)
GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608
"""A judge's row is of its own call, but what it says is of the model and task that it judged."""


@dataclass(frozen=True, slots=True)
class ModelQuality:
    """Of one model's answers at one task; each rate has its own sample.

    ungrounded: of those that the look-up could check; judged: of those that a judge was asked about
    and found unsupported; truncated: of all.
    """

    model: str
    task: str
    ungrounded: IntervalRate
    judged: IntervalRate
    truncated: IntervalRate


def measure_quality(db: LedgerReader, period: ReportPeriod) -> list[ModelQuality]:
    """By model and task, the surest bad ones first."""
    rows = db.rows(_COUNTS, {"flagged": FLAGGED_SHARE, **period.parameters})
    found = [_quality(*row) for row in rows]
    return sorted(found, key=lambda q: -max(q.ungrounded.low, q.judged.low))


def _quality(model: str, task: str, *counts: int) -> ModelQuality:
    bad, checked, refused, judged, cut, answers = counts
    return ModelQuality(
        model, task, wilson(bad, checked), wilson(refused, judged), wilson(cut, answers)
    )


def quality_table(measured: Sequence[ModelQuality]) -> Table:
    """Rates with their 95 % intervals."""
    title = "Answers that their context doesn't support, and answers cut off"
    shown = Table(title=title, box=box.SIMPLE_HEAD, padding=0)
    for name in ("model", "task", "by look-up", "of", "by judge", "of", "cut off", "of"):
        named = name in {"model", "task"}
        shown.add_column(
            name,
            justify="left" if named else "right",
            overflow="fold" if named else "ellipsis",
            no_wrap=not named,
        )
    for q in measured:
        rates = (q.ungrounded, q.judged, q.truncated)
        cells = (part for rate in rates for part in (_interval(rate), f"{rate.of:,}"))
        shown.add_row(cell(q.model), cell(q.task), *cells)
    return shown


def quality_json(measured: Sequence[ModelQuality]) -> str:
    """For programs, such as one that sets the router's quality figures."""
    return json.dumps(
        [
            {"model": q.model, "task": q.task, "ungrounded": _parts(q.ungrounded),
             "judged_ungrounded": _parts(q.judged), "truncated": _parts(q.truncated)}
            for q in measured
        ],
        indent=2,
    )  # fmt: skip


def _interval(rate: IntervalRate) -> str:
    if rate.value is None:
        return "-"
    return f"{rate.value:.1%} ({rate.low:.0%} to {rate.high:.0%})"


def _parts(rate: IntervalRate) -> dict[str, float | int | None]:
    return {"rate": rate.value, "low": rate.low, "high": rate.high, "of": rate.of}
