"""Terminal tables of reports. Foreign text in them is neither markup nor an escape sequence."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from observability.pricing.money import percent, usd
from observability.reports.chargeback import ChargebackBill
from observability.reports.cost import BASELINE_LABEL, CostReport, CostRow
from observability.reports.quality import QUALITY_TITLE, ModelQuality, interval
from observability.reports.waste import WASTE_TITLE, WasteFinding, saving
from observability.terminal import cell

_SHOWN_FINDINGS: Final = 20


def print_cost(
    report: CostReport, bills: Sequence[ChargebackBill], console: Console, limit: int = 40
) -> None:
    """Tables; groups beyond `limit` are summed up by a line that says how many there are."""
    console.print(_groups(report, limit, _NARROW if console.width < _WIDE else _COLUMNS))
    if len(report.rows) > limit:
        console.print(f"… and {len(report.rows) - limit} more (--format csv shows all)")
    console.print(_savings(report.total))
    console.print(_forecast_line(report))
    if bills:
        console.print(_bills(bills))
    if report.total.unpriced:
        console.print(f"{report.total.unpriced} answers have no known price and count as nothing.")


def print_waste(findings: Sequence[WasteFinding], console: Console) -> None:
    """The largest savings; a line says how many more there are."""
    if not findings:
        console.print("Nothing found.")
        return
    table = Table(title=WASTE_TITLE)
    table.add_column("do this", ratio=3)
    table.add_column("saves a month", justify="right", no_wrap=True)
    table.add_column("because", ratio=4)
    for finding in findings[:_SHOWN_FINDINGS]:
        table.add_row(cell(finding.do), saving(finding), cell(finding.why))
    console.print(table)
    if len(findings) > _SHOWN_FINDINGS:
        more = len(findings) - _SHOWN_FINDINGS
        console.print(f"… and {more} more (--format json shows all)")


def print_quality(measured: Sequence[ModelQuality], console: Console) -> None:
    """Rates with their 95 % intervals."""
    table = Table(title=QUALITY_TITLE, box=box.SIMPLE_HEAD, padding=0)
    for name in ("model", "task"):
        table.add_column(name, overflow="fold")
    for name in ("by look-up", "of", "by judge", "of", "cut off", "of"):
        table.add_column(name, justify="right", no_wrap=True)
    for q in measured:
        rates = (q.ungrounded, q.judged, q.truncated)
        cells = (text for rate in rates for text in (interval(rate), f"{rate.of:,}"))
        table.add_row(cell(q.model), cell(q.task), *cells)
    console.print(table)


_WIDE: Final = 120
_NARROW: Final = ("requests", "cost", "per 1k", "saved", "of baseline")
_COLUMNS: Final = ("requests", "hits", "tokens in", "out", *_NARROW[1:])
"""What fits into a narrow terminal, and what into a wide one."""


def _groups(report: CostReport, limit: int, columns: Sequence[str]) -> Table:
    start, end = _iso(report.period.start_ms)[:16], _iso(report.period.end_ms)[:16]
    table = Table(title=f"Cost from {start} to {end} UTC", box=box.SIMPLE_HEAD, padding=0)
    for name in report.by:
        table.add_column(cell(name), overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in report.rows[:limit]:
        table.add_row(*map(cell, row.group), *(_cells(row)[name] for name in columns))
    table.add_section()
    blank = [""] * (len(report.by) - 1)
    names = ["total", *blank] if report.by else []
    table.add_row(*names, *(_cells(report.total)[name] for name in columns))
    return table


def _cells(row: CostRow) -> dict[str, str]:
    return {
        "requests": f"{row.requests:,}",
        "hits": f"{row.hits:,}",
        "tokens in": f"{row.input_tokens:,}",
        "out": f"{row.output_tokens:,}",
        "cost": usd(row.cost),
        "per 1k": "-" if row.cost_per_1k is None else usd(Decimal(row.cost_per_1k)),
        "saved": usd(row.saved_total),
        "of baseline": percent(row.saved_total, row.baseline),
    }


def _savings(total: CostRow) -> Table:
    table = Table(title=f"From baseline to cost (baseline: {BASELINE_LABEL})")
    table.add_column("step")
    table.add_column("USD", justify="right")
    table.add_column("of baseline", justify="right")
    table.add_row("baseline", usd(total.baseline), percent(total.baseline, total.baseline))
    for means, saved in total.saved.items():
        if saved:
            table.add_row(f"- {means}", usd(saved), percent(saved, total.baseline))
    table.add_row("cost", usd(total.cost), percent(total.cost, total.baseline))
    return table


def _forecast_line(report: CostReport) -> str:
    f = report.forecast
    if f.days == 0:
        return f"This month so far: {usd(f.spent)} (no whole day yet to forecast from)"
    return (
        f"This month so far: {usd(f.spent)}; by its end {usd(f.expected)}"
        f" (90 %: {usd(f.low)} to {usd(f.high)}; from {f.days} days)"
    )


def _bills(bills: Sequence[ChargebackBill]) -> Table:
    table = Table(title="Chargeback")
    for name in ("payer", "own", "shared", "total"):
        table.add_column(name, justify="left" if name == "payer" else "right")
    for bill in bills:
        amounts = (bill.own_cents, bill.shared_cents, bill.total_cents)
        table.add_row(cell(bill.name), *(f"${amount / 100:,.2f}" for amount in amounts))
    return table


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
