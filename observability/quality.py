"""How often does each model say what its context doesn't support, by task?"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
from rich.table import Table

from observability.confidence import Rate, wilson
from observability.period import Period

FLAGGED_SHARE: Final = 0.2
"""An answer counts as ungrounded if more of its claims than this are missing from its context."""


@dataclass(frozen=True, slots=True)
class Quality:
    """ungrounded: of the answers that could be checked. truncated: of all answers."""

    model: str
    task: str
    ungrounded: Rate
    truncated: Rate


def measure(db: duckdb.DuckDBPyConnection, period: Period) -> list[Quality]:
    """By model and task, the surest bad ones first."""
    rows = db.execute(
        "SELECT model, coalesce(task, '(none)'), count(*) FILTER (unsupported_share > ?),"
        " count(unsupported_share), count(*) FILTER (finish_reason = 'length'), count(*)"
        " FROM usage WHERE at_ms >= ? AND at_ms < ? AND outcome = 'done' AND model IS NOT NULL"
        " GROUP BY 1, 2 ORDER BY 1, 2",
        [FLAGGED_SHARE, period.start_ms, period.end_ms],
    ).fetchall()
    found = [
        Quality(model, task, wilson(bad, checked), wilson(cut, answers))
        for model, task, bad, checked, cut, answers in rows
    ]
    return sorted(found, key=lambda quality: -quality.ungrounded.low)


def table(measured: Sequence[Quality]) -> Table:
    """Rates with their 95 % intervals."""
    shown = Table(title="Answers that their context doesn't support, and answers cut off")
    for name in ("model", "task", "ungrounded", "of", "cut off", "of"):
        shown.add_column(name, justify="left" if name in {"model", "task"} else "right")
    for q in measured:
        shown.add_row(
            q.model, q.task, _interval(q.ungrounded), f"{q.ungrounded.of:,}",
            _interval(q.truncated), f"{q.truncated.of:,}",
        )  # fmt: skip
    return shown


def to_json(measured: Sequence[Quality]) -> str:
    """For programs, such as one that sets the router's quality figures."""
    return json.dumps(
        [
            {"model": q.model, "task": q.task, "ungrounded": _parts(q.ungrounded),
             "truncated": _parts(q.truncated)}
            for q in measured
        ],
        indent=2,
    )  # fmt: skip


def _interval(rate: Rate) -> str:
    if rate.value is None:
        return "-"
    return f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})"


def _parts(rate: Rate) -> dict[str, float | int | None]:
    return {"rate": rate.value, "low": rate.low, "high": rate.high, "of": rate.of}
