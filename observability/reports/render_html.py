"""What does a report look like as one page that can be mailed? No script, nothing to load."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Final

from observability.pricing.money import percent, usd
from observability.reports.chargeback import ChargebackBill
from observability.reports.cost import CostReport, CostRow
from observability.reports.forecast import DayCost
from observability.reports.render_text import BASELINE_LABEL
from observability.reports.svg_charts import ChartBar, bar_chart, column_chart

_STYLE: Final = Path(__file__).with_name("report.css")
_PLOTTED: Final = 15


def report_html(report: CostReport, bills: Sequence[ChargebackBill] = ()) -> str:
    """The page, complete."""
    total, days = report.total, _days(report)
    title = f"LLM cost by {', '.join(report.by)}" if report.by else "LLM cost"
    start, end = _date(report.period.start_ms), _date(report.period.end_ms)
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE.read_text()}</style></head><body><main>",
            f"<h1>{escape(title)}</h1><p>{start} to {end}, UTC</p>",
            _figures(report),
            _section(
                "Cost of each day", column_chart("Cost of each day", _bars(days)), _range_of(days)
            ),
            _section(
                "From baseline to cost",
                bar_chart("From baseline to cost", _steps(total)),
                f"Baseline: {escape(BASELINE_LABEL)}.",
            ),
            _section("The dearest groups", bar_chart("The dearest groups", _dearest(report)))
            if report.by
            else "",
            _section("All groups" if report.by else "All requests", _group_table(report)),
            _section("Chargeback", _bill_table(bills)) if bills else "",
            "</main></body></html>\n",
        )
    )


def _figures(report: CostReport) -> str:
    total, forecast = report.total, report.forecast
    saved = f"{percent(total.saved_total, total.baseline)} of {usd(total.baseline)}"
    month = f"{usd(forecast.low)} to {usd(forecast.high)} (90\u00a0%), {usd(forecast.spent)} so far"
    figures = (
        ("Cost", usd(total.cost), f"{total.requests:,} requests"),
        ("Saved", usd(total.saved_total), saved),
        ("Cost per 1,000 tokens", _per_1k(total), "weighted by response length"),
        ("Month's end", usd(forecast.expected), month),
        ("Unpriced", f"{total.unpriced:,}", "answers whose price is unknown"),
    )
    shown = (
        f"<div><dt>{name}</dt><dd><b>{value}</b><span>{note}</span></dd></div>"
        for name, value, note in figures
    )
    return f"<dl>{''.join(shown)}</dl>"


def _days(report: CostReport) -> list[DayCost]:
    """From the first day with any cost to the last, without a gap."""
    if not report.days:
        return []
    costs = {entry.day: entry.cost for entry in report.days}
    first, last = min(costs), max(costs)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [DayCost(day, costs.get(day, Decimal(0))) for day in days]


def _bars(days: Sequence[DayCost]) -> list[ChartBar]:
    return [ChartBar(str(entry.day), float(entry.cost), usd(entry.cost)) for entry in days]


def _range_of(days: Sequence[DayCost]) -> str:
    costs = [entry.cost for entry in days]
    if not costs:
        return ""
    mean = sum(costs, Decimal(0)) / len(costs)
    span = f"{days[0].day} to {days[-1].day}"
    return f"{span}: {usd(min(costs))} to {usd(max(costs))} a day, {usd(mean)} on average."


def _steps(total: CostRow) -> list[ChartBar]:
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


def _group_table(report: CostReport) -> str:
    lines = [(row.group, _numbers(row)) for row in report.rows] if report.by else []
    names = ("total", *[""] * (len(report.by) - 1)) if report.by else ()
    return _table(report.by, _HEADS, [*lines, (names, _numbers(report.total))])


def _numbers(row: CostRow) -> tuple[str, ...]:
    counts = (row.requests, row.hits, row.input_tokens, row.cached_tokens, row.output_tokens)
    money = (usd(row.cost), _per_1k(row), usd(row.baseline), usd(row.saved_total))
    return (*(f"{count:,}" for count in counts), *money, f"{row.unpriced:,}")


def _bill_table(bills: Sequence[ChargebackBill]) -> str:
    lines = [((b.name,), _dollars(b)) for b in bills]
    return _table(("payer",), ("own", "shared", "total"), lines)


def _dollars(bill: ChargebackBill) -> tuple[str, ...]:
    amounts = (bill.own_cents, bill.shared_cents, bill.total_cents)
    return tuple(f"${amount / 100:,.2f}" for amount in amounts)


def _table(
    names: Iterable[str],
    numbers: Iterable[str],
    lines: Iterable[tuple[Sequence[str], Sequence[str]]],
) -> str:
    """names, numbers: the headings; a line has its names, then its numbers."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    head += "".join(f'<th scope="col" class="number">{escape(name)}</th>' for name in numbers)
    body = "".join(
        "<tr>"
        + "".join(f'<th scope="row">{escape(name)}</th>' for name in named)
        + "".join(f"<td>{escape(number)}</td>" for number in counted)
        + "</tr>"
        for named, counted in lines
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="table"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _section(title: str, content: str, note: str = "") -> str:
    return f"<section><h2>{escape(title)}</h2>{f'<p>{note}</p>' if note else ''}{content}</section>"


def _per_1k(row: CostRow) -> str:
    return "-" if row.cost_per_1k is None else usd(Decimal(row.cost_per_1k))


def _date(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
