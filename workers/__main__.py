"""`python -m workers`: a tier's worker pool, and what an operator needs around it.

python -m workers --tier economy              serve a tier: all its queues
python -m workers --tier economy --zone eu    serve what is bound to this zone (may be repeated)
python -m workers --tier economy --unbound    serve what is bound to no zone
python -m workers topics                      create what topics are missing
python -m workers dlq list | show | replay    look at dead letters and send them on again
python -m workers status                      breakers, limits, calls in flight, lag; refreshes
python -m workers breaker open NAME           call a deployment no more; also: close, release
"""

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Final, TypeAlias

import uvloop
from pydantic import ValidationError

from runtime.config.config_file import ConfigError, parse_config
from runtime.consuming.topics_admin import create_missing_topics
from runtime.process.settings import ServiceSettings
from workers.commands import dead_letters
from workers.commands.fleet_status import hold_breaker, show_status
from workers.health.shared_state import SharedBreakerState
from workers.process import Share, serve_tier

Command: TypeAlias = Callable[[argparse.Namespace, ServiceSettings], Coroutine[None, None, None]]
_USAGE: Final = 2
_HELD: Final[dict[str, SharedBreakerState]] = {
    "open": "forced_open",
    "close": "forced_closed",
    "release": "closed",
}


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 = done, 2 = the caller must change something (said on stderr)."""
    options = _parser().parse_args(arguments)
    try:
        run: Command = options.run
        uvloop.run(run(options, ServiceSettings()))
    except (ConfigError, ValidationError, OSError, ValueError, RuntimeError) as error:
        print(f"workers: {error}", file=sys.stderr)
        return _USAGE
    return 0


async def pool(options: argparse.Namespace, settings: ServiceSettings) -> None:
    """Serves one tier until told to stop."""
    if options.tier is None:
        raise ValueError("which tier? for example: python -m workers --tier economy")
    share = Share(tuple(options.zone), options.unbound)
    await serve_tier(settings, os.environ, options.tier, share)


async def topics(_options: argparse.Namespace, settings: ServiceSettings) -> None:
    """Creates the topics of the configuration."""
    catalog = parse_config(settings.config.read_text(encoding="utf-8"))
    created = await create_missing_topics(
        settings, catalog, partitions=settings.partitions, replication=settings.replication
    )
    print(f"created: {', '.join(created)}" if created else "all topics are there")


async def status(options: argparse.Namespace, settings: ServiceSettings) -> None:
    """Shows the fleet."""
    catalog = parse_config(settings.config.read_text(encoding="utf-8"))
    await show_status(settings.redis, settings, catalog, once=options.once, as_json=options.json)


async def breaker(options: argparse.Namespace, settings: ServiceSettings) -> None:
    """Holds a breaker, or lets it go."""
    catalog = parse_config(settings.config.read_text(encoding="utf-8"))
    state = _HELD[options.action]
    print(await hold_breaker(settings.redis, catalog, options.name, state, getpass.getuser()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--tier", help="the tier to serve")
    parser.add_argument(
        "--zone", action="append", default=[], help="only the queue of this zone; may be repeated"
    )
    parser.add_argument(
        "--unbound", action="store_true", help="only the queue of what no zone binds"
    )
    parser.set_defaults(run=pool)
    commands = parser.add_subparsers(title="commands")
    commands.add_parser("topics", help="create the topics").set_defaults(run=topics)
    dead_letters.add_commands(commands)
    shown = commands.add_parser("status", help="what the fleet looks like now")
    shown.add_argument("--once", action="store_true", help="print it once")
    shown.add_argument("--json", action="store_true", help="print it once, for a program")
    shown.set_defaults(run=status)
    held = commands.add_parser("breaker", help="hold a breaker open or closed")
    held.add_argument("action", choices=_HELD)
    held.add_argument("name", help="a deployment, or a breaker's own name")
    held.set_defaults(run=breaker)
    return parser


if __name__ == "__main__":
    sys.exit(main())
