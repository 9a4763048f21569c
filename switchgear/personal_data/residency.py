"""Residency commands: the report of where a tenant's data went, signed, and its verification."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switchgear.invocation import PARTIAL
from switchgear.options import FormatOption
from switchgear.reports import EndOption, LedgerOption, OutOption, TimeOption

if TYPE_CHECKING:
    from observability.reports.residency.report import ResidencyReport


def residency(
    tenant: Annotated[str, typer.Option(help="Whose data.")],
    since: TimeOption = "90d",
    until: EndOption = None,
    format: FormatOption = "table",
    out: OutOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Say which of a tenant's data went to which zone and deployment.

    json: signed by the key of SWITCHGEAR_REPORT_KEY. Exit code 1 when a call went to a zone that
    the data's residency excludes.
    """
    from observability.commands import ledger_reading, report_period
    from observability.reports.residency.report import as_document, residency_report
    from observability.reports.residency.signed_report import read_key, signed
    from observability.settings import ObservabilitySettings

    settings = ObservabilitySettings()
    try:
        span = report_period(since, until)
        told = settings.report_key.get_secret_value() if settings.report_key else None
        key = read_key(told) if format == "json" else None
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from None
    with ledger_reading(ledger) as db:
        report = residency_report(db, tenant, span, settings.zone)
    if key is None:
        _print_report(report, out)
    else:
        text = signed(as_document(report, time.time_ns() // 1_000_000), key)
        if out is None:
            print(text)
        else:
            out.write_text(text + "\n")
    if report.outside_number:
        raise typer.Exit(PARTIAL)


def verify(
    file: Annotated[Path, typer.Argument(help="A signed report.")],
    key: Annotated[str, typer.Option(help="The public key: a PEM or JWK file.")],
) -> None:
    """Verify a signed report, and print what was signed. Exit code 1 when it isn't genuine."""
    import sys

    from observability.reports.residency.signed_report import (
        SignatureInvalidError,
        read_key,
        verified,
    )
    from observability.terminal import readable_json

    try:
        text, public = file.read_text(), read_key(key)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from None
    try:
        document = verified(text, public)
    except SignatureInvalidError as error:
        print(f"{file}: {error}", file=sys.stderr)
        raise typer.Exit(PARTIAL) from None
    print(readable_json(document))


def _print_report(report: "ResidencyReport", out: Path | None) -> None:
    from rich.console import Console

    from observability.terminal import output_width

    if out is None:
        _print_tables(report, Console(width=output_width(), markup=False, emoji=False))
        return
    with out.open("w", encoding="utf-8") as file:
        _print_tables(report, Console(file=file, width=160, markup=False, emoji=False))


def _print_tables(report: "ResidencyReport", console: object) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from observability.reports.residency.report import iso
    from observability.terminal import cell

    assert isinstance(console, Console)  # noqa: S101 imported here, for the start's sake
    title = f"Data of {report.tenant}, {iso(report.period.start_ms)} to {iso(report.period.end_ms)}"
    table = Table(title=cell(title), box=box.SIMPLE_HEAD)
    for name in ("data", "for", "task", "allowed zones", "went to", "deployment"):
        table.add_column(name, overflow="fold")
    for name in ("times", "input tokens", "output tokens", "first", "last"):
        table.add_column(name, justify="right")
    for to, flow in report.flows.items():
        where = to.deployment or "the cell's cache"
        words = to.data, to.purpose, to.task, to.residency, to.zone, where
        counts = f"{flow.number:,}", f"{flow.input_tokens:,}", f"{flow.output_tokens:,}"
        days = (iso(at_ms)[:10] for at_ms in (flow.first_ms, flow.last_ms))
        table.add_row(*map(cell, words), *counts, *days)
    console.print(table)
    console.print(f"{report.requests:,} requests; the cell's zone: {report.cell or 'not said'}")
    if not report.outside_number:
        console.print("No call went to a zone that its data's residency excludes.")
        return
    console.print(f"{report.outside_number:,} calls went to a zone that the residency excludes:")
    for call in report.outside:
        line = f"  {iso(call.at_ms)} request {call.request}: {call.deployment} in {call.zone}"
        console.print(cell(f"{line}, allowed {call.residency}"))
