"""Command line of the ledger, its reports, and the live page.

python -m observability ledger                       book usage events as they come
python -m observability report --by tenant,model     what it cost and what was saved
python -m observability waste                        what to change, and what that saves
"""

import argparse
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import get_args

from observability import commands
from observability.commands import COMMAND_ERRORS, ReportOptions
from observability.reports.commands import ReportForm
from observability.reports.cost import DIMENSIONS


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 with a sentence on what to change."""
    options = _parser().parse_args(argv)
    try:
        _run(options)
    except COMMAND_ERRORS as error:
        print(f"observability: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _run(options: argparse.Namespace) -> None:
    match options.command:
        case "ledger":
            commands.book_usage(once=options.once, ledger=options.ledger)
        case "serve":
            commands.serve_page(host=options.host, port=options.port)
        case "report":
            groups = commands.group_names(options.by)
            commands.report_cost(_report(options), by=groups, shared_usd=options.shared_usd)
        case "waste":
            commands.report_waste(_report(options))
        case _:
            commands.report_quality(_report(options))


def _report(options: argparse.Namespace) -> ReportOptions:
    return ReportOptions(
        since=options.since,
        until=options.until,
        form=options.format,
        out=options.out,
        ledger=options.ledger,
    )


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
    _add_report(report)
    names = ", ".join(DIMENSIONS)
    report.add_argument("--by", default="tenant", help=f"comma-separated: {names}, tag:NAME")
    report.add_argument("--shared-usd", type=_dollars, help="platform cost to charge back by use")
    _add_report(commands_of.add_parser("waste", help="what to change, and what it saves a month"))
    _add_report(
        commands_of.add_parser("quality", help="answers that their context doesn't support")
    )
    serve = commands_of.add_parser("serve", help="the live page")
    serve.add_argument("--port", type=int, default=8090, help="0: any free one")
    serve.add_argument("--host", default="127.0.0.1")
    return parser


def _dollars(text: str) -> Decimal:
    try:
        return commands.dollars(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_ledger(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ledger", "--file", help="a DuckDB file or a store's URL (default: SWITCHGEAR_LEDGER)"
    )


def _add_report(parser: argparse.ArgumentParser) -> None:
    _add_ledger(parser)
    parser.add_argument("--format", choices=get_args(ReportForm), default="table")
    parser.add_argument(
        "--since", default="30d", help="90s, 24h, 30d, 2w, 2026-03-01 (default: 30d)"
    )
    parser.add_argument("--until", help="the same forms (default: now)")
    parser.add_argument("--out", type=Path, help="write here instead of to the terminal")


if __name__ == "__main__":
    sys.exit(main())
