"""Cost report: what did it cost, by whom and for what, and what was saved?

Sums are exact decimals. Every saving is stated against the tenant's baseline model at list price;
the parts add up to baseline less cost. `cost_per_1k` is the mean of each request's cost per 1,000
tokens, weighted by the length of its response.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from observability.ledger.ledger import LedgerReader, Parameter
from observability.reports.forecast import DayCost, Forecast, to_month_end
from observability.reports.period import IN_PERIOD, ReportPeriod

_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000

BASELINE_LABEL: Final = "the tenant's baseline model at list price, nothing cached, no batch"

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
    "tag": "CAST(tags AS VARCHAR)",
    "day": f"at_ms - at_ms % {_DAY_MS}",
    "hour": f"at_ms - at_ms % {_HOUR_MS}",
}
"""What a report may be grouped by; `tag` is the whole set of tags, `tag:team` one of them."""

_BEGINNINGS: Final[Mapping[str, str]] = {"day": "%Y-%m-%d", "hour": "%Y-%m-%d %H:00"}
"""Dimensions that are the beginning of a time, Unix ms, and how it's shown."""

SAVINGS: Final = (
    "routing",
    "cloud",
    "prompt_cache",
    "batch",
    "cache",
    "retries",
    "hedges",
    "judge",
    "unsplit",
)
"""The means, in the order in which they are credited.

retries is what failed attempts cost, hedges what overtaken ones did, judge what second opinions
did: never above 0.
"""

_TAG: Final = "tag:"
_WITHOUT_TAG: Final = "(none)"


@dataclass(frozen=True, slots=True)
class CostRow:
    """One group. Money: micro-dollars.

    Calls that nobody asked for (to check the cache, to judge) are in cost and tokens alone.
    """

    group: tuple[str, ...]
    requests: int
    answered: int
    hits: int
    unpriced: int
    """Answers whose cost isn't known, so not in `cost`."""
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
class CostReport:
    """Groups by falling cost, their total, the cost of each day, and where the month goes."""

    by: tuple[str, ...]
    period: ReportPeriod
    rows: Sequence[CostRow]
    total: CostRow
    days: Sequence[DayCost]
    forecast: Forecast


class UnknownDimensionError(Exception):
    """A report can't be grouped by that; the message lists what it can."""


def cost_report(
    db: LedgerReader, by: Sequence[str], period: ReportPeriod, now_ms: int
) -> CostReport:
    """The report over `period`; UnknownDimensionError for a grouping we don't know."""
    rows = _rows(db, by, period)
    total = _rows(db, [], period)[0]
    today = _at(now_ms).date()
    history, spent_today = _history(db, today)
    return CostReport(
        tuple(by),
        period,
        rows,
        total,
        _by_day(db, period),
        to_month_end(history, spent_today, today),
    )


def _expression(db: LedgerReader, dimension: str, parameter: str) -> str:
    """What to group by; a tag's name is the value of `parameter`."""
    if dimension in DIMENSIONS:
        return DIMENSIONS[dimension]
    if _tag_of(dimension):
        return f"coalesce({db.dialect.member('tags', f'${parameter}')}, '{_WITHOUT_TAG}')"
    choices = ", ".join([*DIMENSIONS, "tag:NAME"])
    raise UnknownDimensionError(f"cannot group by {dimension!r}: choose from {choices}")


def _tag_of(dimension: str) -> str:
    """Empty, if it isn't of a tag."""
    return dimension.removeprefix(_TAG) if dimension.startswith(_TAG) else ""


def _shown(dimension: str, value: str | int) -> str:
    form = _BEGINNINGS.get(dimension)
    return str(value) if form is None else _at(int(value)).strftime(form)


