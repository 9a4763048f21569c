"""What do `report` and `waste` print?"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal, TypeAlias, assert_never

from rich.console import Console
from rich.table import Table

from observability.ledger.ledger import Ledger
from observability.price_lists import load_price_book
from observability.pricing.prices import PriceKey, TokenRates
from observability.reports import quality, render_html, render_text, waste
from observability.reports.chargeback import ChargebackBill, bills
from observability.reports.cost import CostReport, cost_report
from observability.reports.period import ReportPeriod, period
from observability.reports.waste_evidence import collect_waste, observed_days
from observability.terminal import cell

_SHOWN: Final = 20
Form: TypeAlias = Literal["table", "csv", "json", "html"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What was asked for. shared_micro_usd: platform cost to charge back, None = no chargeback."""

    since: str
    until: str | None = None
    form: Form = "table"
    by: tuple[str, ...] = ()
    shared_micro_usd: Decimal | None = None


def show_report(ledger: Ledger, wanted: ReportOptions, now_ms: int, console: Console) -> None:
    """Print cost and savings. ValueError for a time, UnknownDimensionError for a group."""
    span = period(wanted.since, wanted.until, now_ms)
    with ledger.reading() as db:
        made = cost_report(db, wanted.by, span, now_ms)
    charged = [] if wanted.shared_micro_usd is None else bills(made.rows, wanted.shared_micro_usd)
    if wanted.form == "table":
        render_text.show_cost_report(made, charged, console)
    else:
        _plain(console, _document(made, charged, wanted.form))


def waste_findings(ledger: Ledger, span: ReportPeriod) -> list[waste.WasteFinding]:
    """The ranked list over a period."""
    with ledger.reading() as db:
        evidence, days = list(collect_waste(db, span)), observed_days(db, span)
    return waste.rank_waste(evidence, _rates_at(span.end_ms), days)


def show_waste(ledger: Ledger, wanted: ReportOptions, now_ms: int, console: Console) -> None:
    """Print what to change, and what that saves a month."""
    findings = waste_findings(ledger, period(wanted.since, wanted.until, now_ms))
    if wanted.form == "json":
        _plain(console, _findings_json(findings))
    elif findings:
        console.print(_findings_table(findings[:_SHOWN]))
        if len(findings) > _SHOWN:
            console.print(f"… and {len(findings) - _SHOWN} more (--format json shows all)")
    else:
        console.print("Nothing found.")


def show_quality(ledger: Ledger, wanted: ReportOptions, now_ms: int, console: Console) -> None:
    """Print how often each model says what its context doesn't support."""
    with ledger.reading() as db:
        measured = quality.measure_quality(db, period(wanted.since, wanted.until, now_ms))
    if wanted.form == "json":
        _plain(console, quality.quality_json(measured))
    else:
        console.print(quality.quality_table(measured))


def _document(
    made: CostReport, charged: Sequence[ChargebackBill], form: Literal["csv", "json", "html"]
) -> str:
    match form:
        case "csv":
            return render_text.report_csv(made, charged)
        case "json":
            return render_text.report_json(made, charged)
        case "html":
            return render_html.report_html(made, charged)
        case _:
            assert_never(form)


def _rates_at(at_ms: int) -> waste.ModelRates:
    book, at = load_price_book(), datetime.fromtimestamp(at_ms / 1000, UTC)

    def rates_of(provider: str, model: str) -> TokenRates | None:
        return book.rates(PriceKey(provider, model), at)

    return rates_of


def _findings_table(findings: Sequence[waste.WasteFinding]) -> Table:
    table = Table(title="Do this, save so much a month (findings overlap: don't add them up)")
    table.add_column("do this", ratio=3)
    table.add_column("saves a month", justify="right", no_wrap=True)
    table.add_column("because", ratio=4)
    for line in waste.waste_table(findings):
        table.add_row(*map(cell, line))
    return table


def _findings_json(findings: Sequence[waste.WasteFinding]) -> str:
    listed = [
        {
            "kind": f.kind,
            "do": f.do,
            "why": f.why,
            "saves_micro_usd_a_month": None if f.saves is None else str(f.saves),
        }
        for f in findings
    ]
    return json.dumps(listed, indent=2)


def _plain(console: Console, text: str) -> None:
    """Unwrapped and unstyled."""
    console.file.write(text if text.endswith("\n") else text + "\n")
