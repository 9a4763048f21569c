"""Command line of the cache: judge pairs, calibrate, show statistics, invalidate.

python -m cache judge --input pairs.jsonl --output judged.jsonl [--target 0.05]
python -m cache calibrate --input labelled.jsonl
python -m cache stats --tenant acme
python -m cache invalidate --tenant acme (--tag docs | --scope S | --entry ID | --all)
"""

import argparse
import asyncio
import sys
from pathlib import Path

from pydantic import ValidationError

from cache.commands.calibrate import calibrate, render_calibration, write_operating_points
from cache.commands.invalidate import invalidate_entries, render_count
from cache.commands.judge import judge_pairs, render_problems, render_summary
from cache.commands.stats import render_stats, tenant_stats
from cache.commands.surroundings import CommandError, cache_settings, redis_client
from cache.storage.invalidation import Invalidation


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 done, 2 not done."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "judge":
                _judge(options)
            case "calibrate":
                _calibrate(options)
            case "stats":
                asyncio.run(_stats(options))
            case _:
                asyncio.run(_invalidate(options))
    except CommandError as error:
        print(f"python -m cache {options.command}: {error}", file=sys.stderr)
        return 2
    return 0


def _judge(options: argparse.Namespace) -> None:
    settings = cache_settings(options.config)
    summary = judge_pairs(settings, options.input, options.output, options.target)
    for problem in render_problems(summary):
        print(problem, file=sys.stderr)
    print(render_summary(summary))


def _calibrate(options: argparse.Namespace) -> None:
    calibration = calibrate(cache_settings(options.config), options.input)
    write_operating_points(calibration, options.output)
    print("\n".join(render_calibration(calibration, options.output)))


async def _stats(options: argparse.Namespace) -> None:
    settings = cache_settings(options.config)
    async with redis_client(options.redis) as redis:
        print(render_stats(await tenant_stats(redis, settings, options.tenant)))


async def _invalidate(options: argparse.Namespace) -> None:
    settings = cache_settings(options.config)
    try:
        what = Invalidation(
            tenant=options.tenant,
            tag=options.tag,
            scope=options.scope,
            entry=options.entry,
            everything=options.all,
        )
    except ValidationError as error:
        raise CommandError(str(error)) from None
    async with redis_client(options.redis) as redis:
        print(render_count(await invalidate_entries(redis, settings, what)))


def _parser() -> argparse.ArgumentParser:
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m cache", description=summary)
    parser.add_argument("--config", type=Path, help="default: SWITCHGEAR_CONFIG")
    kinds = parser.add_subparsers(dest="command", required=True)

    judge = kinds.add_parser("judge", help="say which pairs share an answer")
    judge.add_argument("--input", type=Path, required=True, help='JSON Lines of {"a", "b"}')
    judge.add_argument("--output", type=Path, required=True)
    judge.add_argument("--target", type=float, help="false-hit rate; default: the configured one")

    points = kinds.add_parser("calibrate", help="find the operating points")
    points.add_argument("--input", type=Path, required=True, help='{"a", "b", "same": 0 or 1}')
    points.add_argument("--output", type=Path, default=Path("var/operating_points.json"))

    stats = kinds.add_parser("stats", help="show what a tenant's cache holds")
    forget = kinds.add_parser("invalidate", help="forget kept answers")
    for parser_of_tenant in (stats, forget):
        parser_of_tenant.add_argument("--tenant", required=True)
        parser_of_tenant.add_argument("--redis", help="redis://…; default: SWITCHGEAR_REDIS")
    what = forget.add_mutually_exclusive_group(required=True)
    what.add_argument("--tag", help="what was kept under a tag")
    what.add_argument("--scope", help="what was kept in a caller's scope")
    what.add_argument("--entry", help="one entry, as a reply's `cache.entry` names it")
    what.add_argument("--all", action="store_true", help="all of the tenant")
    return parser


if __name__ == "__main__":
    sys.exit(main())