# rows booked before sound and pictures were counted apart have no value for them
_TOKENS: Final = (
    "input_uncached + cache_read + cache_write_5m + cache_write_1h"
    " + coalesce(input_audio, 0) + coalesce(input_audio_cached, 0) + coalesce(input_image, 0)"
)
_OUTPUT: Final = "(output + coalesce(output_audio, 0))"
_MEASURES: Final[Mapping[str, str]] = {
    "requests": "count(*) FILTER (WHERE aside IS NULL)",
    "answered": "count(*) FILTER (WHERE aside IS NULL AND outcome = 'done')",
    "hits": "count(*) FILTER (WHERE cache_result = 'hit')",
    "unpriced": "count(*) FILTER (WHERE outcome = 'done' AND cost IS NULL)",
    "input_tokens": f"CAST(coalesce(sum({_TOKENS}), 0) AS BIGINT)",
    "cached_tokens": "CAST(coalesce(sum(cache_read), 0) AS BIGINT)",
    "output_tokens": f"CAST(coalesce(sum({_OUTPUT}), 0) AS BIGINT)",
    "cost": "sum(cost)",
    "baseline": "sum(baseline)",
    "cost_per_1k": f"sum({_OUTPUT} * 1000 * CAST(cost AS DOUBLE PRECISION)"
    f" / nullif({_TOKENS} + {_OUTPUT}, 0)) FILTER (WHERE aside IS NULL)"
    f" / nullif(sum({_OUTPUT}) FILTER (WHERE aside IS NULL AND cost IS NOT NULL), 0)",
}
_MONEY: Final = ("cost", "baseline")
_SAVED: Final = [f"sum(saved_{means})" for means in SAVINGS]


def _rows(db: LedgerReader, by: Sequence[str], period: ReportPeriod) -> list[CostRow]:
    tags: dict[str, Parameter] = {f"tag{n}": _tag_of(name) for n, name in enumerate(by)}
    groups = [_expression(db, name, f"tag{n}") for n, name in enumerate(by)]
    ordinals = ", ".join(str(n + 1) for n in range(len(groups)))
    sql = (
        f"SELECT {', '.join([*groups, *_MEASURES.values(), *_SAVED])}"  # noqa: S608
        f" FROM usage WHERE {IN_PERIOD}{' GROUP BY ' if groups else ''}{ordinals}"
    )
    entries = [_row(values, by) for values in db.rows(sql, tags | period.parameters)]
    return sorted(entries, key=lambda row: (-row.cost, row.group))


def _row(values: Sequence[Any], by: Sequence[str]) -> CostRow:
    split = len(by) + len(_MEASURES)
    measures = dict(zip(_MEASURES, values[len(by) : split], strict=True))
    measures |= {name: _money(measures[name]) for name in _MONEY}
    if measures["cost_per_1k"] is not None:
        # every store adds floats up in its own order
        measures["cost_per_1k"] = round(measures["cost_per_1k"], 6)
    saved = dict(zip(SAVINGS, map(_money, values[split:]), strict=True))
    return CostRow(group=tuple(map(_shown, by, values)), saved=saved, **measures)


def _money(total: Decimal | None) -> Decimal:
    """The sum of nothing is NULL."""
    return Decimal(0) if total is None else total


def _by_day(db: LedgerReader, period: ReportPeriod) -> list[DayCost]:
    day = DIMENSIONS["day"]
    sql = f"SELECT {day}, sum(cost) FROM usage WHERE {IN_PERIOD} GROUP BY 1 ORDER BY 1"  # noqa: S608
    rows = db.rows(sql, period.parameters)
    return [DayCost(_at(begins).date(), _money(cost)) for begins, cost in rows]


def _history(db: LedgerReader, today: date) -> tuple[list[DayCost], Decimal]:
    """Whole days from the first that has anything, five weeks at most, and what today cost yet."""
    start = today - timedelta(weeks=5)
    entries = _by_day(db, ReportPeriod(_ms(start), _ms(today + timedelta(days=1))))
    costs = {entry.day: entry.cost for entry in entries}
    before = [day for day in costs if day < today]
    if not before:
        return [], costs.get(today, Decimal(0))
    span = (today - min(before)).days
    days = (today - timedelta(days=n) for n in range(span, 0, -1))
    history = [DayCost(day, costs.get(day, Decimal(0))) for day in days]
    return history, costs.get(today, Decimal(0))


def _at(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
