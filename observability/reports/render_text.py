"""How is a report shown in a terminal, a spreadsheet, or to a program?"""

import csv
import io
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from observability.pricing.money import percent, usd
from observability.reports.chargeback import ChargebackBill
from observability.reports.cost import SAVINGS, CostReport, CostRow
from observability.terminal import cell

BASELINE_LABEL: Final = "the tenant's baseline model at list price, nothing cached, no batch"


def show_cost_report(
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


def report_csv(report: CostReport, bills: Sequence[ChargebackBill] = ()) -> str:
    """One line a group; money in micro-dollars, exact. bills: of the report's rows, in cents.

    A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, which may call
    other programs and send the other cells away: what callers named gets a `'` before it.
    """
    charged = {bill.payer: _cents(bill) for bill in bills}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = map(_inert, report.by)
    writer.writerow([*heads, *_record(report.total), *(_CENTS if bills else ())])
    for row in report.rows:
        bill = charged.get(row.group, {})
        writer.writerow([*map(_inert, row.group), *_record(row).values(), *bill.values()])
    return out.getvalue()


_FORMULA: Final = re.compile(r"[\s\x00]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""How a formula begins, in the width of East Asian letters too; a tab or line break may begin a new
cell."""


def _inert(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def report_json(report: CostReport, bills: Sequence[ChargebackBill] = ()) -> str:
    """The whole report; money is a string of micro-dollars, so that no reader rounds it."""
    forecast = report.forecast
    whole = {
        "by": report.by,
        "period": {"start": _iso(report.period.start_ms), "end": _iso(report.period.end_ms)},
        "baseline": BASELINE_LABEL,
        "rows": [
            dict(zip(report.by, row.group, strict=True)) | _record(row) for row in report.rows
        ],
        "total": _record(report.total),
        "days": {entry.day.isoformat(): str(entry.cost) for entry in report.days},
        "forecast_micro_usd": {
            "spent": str(forecast.spent),
            "expected": str(forecast.expected),
            "low": str(forecast.low),
            "high": str(forecast.high),
            "days_of_history": forecast.days,
        },
        "chargeback": [
            dict(zip(report.by, bill.payer, strict=True)) | _cents(bill) for bill in bills
        ],
    }
    return json.dumps(whole, indent=2)


_CENTS: Final = ("own_cents", "shared_cents", "total_cents")


def _cents(bill: ChargebackBill) -> dict[str, int]:
    return {name: int(getattr(bill, name)) for name in _CENTS}


def _record(row: CostRow) -> dict[str, Any]:
    record = {
        "requests": row.requests,
        "answered": row.answered,
        "cache_hits": row.hits,
        "unpriced": row.unpriced,
        "input_tokens": row.input_tokens,
        "cached_tokens": row.cached_tokens,
        "output_tokens": row.output_tokens,
        "cost_micro_usd": str(row.cost),
        "baseline_micro_usd": str(row.baseline),
        "cost_per_1k_micro_usd": row.cost_per_1k,
    }
    return record | {f"saved_{means}_micro_usd": str(row.saved[means]) for means in SAVINGS}


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
