"""Report commands that compare: whatif and reconcile."""

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switchgear.invocation import PARTIAL
from switchgear.options import ConfigOption, FormatOption, configured_catalog
from switchgear.reports import EndOption, LedgerOption, TimeOption

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from observability.reports.reconcile import BillDifference
    from observability.reports.what_if import BilledUsage, Substitute, WhatIf
    from runtime.config.catalog import Catalog


def whatif(
    swap: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="A model for a model; repeatable.")
    ] = None,
    prices: Annotated[
        str | None, typer.Option(metavar="DATE", help="The prices of that day; default: today's.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Everything at this one model.")
    ] = None,
    since: TimeOption = "30d",
    until: EndOption = None,
    format: FormatOption = "table",
    ledger: LedgerOption = None,
    config: ConfigOption = None,
) -> None:
    """Recorded usage at other models, or at another day's prices."""
    from observability.commands import ledger_reading, report_period
    from observability.reports.what_if import billed_usage, swaps_of, what_if

    try:
        swaps, span = swaps_of(swap or ()), report_period(since, until)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    substitute = _Substitutes(configured_catalog(config), swaps, baseline, prices)
    with ledger_reading(ledger) as db:
        rows = what_if(billed_usage(db, span), substitute)
    if format == "json":
        print(json.dumps([_what_if_row(row) for row in rows], indent=2))
    else:
        _print_what_if(rows)


def reconcile(
    file: Annotated[Path, typer.Argument(help="A usage export: OpenAI, Anthropic or AWS (CUR).")],
    format: FormatOption = "table",
    ledger: LedgerOption = None,
    config: ConfigOption = None,
) -> None:
    """Compare the ledger with what a provider says that it billed. Exit 1 on a difference."""
    from observability.commands import ledger_reading
    from observability.reports.reconcile import (
        UnknownExportError,
        compare_bills,
        ledger_sums,
        read_export,
        span_of,
    )

    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            export = read_export(lines)
    except (OSError, UnicodeDecodeError, UnknownExportError) as error:
        raise typer.BadParameter(f"{file}: {error}") from None
    span = span_of(export.sums)
    if span is None:
        raise typer.BadParameter(f"{file}: no usage in it")
    with ledger_reading(ledger) as db:
        sums = ledger_sums(db, export.provider, span)
    rows = list(
        compare_bills(sums, export, _wire_names(configured_catalog(config), export.provider))
    )
    if format == "json":
        print(json.dumps([_difference_row(row) for row in rows], indent=2, default=str))
    else:
        _print_differences(rows, export.skipped)
    if not all(row.agrees for row in rows):
        raise typer.Exit(PARTIAL)


class _Substitutes:
    """Where a deployment's usage would have gone, at which day's prices."""

    def __init__(
        self, catalog: "Catalog", swaps: "Mapping[str, str]", baseline: str | None, day: str | None
    ) -> None:
        from datetime import UTC, datetime

        from observability.price_lists import load_price_book
        from runtime.config.pricing import Pricing

        try:
            at = datetime.now(UTC) if day is None else datetime.fromisoformat(day)
        except ValueError:
            raise typer.BadParameter(f"{day!r} is no day: write 2026-03-01") from None
        self._catalog, self._swaps, self._baseline = catalog, swaps, baseline
        self._at = at if at.tzinfo else at.replace(tzinfo=UTC)
        self._pricing = Pricing(load_price_book())
        known = {entry.model for entry in catalog.deployments.values()}
        for model in (*swaps.values(), *([baseline] if baseline else ())):
            if model not in known:
                raise typer.BadParameter(f"no deployment of the configuration serves {model!r}")

    def __call__(self, billed: "BilledUsage") -> "Substitute":
        from observability.pricing.prices import Unpriced
        from observability.reports.what_if import Substitute
        from workers.tokens.estimate import bytes_per_token

        catalog = self._catalog
        model = self._baseline or self._swaps.get(billed.model, billed.model)
        name = billed.deployment if model == billed.model else self._first(model)
        entry = catalog.deployments.get(name) or catalog.deployments.get(self._first(model))
        if entry is None:
            return Substitute(name, model, None, Decimal(1))
        price = self._pricing.at(entry, self._at)

        def density(of: str) -> float:
            known = catalog.models.get(of)
            return bytes_per_token(known.family if known else "")

        known_price = None if isinstance(price, Unpriced) else price
        factor = Decimal(density(billed.model) / density(model))
        return Substitute(name, model, known_price, factor)

    def _first(self, model: str) -> str:
        places = (n for n, entry in self._catalog.deployments.items() if entry.model == model)
        return next(places, "")


