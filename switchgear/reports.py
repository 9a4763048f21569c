"""Report commands: report, waste and quality."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from switchgear.options import usd_amount

if TYPE_CHECKING:
    from observability.commands import ReportOptions

LedgerOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--ledger", "--file", help="A DuckDB file or a store's URL; default: SWITCHGEAR_LEDGER."
    ),
]
TimeOption: TypeAlias = Annotated[
    str, typer.Option(metavar="TIME", help="90s, 24h, 30d, 2w ago, or an ISO 8601 time.")
]
EndOption: TypeAlias = Annotated[
    str | None, typer.Option(metavar="TIME", help="As --since; default: now.")
]
ReportFormat: TypeAlias = Literal["table", "csv", "json", "html"]
ReportFormatOption: TypeAlias = Annotated[ReportFormat, typer.Option("--format", help="As what.")]
OutOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="Write here instead of to the terminal.")
]


def report(
    context: typer.Context,
    by: Annotated[
        str, typer.Option(help="Groups, separated by commas: tenant, model, day, tag:NAME …")
    ] = "tenant",
    shared_usd: Annotated[
        Decimal | None,
        typer.Option(parser=usd_amount, metavar="USD", help="Platform cost to charge back by use."),
    ] = None,
    since: TimeOption = "30d",
    until: EndOption = None,
    format: ReportFormatOption = "table",
    out: OutOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Report cost and savings; with a command, compare them."""
    if context.invoked_subcommand is not None:
        return
    from observability.commands import group_names, report_cost

    report_cost(
        _options(since, until, format, out, ledger), by=group_names(by), shared_usd=shared_usd
    )


def waste(
    since: TimeOption = "30d",
    until: EndOption = None,
    format: ReportFormatOption = "table",
    out: OutOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Say what to change, and what that saves a month."""
    from observability.commands import report_waste

    report_waste(_options(since, until, format, out, ledger))


def quality(
    since: TimeOption = "30d",
    until: EndOption = None,
    format: ReportFormatOption = "table",
    out: OutOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Count answers that their context doesn't support."""
    from observability.commands import report_quality

    report_quality(_options(since, until, format, out, ledger))


def _options(
    since: str, until: str | None, form: ReportFormat, out: Path | None, ledger: str | None
) -> "ReportOptions":
    from observability.commands import ReportOptions

    return ReportOptions(since=since, until=until, form=form, out=out, ledger=ledger)
