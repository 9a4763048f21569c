"""Quality report: how often does each model say what its context doesn't support, by task?"""

from dataclasses import dataclass
from typing import Final

from observability.grounding.groundedness import FLAGGED_SHARE
from observability.ledger.ledger import LedgerReader
from observability.reports.period import IN_PERIOD, ReportPeriod
from observability.reports.wilson import IntervalRate, wilson

QUALITY_TITLE: Final = "Answers that their context doesn't support, and answers cut off"
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
    rates = [_quality(*row) for row in rows]
    return sorted(rates, key=lambda q: -max(q.ungrounded.low, q.judged.low))


def _quality(model: str, task: str, *counts: int) -> ModelQuality:
    bad, checked, refused, judged, cut, answers = counts
    return ModelQuality(
        model, task, wilson(bad, checked), wilson(refused, judged), wilson(cut, answers)
    )


def interval(rate: IntervalRate) -> str:
    """A rate with its 95 % interval, for people; `-` of no sample."""
    if rate.value is None:
        return "-"
    return f"{rate.value:.1%} ({rate.low:.0%} to {rate.high:.0%})"