def _wire_names(catalog: "Catalog", provider: str) -> dict[str, str]:
    """The configuration's model for each name on the wire, dated ones too."""
    return {
        entry.wire_model or entry.model: entry.model
        for entry in catalog.deployments.values()
        if entry.provider == provider
    }


def _what_if_row(row: "WhatIf") -> dict[str, object]:
    return {
        "deployment": row.billed.deployment,
        "model": row.billed.model,
        "requests": row.billed.requests,
        "cost_micro_usd": str(row.billed.cost),
        "instead": row.instead.deployment,
        "instead_model": row.instead.model,
        "instead_micro_usd": None if row.cost is None else str(row.cost),
    }


def _difference_row(row: "BillDifference") -> dict[str, object]:
    from dataclasses import asdict

    return {
        "day": row.of.day,
        "model": row.of.model,
        "agrees": row.agrees,
        "ledger": asdict(row.ledger),
        "provider": asdict(row.provider),
    }


def _print_what_if(rows: "Sequence[WhatIf]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from observability.pricing.money import percent, usd
    from observability.reports.what_if import total_of
    from observability.terminal import cell, output_width

    table = Table(title="The recorded usage elsewhere", box=box.SIMPLE_HEAD)
    for name in ("deployment", "instead"):
        table.add_column(name, overflow="fold")
    for name in ("requests", "cost", "would cost", "saves"):
        table.add_column(name, justify="right")
    for row in rows:
        would, saves = "unpriced", ""
        if row.cost is not None:
            would, saves = usd(row.cost), percent(row.billed.cost - row.cost, row.billed.cost)
        instead = row.instead.deployment or row.instead.model
        served = cell(row.billed.deployment), cell(instead), f"{row.billed.requests:,}"
        table.add_row(*served, usd(row.billed.cost), would, saves)
    total = total_of(rows)
    now, then = total.cost, total.instead
    table.add_section()
    table.add_row("priced", "", "", usd(now), usd(then), percent(now - then, now), style="bold")
    console = Console(width=output_width())
    console.print(table)
    if total.unpriced:
        console.print(f"{total.unpriced} without a price instead are in neither sum")


def _print_differences(rows: "Sequence[BillDifference]", skipped: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from observability.pricing.money import usd
    from observability.terminal import cell, output_width

    table = Table(title="Ledger and provider", box=box.SIMPLE_HEAD)
    table.add_column("day", no_wrap=True)
    table.add_column("model", overflow="fold")
    for name in ("input", "theirs", "output", "theirs", "cost", "theirs", ""):
        table.add_column(name, justify="right")
    for row in rows:
        ours, theirs = row.ledger, row.provider
        costs = (
            "" if cost is None else usd(cost)
            for cost in (ours.cost_micro_usd, theirs.cost_micro_usd)
        )
        table.add_row(
            row.of.day.isoformat(),
            cell(row.of.model or "all"),
            *(f"{n:,}" for n in (ours.input, theirs.input, ours.output, theirs.output)),
            *costs,
            "" if row.agrees else "differs",
        )
    console = Console(width=output_width())
    console.print(table)
    if skipped:
        console.print(f"{skipped} lines of the export couldn't be read and are left out")
