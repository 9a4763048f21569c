"""Commands of the ledger and its reports: plain functions that any command line can mount.

They print or write a file, and raise one of COMMAND_ERRORS, whose text is a sentence for people.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from rich.console import Console

from observability import process
from observability.health import ProcessHealth
from observability.ledger.ingest import Feed, Genuine
from observability.ledger.ledger import Ledger, LedgerError, LedgerReader
from observability.ledger.stores.selection import ledger_at
from observability.logs import start_logging
from observability.metrics.registry import MetricsRegistry
from observability.pricing.money import MICRO_USD
from observability.reports import commands
from observability.reports.commands import ReportForm, ReportQuery
from observability.reports.cost import UnknownDimensionError
from observability.reports.past_request import (
    past_requests,
    past_requests_json,
    print_past_requests,
)
from observability.reports.period import ReportPeriod, period
from observability.settings import ObservabilitySettings
from observability.terminal import output_width
from observability.topic_wait import topics_exist
from producers.contract.topics import USAGE

COMMAND_ERRORS: Final = (ValueError, UnknownDimensionError, LedgerError, OSError)
"""What a command raises for a setting, an option, a store or a file that isn't as it must be."""
_FILE_WIDTH: Final = 160
"""Columns of a table that is written to a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What all reports can be told."""

    since: str = "30d"
    """`90s`, `24h`, `30d`, `2w` (ago) or an ISO 8601 time."""
    until: str | None = None
    """The same forms; None: now."""
    form: ReportForm = "table"
    out: Path | None = None
    """The file to write; None: the terminal."""
    ledger: str | None = None
    """A DuckDB file or a store's URL; None: SWITCHGEAR_LEDGER."""


def book_usage(
    *, once: bool = False, ledger: str | None = None, genuine: Genuine | None = None
) -> None:
    """Book usage events as they come until SIGTERM; with `once` until all there are are booked.

    Raises InterruptedError if that was cut short.

    genuine: which records are a worker's; None: all.
    """
    settings = _settings(ledger)
    start_logging(settings.log_level, out=sys.stderr)
    account = _ledger(settings)
    asyncio.run(_book(account, settings, genuine, until_caught_up=once))
    totals = account.totals()
    print(  # noqa: T201 (a command's result)
        f"{totals.requests} requests, {totals.cost} micro-dollars,"
        f" {totals.unpriced} unpriced, {totals.unreadable} unreadable"
    )


def report_cost(
    options: ReportOptions, *, by: Sequence[str] = ("tenant",), shared_usd: Decimal | None = None
) -> None:
    """Cost and savings by group. shared_usd: the platform's cost, charged back by use."""
    shared = None if shared_usd is None else shared_usd * MICRO_USD
    query = ReportQuery(
        since=options.since,
        until=options.until,
        form=options.form,
        by=tuple(by),
        shared_micro_usd=shared,
    )
    account = _ledger(_settings(options.ledger))
    with _output(options.out) as console:
        commands.show_cost(account, query, _now_ms(), console)


def report_waste(options: ReportOptions) -> None:
    """What to change, and what that saves a month."""
    account = _ledger(_settings(options.ledger))
    with _output(options.out) as console:
        commands.show_waste(account, _query(options), _now_ms(), console)


def report_quality(options: ReportOptions) -> None:
    """How often each model says what its context doesn't support."""
    account = _ledger(_settings(options.ledger))
    with _output(options.out) as console:
        commands.show_quality(account, _query(options), _now_ms(), console)


def ledger_reading(ledger: str | None = None) -> AbstractContextManager[LedgerReader]:
    """The ledger of an option, else of SWITCHGEAR_LEDGER, for one who reads it."""
    return _ledger(_settings(ledger)).reading()


def report_period(since: str, until: str | None) -> ReportPeriod:
    """The period of a report's options. ValueError, with the right forms."""
    return period(since, until, _now_ms())


def explain_past_request(
    request_id: str, tenant: str | None, *, as_json: bool, ledger: str | None = None
) -> bool:
    """Print what the ledger says of a request; False when it knows none of that id."""
    with _ledger(_settings(ledger)).reading() as db:
        found = past_requests(db, request_id, tenant)
    with _output(None) as console:
        if as_json:
            console.print(past_requests_json(found), markup=False, highlight=False, soft_wrap=True)
        else:
            print_past_requests(found, console)
    return bool(found)


def serve_page(
    *, host: str = "127.0.0.1", port: int = 8090, genuine: Genuine | None = None
) -> None:
    """Serve the live page until interrupted. port 0: any free one; the address is printed.

    genuine: as for `book_usage`.
    """
    settings = ObservabilitySettings()
    start_logging(settings.log_level, out=sys.stderr)
    asyncio.run(process.serve_live(settings, host, port, genuine))


def dollars(text: str) -> Decimal:
    """An amount as an option gives it, such as `1200.50`. ValueError for anything else."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite():
        raise ValueError(f"{text!r} is no amount: write it as 1200.50")
    return amount


def group_names(text: str) -> tuple[str, ...]:
    """The groups of an option, separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _settings(ledger: str | None) -> ObservabilitySettings:
    settings = ObservabilitySettings()
    if ledger is None:
        return settings
    return settings.model_copy(update={"ledger": SecretStr(ledger)})


def _ledger(settings: ObservabilitySettings) -> Ledger:
    return ledger_at(settings.ledger.get_secret_value())


async def _book(
    ledger: Ledger,
    settings: ObservabilitySettings,
    genuine: Genuine | None,
    *,
    until_caught_up: bool,
) -> None:
    metrics, health = MetricsRegistry(), ProcessHealth()
    async with process.watched_process(settings, metrics, health) as stop:
        if await topics_exist(settings, (USAGE,), health, stop):
            async with process.usage_consumer(settings, "earliest") as consumer:
                feed = Feed(
                    consumer, ledger, metrics, genuine=genuine, health=health, zone=settings.zone
                )
                await feed.run(stop, until_caught_up=until_caught_up)
    if until_caught_up and stop.is_set():
        raise InterruptedError("stopped before all events were booked")


def _query(options: ReportOptions) -> ReportQuery:
    return ReportQuery(since=options.since, until=options.until, form=options.form)


@contextmanager
def _output(out: Path | None) -> Iterator[Console]:
    # no markup: what a caller wrote into a tag is shown as it is
    if out is None:
        yield Console(width=output_width(), markup=False, emoji=False)
        return
    with out.open("w", encoding="utf-8") as file:
        yield Console(file=file, width=_FILE_WIDTH, markup=False, emoji=False)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
