"""The ledger, its reports, and the live page.

python -m observability ledger                       book usage events as they come
python -m observability report --by tenant,model     what it cost and what was saved
python -m observability waste                        what to change, and what that saves
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from pydantic import SecretStr, ValidationError
from rich.console import Console

from observability import process
from observability.ledger.ingest import Feed
from observability.ledger.ledger import Ledger, LedgerError
from observability.ledger.stores import ledger_at
from observability.logs import start_logging
from observability.metrics.prometheus_endpoint import scrape_endpoint
from observability.metrics.registry import MetricsRegistry
from observability.pricing.money import MICRO_USD
from observability.reports import commands
from observability.reports.cost import DIMENSIONS, UnknownDimensionError
from observability.settings import ObservabilitySettings

_FILE_WIDTH: Final = 160


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 with a sentence on what to change."""
    options = _parser().parse_args(argv)
    try:
        settings = ObservabilitySettings()
        if getattr(options, "ledger", None) is not None:
            settings = settings.model_copy(update={"ledger": SecretStr(options.ledger)})
        run = {
            "ledger": _ledger,
            "report": _report,
            "waste": _waste,
            "quality": _quality,
            "serve": _serve,
        }[options.command]
        run(options, settings)
    except (ValueError, ValidationError, UnknownDimensionError, LedgerError, OSError) as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return 130
    return 0


def _refuse(why: str) -> int:
    print(f"observability: {why}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m observability",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands_of = parser.add_subparsers(dest="command", required=True)
    ledger = commands_of.add_parser("ledger", help="book usage events into the ledger")
    _add_ledger(ledger)
    ledger.add_argument("--once", action="store_true", help="stop when all events are booked")
    report = commands_of.add_parser("report", help="cost and savings")
    _add_period(report)
    names = ", ".join(DIMENSIONS)
    report.add_argument("--by", default="tenant", help=f"comma-separated: {names}, tag:NAME")
    report.add_argument("--format", choices=("table", "csv", "json", "html"), default="table")
    report.add_argument("--shared-usd", type=_usd, help="platform cost to charge back by use")
    waste = commands_of.add_parser("waste", help="what to change, and what that saves a month")
    _add_period(waste)
    waste.add_argument("--format", choices=("table", "json"), default="table")
    quality = commands_of.add_parser("quality", help="answers that their context doesn't support")
    _add_period(quality)
    quality.add_argument("--format", choices=("table", "json"), default="table")
    serve = commands_of.add_parser("serve", help="the live page")
    serve.add_argument("--port", type=int, default=8090, help="0: any free one")
    serve.add_argument("--host", default="127.0.0.1")
    return parser


def _usd(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is no amount: write it as 1200.50")
    return amount


def _add_ledger(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ledger", "--file", help="a DuckDB file or a store's URL (default: SWITCHGEAR_LEDGER)"
    )


def _add_period(parser: argparse.ArgumentParser) -> None:
    _add_ledger(parser)
    parser.add_argument(
        "--since", default="30d", help="90s, 24h, 30d, 2w, 2026-03-01 (default: 30d)"
    )
    parser.add_argument("--until", help="the same forms (default: now)")
    parser.add_argument("--out", type=Path, help="write here instead of to the terminal")


def _ledger_of(settings: ObservabilitySettings) -> Ledger:
    return ledger_at(settings.ledger.get_secret_value())


def _ledger(options: argparse.Namespace, settings: ObservabilitySettings) -> None:
    start_logging(settings.log_level, out=sys.stderr)
    ledger = _ledger_of(settings)
    asyncio.run(_book(ledger, settings, until_caught_up=options.once))
    totals = ledger.totals()
    print(
        f"{totals.requests} requests, {totals.cost} micro-dollars,"
        f" {totals.unpriced} unpriced, {totals.unreadable} unreadable"
    )


async def _book(ledger: Ledger, settings: ObservabilitySettings, *, until_caught_up: bool) -> None:
    metrics = MetricsRegistry()
    async with AsyncExitStack() as stack:
        if settings.metrics_port is not None:
            stack.enter_context(scrape_endpoint(metrics, settings.metrics_port))
        consumer = await stack.enter_async_context(process.usage_consumer(settings, "earliest"))
        await Feed(consumer, ledger, metrics).run(until_caught_up=until_caught_up)


def _serve(options: argparse.Namespace, settings: ObservabilitySettings) -> None:
    start_logging(settings.log_level, out=sys.stderr)
    asyncio.run(process.serve_live(settings, options.host, options.port))


def _report(options: argparse.Namespace, settings: ObservabilitySettings) -> None:
    wanted = commands.ReportOptions(
        by=tuple(name.strip() for name in options.by.split(",") if name.strip()),
        since=options.since,
        until=options.until,
        form=options.format,
        shared_micro_usd=None if options.shared_usd is None else options.shared_usd * MICRO_USD,
    )
    with _output(options.out) as console:
        commands.show_report(_ledger_of(settings), wanted, _now_ms(), console)


def _waste(options: argparse.Namespace, settings: ObservabilitySettings) -> None:
    wanted = commands.ReportOptions(since=options.since, until=options.until, form=options.format)
    with _output(options.out) as console:
        commands.show_waste(_ledger_of(settings), wanted, _now_ms(), console)


def _quality(options: argparse.Namespace, settings: ObservabilitySettings) -> None:
    wanted = commands.ReportOptions(since=options.since, until=options.until, form=options.format)
    with _output(options.out) as console:
        commands.show_quality(_ledger_of(settings), wanted, _now_ms(), console)


@contextmanager
def _output(out: Path | None) -> Iterator[Console]:
    # no markup: what a caller wrote into a tag is shown as it is
    if out is None:
        yield Console(markup=False, emoji=False)
        return
    with out.open("w", encoding="utf-8") as file:
        yield Console(file=file, width=_FILE_WIDTH, markup=False, emoji=False)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
