"""HTML pages of reports: one file that can be mailed, without a script, with nothing to load.

The template escapes whatever is put into it; colours follow the reader's light or dark scheme.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from observability.pricing.money import percent, usd
from observability.reports.bar_charts import BarChart, ChartBar, horizontal_bars, vertical_bars
from observability.reports.chargeback import ChargebackBill
from observability.reports.cost import BASELINE_LABEL, CostReport, CostRow
from observability.reports.forecast import DayCost
from observability.reports.period import ReportPeriod
from observability.reports.quality import QUALITY_TITLE, ModelQuality, interval
from observability.reports.waste import WASTE_TITLE, WasteFinding, saving

_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("page")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PLOTTED: Final = 15


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table of a page; a line has its names, then its numbers."""

    names: Sequence[str]
    numbers: Sequence[str]
    lines: Sequence[tuple[Sequence[str], Sequence[str]]]


@dataclass(frozen=True, slots=True)
class PageSection:
    """A part of a page: a chart, a table or both under a heading."""

    title: str
    note: str = ""
    chart: BarChart | None = None
    table: PageTable | None = None


@dataclass(frozen=True, slots=True)
class PageFigure:
    """A number that stands out above the sections."""

    name: str
    value: str
    note: str


def cost_html(report: CostReport, bills: Sequence[ChargebackBill] = ()) -> str:
    """The cost report's page. bills: of its rows."""
    title = f"LLM cost by {', '.join(report.by)}" if report.by else "LLM cost"
    days = _days(report)
    sections = [
        PageSection(
            "Cost of each day",
            _range_of(days),
            chart=vertical_bars("Cost of each day", _day_bars(days)),
        ),
        PageSection(
            "From baseline to cost",
            f"Baseline: {BASELINE_LABEL}.",
            chart=horizontal_bars("From baseline to cost", _savings_bars(report.total)),
        ),
        PageSection("All groups" if report.by else "All requests", table=_group_table(report)),
    ]
    if report.by:
        dearest = horizontal_bars("The dearest groups", _dearest(report))
        sections.insert(2, PageSection("The dearest groups", chart=dearest))
    if bills:
        sections.append(PageSection("Chargeback", table=_bill_table(bills)))
    return _page(title, report.period, sections, _figures(report))


def waste_html(findings: Sequence[WasteFinding], period: ReportPeriod) -> str:
    """What to change, and what that saves a month."""
    lines = [((finding.do, finding.why), (saving(finding),)) for finding in findings]
    table = PageTable(("do this", "because"), ("saves a month",), lines)
    return _page("Waste", period, [PageSection(WASTE_TITLE, table=table)])


def quality_html(measured: Sequence[ModelQuality], period: ReportPeriod) -> str:
    """Rates with their 95 % intervals."""
    lines = [
        (
            (q.model, q.task),
            [
                text
                for rate in (q.ungrounded, q.judged, q.truncated)
                for text in (interval(rate), f"{rate.of:,}")
            ],
        )
        for q in measured
    ]
    heads = ("by look-up", "of", "by judge", "of", "cut off", "of")
    table = PageTable(("model", "task"), heads, lines)
    return _page("Quality", period, [PageSection(QUALITY_TITLE, table=table)])


def _page(
    title: str,
    period: ReportPeriod,
    sections: Sequence[PageSection],
    figures: Sequence[PageFigure] = (),
) -> str:
    template = _ENVIRONMENT.get_template("report.html.jinja")
    subtitle = f"{_date(period.start_ms)} to {_date(period.end_ms)}, UTC"
    return template.render(title=title, subtitle=subtitle, figures=figures, parts=sections)


def _figures(report: CostReport) -> list[PageFigure]:
    total, forecast = report.total, report.forecast
    saved = f"{percent(total.saved_total, total.baseline)} of {usd(total.baseline)}"
    month = f"{usd(forecast.low)} to {usd(forecast.high)} (90\u00a0%), {usd(forecast.spent)} so far"
    return [
        PageFigure("Cost", usd(total.cost), f"{total.requests:,} requests"),
        PageFigure("Saved", usd(total.saved_total), saved),
        PageFigure("Cost per 1,000 tokens", _per_1k(total), "weighted by response length"),
        PageFigure("Month's end", usd(forecast.expected), month),
        PageFigure("Unpriced", f"{total.unpriced:,}", "answers whose price is unknown"),
    ]


def _days(report: CostReport) -> list[DayCost]:
    """From the first day with any cost to the last, without a gap."""
    if not report.days:
        return []
    costs = {entry.day: entry.cost for entry in report.days}
    first, last = min(costs), max(costs)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [DayCost(day, costs.get(day, Decimal(0))) for day in days]


def _day_bars(days: Sequence[DayCost]) -> list[ChartBar]:
    return [ChartBar(str(entry.day), float(entry.cost), usd(entry.cost)) for entry in days]


def _range_of(days: Sequence[DayCost]) -> str:
    costs = [entry.cost for entry in days]
    if not costs:
        return ""
    mean = sum(costs, Decimal(0)) / len(costs)
    span = f"{days[0].day} to {days[-1].day}"
    return f"{span}: {usd(min(costs))} to {usd(max(costs))} a day, {usd(mean)} on average."


def _savings_bars(total: CostRow) -> list[ChartBar]:
    saved = [
        ChartBar(means.replace("_", " "), float(amount), usd(amount), "saving")
        for means, amount in total.saved.items()
        if amount
    ]
    baseline = ChartBar("baseline", float(total.baseline), usd(total.baseline))
    return [baseline, *saved, ChartBar("cost", float(total.cost), usd(total.cost), "cost")]


def _dearest(report: CostReport) -> list[ChartBar]:
    return [
        ChartBar(" / ".join(row.group), float(row.cost), usd(row.cost), "cost")
        for row in report.rows[:_PLOTTED]
    ]


_HEADS: Final = (
    "requests",
    "cache hits",
    "tokens in",
    "of them cached",
    "tokens out",
    "cost",
    "per 1k",
    "baseline",
    "saved",
    "unpriced",
)


def _group_table(report: CostReport) -> PageTable:
    lines = [(row.group, _numbers(row)) for row in report.rows] if report.by else []
    names = ("total", *[""] * (len(report.by) - 1)) if report.by else ()
    return PageTable(report.by, _HEADS, [*lines, (names, _numbers(report.total))])


def _numbers(row: CostRow) -> tuple[str, ...]:
    counts = (row.requests, row.hits, row.input_tokens, row.cached_tokens, row.output_tokens)
    money = (usd(row.cost), _per_1k(row), usd(row.baseline), usd(row.saved_total))
    return (*(f"{count:,}" for count in counts), *money, f"{row.unpriced:,}")


def _bill_table(bills: Sequence[ChargebackBill]) -> PageTable:
    lines = [((bill.name,), _dollars(bill)) for bill in bills]
    return PageTable(("payer",), ("own", "shared", "total"), lines)


def _dollars(bill: ChargebackBill) -> tuple[str, ...]:
    amounts = (bill.own_cents, bill.shared_cents, bill.total_cents)
    return tuple(f"${amount / 100:,.2f}" for amount in amounts)


def _per_1k(row: CostRow) -> str:
    return "-" if row.cost_per_1k is None else usd(Decimal(row.cost_per_1k))


def _date(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
