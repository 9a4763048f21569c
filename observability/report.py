"""What did it cost, by whom and for what, and what was saved?

Sums are exact decimals. Every saving is stated against the tenant's baseline model at list price;
the parts add up to baseline less cost. `cost_per_1k` is the mean of each request's cost per 1,000
tokens, weighted by the length of its response.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import duckdb

from observability.forecast import DayCost, Forecast, to_month_end
from observability.period import Period

DIMENSIONS: Final[Mapping[str, str]] = {
    "tenant": "tenant",
    "model": "coalesce(model, '(cache)')",
    "provider": "coalesce(provider, '(cache)')",
    "deployment": "coalesce(deployment, '(cache)')",
    "tier": "tier",
    "zone": "coalesce(zone, '(any)')",
    "task": "coalesce(task, '(none)')",
    "outcome": "outcome",
    "latency": "latency",
    "tag": "tags::VARCHAR",
    "day": "strftime(make_timestamp(at_ms * 1000), '%Y-%m-%d')",
    "hour": "strftime(make_timestamp(at_ms * 1000), '%Y-%m-%d %H:00')",
}
"""What a report may be grouped by; `tag` is the whole set of tags, `tag:team` one of them."""

SAVINGS: Final = (
    "routing",
    "cloud",
    "prompt_cache",
    "batch",
    "cache",
    "retries",
    "judge",
    "unsplit",
)
"""The means, in the order in which they are credited.

retries is what failed attempts cost, judge what second opinions did: never above 0.
"""

_TAG: Final = "tag:"
_WITHOUT_TAG: Final = "(none)"


@dataclass(frozen=True, slots=True)
class Row:
    """One group. Money: micro-dollars; unpriced: answers whose cost isn't known, so not in it.

    Calls that nobody asked for (to check the cache, to judge) are in cost and tokens alone.
    """

    group: tuple[str, ...]
    requests: int
    answered: int
    hits: int
    unpriced: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost: Decimal
    baseline: Decimal
    cost_per_1k: float | None
    saved: Mapping[str, Decimal]

    @property
    def saved_total(self) -> Decimal:
        """All means together."""
        return sum(self.saved.values(), Decimal(0))


@dataclass(frozen=True, slots=True)
class Report:
    """Groups by falling cost, their total, the cost of each day, and where the month goes."""

    by: tuple[str, ...]
    period: Period
    rows: Sequence[Row]
    total: Row
    days: Sequence[DayCost]
    forecast: Forecast


class UnknownDimensionError(Exception):
    """A report can't be grouped by that; the message lists what it can."""


def make(db: duckdb.DuckDBPyConnection, by: Sequence[str], period: Period, now_ms: int) -> Report:
    """The report over `period`; UnknownDimensionError for a grouping we don't know."""
    groups = [_group(name) for name in by]
    rows = _rows(db, groups, period)
    total = _rows(db, [], period)[0]
    today = _day(now_ms)
    history, spent_today = _history(db, today)
    return Report(
        tuple(by),
        period,
        rows,
        total,
        _by_day(db, period),
        to_month_end(history, spent_today, today),
    )


def _group(name: str) -> tuple[str, list[str]]:
    """The SQL expression of a dimension, and its parameters."""
    if name in DIMENSIONS:
        return DIMENSIONS[name], []
    if name.startswith(_TAG) and len(name) > len(_TAG):
        path = f'$."{name.removeprefix(_TAG)}"'
        return f"coalesce(json_extract_string(tags, ?), '{_WITHOUT_TAG}')", [path]
    known = ", ".join([*DIMENSIONS, "tag:NAME"])
    raise UnknownDimensionError(f"cannot group by {name!r}: choose from {known}")


_TOKENS: Final = "input_uncached + cache_read + cache_write_5m + cache_write_1h"
_MEASURES: Final[Mapping[str, str]] = {
    "requests": "count(*) FILTER (WHERE aside IS NULL)",
    "answered": "count(*) FILTER (WHERE aside IS NULL AND outcome = 'done')",
    "hits": "count(*) FILTER (WHERE cache_result = 'hit')",
    "unpriced": "count(*) FILTER (WHERE outcome = 'done' AND cost IS NULL)",
    "input_tokens": f"coalesce(sum({_TOKENS}), 0)::BIGINT",
    "cached_tokens": "coalesce(sum(cache_read), 0)::BIGINT",
    "output_tokens": "coalesce(sum(output), 0)::BIGINT",
    "cost": "coalesce(sum(cost), 0)",
    "baseline": "coalesce(sum(baseline), 0)",
    "cost_per_1k": f"sum(output * 1000 * cost::DOUBLE / nullif({_TOKENS} + output, 0))"
    " FILTER (WHERE aside IS NULL)"
    " / nullif(sum(output) FILTER (WHERE aside IS NULL AND cost IS NOT NULL), 0)",
}
_SAVED: Final = [f"coalesce(sum(saved_{means}), 0)" for means in SAVINGS]


def _rows(
    db: duckdb.DuckDBPyConnection, groups: Sequence[tuple[str, list[str]]], period: Period
) -> list[Row]:
    selected = [expression for expression, _ in groups] + [*_MEASURES.values(), *_SAVED]
    parameters = [value for _, values in groups for value in values]
    ordinals = [str(n + 1) for n in range(len(groups))]
    cost = len(groups) + list(_MEASURES).index("cost") + 1
    sql = (
        f"SELECT {', '.join(selected)} FROM usage WHERE at_ms >= ? AND at_ms < ?"  # noqa: S608
        f"{' GROUP BY ' if groups else ''}{', '.join(ordinals)}"
        f" ORDER BY {', '.join([f'{cost} DESC', *ordinals])}"
    )
    found = db.execute(sql, [*parameters, period.start_ms, period.end_ms]).fetchall()
    return [_row(values, len(groups)) for values in found]


def _row(values: Sequence[Any], width: int) -> Row:
    split = width + len(_MEASURES)
    measures = dict(zip(_MEASURES, values[width:split], strict=True))
    saved = dict(zip(SAVINGS, values[split:], strict=True))
    return Row(group=tuple(map(str, values[:width])), saved=saved, **measures)


def _by_day(db: duckdb.DuckDBPyConnection, period: Period) -> list[DayCost]:
    rows = db.execute(
        "SELECT (make_timestamp(at_ms * 1000))::DATE, coalesce(sum(cost), 0) FROM usage"
        " WHERE at_ms >= ? AND at_ms < ? GROUP BY 1 ORDER BY 1",
        [period.start_ms, period.end_ms],
    ).fetchall()
    return [DayCost(day, cost) for day, cost in rows]


def _history(db: duckdb.DuckDBPyConnection, today: date) -> tuple[list[DayCost], Decimal]:
    """Whole days from the first that has anything, five weeks at most, and what today cost yet."""
    start = today - timedelta(weeks=5)
    found = _by_day(db, Period(_ms(start), _ms(today + timedelta(days=1))))
    costs = {entry.day: entry.cost for entry in found}
    before = [day for day in costs if day < today]
    if not before:
        return [], costs.get(today, Decimal(0))
    span = (today - min(before)).days
    days = (today - timedelta(days=n) for n in range(span, 0, -1))
    history = [DayCost(day, costs.get(day, Decimal(0))) for day in days]
    return history, costs.get(today, Decimal(0))


def _day(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date()


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
