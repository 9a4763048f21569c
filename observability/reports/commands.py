"""Report commands: read a ledger over a period and print cost, waste or quality in a form."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, TypeAlias, assert_never

from rich.console import Console

from observability.ledger.ledger import Ledger
from observability.price_lists import load_price_book
from observability.pricing.prices import PriceKey, TokenRates
from observability.reports import quality, render_data, render_table, waste
from observability.reports.chargeback import bills
from observability.reports.cost import cost_report
from observability.reports.period import ReportPeriod, period
from observability.reports.waste_evidence import collect_waste, observed_days

ReportForm: TypeAlias = Literal["table", "csv", "json", "html"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportQuery:
    """What a report is of, and how it is shown."""

    since: str = "30d"
    """As `period.moment` reads it."""
    until: str | None = None
    """The same; None: now."""
    form: ReportForm = "table"
    by: tuple[str, ...] = ()
    """The groups of a cost report, from `cost.DIMENSIONS` or `tag:NAME`."""
    shared_micro_usd: Decimal | None = None
    """Platform cost to charge back by use; None: no chargeback."""


def show_cost(ledger: Ledger, query: ReportQuery, now_ms: int, console: Console) -> None:
    """Print cost and savings. ValueError for a time, UnknownDimensionError for a group."""
    span = period(query.since, query.until, now_ms)
    with ledger.reading() as db:
        report = cost_report(db, query.by, span, now_ms)
    shared = query.shared_micro_usd
    charged = [] if shared is None else bills(report.rows, shared)
    match query.form:
        case "table":
            render_table.print_cost(report, charged, console)
        case "csv":
            _write(console, render_data.cost_csv(report, charged))
        case "json":
            _write(console, render_data.cost_json(report, charged))
        case "html":
            from observability.reports.render_html import cost_html  # noqa: PLC0415 (as below)

            _write(console, cost_html(report, charged))
        case _:
            assert_never(query.form)


def waste_findings(ledger: Ledger, span: ReportPeriod) -> list[waste.WasteFinding]:
    """The ranked list over a period."""
    with ledger.reading() as db:
        evidence, days = list(collect_waste(db, span)), observed_days(db, span)
    return waste.rank_waste(evidence, _rates_at(span.end_ms), days)


def show_waste(ledger: Ledger, query: ReportQuery, now_ms: int, console: Console) -> None:
    """Print what to change, and what that saves a month. ValueError for a time."""
    span = period(query.since, query.until, now_ms)
    findings = waste_findings(ledger, span)
    match query.form:
        case "table":
            render_table.print_waste(findings, console)
        case "csv":
            _write(console, render_data.waste_csv(findings))
        case "json":
            _write(console, render_data.waste_json(findings))
        case "html":
            from observability.reports.render_html import waste_html  # noqa: PLC0415 (as below)

            _write(console, waste_html(findings, span))
        case _:
            assert_never(query.form)


def show_quality(ledger: Ledger, query: ReportQuery, now_ms: int, console: Console) -> None:
    """Print how often each model says what its context doesn't support. ValueError for a time."""
    span = period(query.since, query.until, now_ms)
    with ledger.reading() as db:
        measured = quality.measure_quality(db, span)
    match query.form:
        case "table":
            render_table.print_quality(measured, console)
        case "csv":
            _write(console, render_data.quality_csv(measured))
        case "json":
            _write(console, render_data.quality_json(measured))
        case "html":
            # the template engine takes a tenth of a second to import: only for a page
            from observability.reports.render_html import quality_html  # noqa: PLC0415

            _write(console, quality_html(measured, span))
        case _:
            assert_never(query.form)


def _rates_at(at_ms: int) -> waste.ModelRates:
    book, at = load_price_book(), datetime.fromtimestamp(at_ms / 1000, UTC)

    def rates_of(provider: str, model: str) -> TokenRates | None:
        return book.rates(PriceKey(provider, model), at)

    return rates_of


def _write(console: Console, text: str) -> None:
    """Unwrapped and unstyled."""
    console.file.write(text if text.endswith("\n") else text + "\n")
