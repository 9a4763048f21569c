"""Cache commands: stats, invalidate, calibrate and judge."""

import sys
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from switchgear.invocation import PARTIAL
from switchgear.options import ConfigOption, FormatOption, JsonFlag

TenantOption: TypeAlias = Annotated[str, typer.Option(help="Whose cache.")]
RedisOption: TypeAlias = Annotated[
    str | None, typer.Option(help="redis://…; default: SWITCHGEAR_REDIS.")
]


def stats(
    tenant: TenantOption,
    format: FormatOption = "table",
    json: JsonFlag = False,
    redis: RedisOption = None,
    config: ConfigOption = None,
) -> None:
    """Show what a tenant's cache holds, and whether each step keeps its promise."""
    import asyncio

    from cache.commands.stats import TenantStats, as_json, print_stats, tenant_stats
    from cache.commands.surroundings import cache_settings, redis_client

    async def read() -> TenantStats:
        async with redis_client(redis) as client:
            return await tenant_stats(client, settings, tenant)

    settings = cache_settings(config)
    found = asyncio.run(read())
    if json or format == "json":
        print(as_json(found))
        return
    from rich.console import Console

    print_stats(found, Console())


def invalidate(
    tenant: TenantOption,
    tag: Annotated[str | None, typer.Option(help="What was kept under a tag.")] = None,
    scope: Annotated[str | None, typer.Option(help="What was kept in a caller's scope.")] = None,
    entry: Annotated[
        str | None, typer.Option(help="One entry, as a reply's `cache.entry` names it.")
    ] = None,
    all: Annotated[bool, typer.Option("--all", help="All of the tenant.")] = False,
    redis: RedisOption = None,
    config: ConfigOption = None,
) -> None:
    """Forget answers, at once and on all workers."""
    import asyncio

    from cache.commands.invalidate import invalidate_entries, render_count
    from cache.commands.surroundings import cache_settings, redis_client
    from cache.storage.invalidation import Invalidation

    async def forget() -> int:
        async with redis_client(redis) as client:
            return await invalidate_entries(client, settings, what)

    if sum((tag is not None, scope is not None, entry is not None, all)) != 1:
        raise typer.BadParameter("what? exactly one of --tag, --scope, --entry and --all")
    what = Invalidation(tenant=tenant, tag=tag, scope=scope, entry=entry, everything=all)
    settings = cache_settings(config)
    print(render_count(asyncio.run(forget())))


def calibrate(
    source: Annotated[
        Path, typer.Option("--input", help='JSON Lines of {"a", "b", "same": 0 or 1}.')
    ],
    output: Annotated[Path, typer.Option(help="Where the points go.")] = Path(
        "var/operating_points.json"
    ),
    config: ConfigOption = None,
) -> None:
    """Find operating points on labelled pairs."""
    from cache.commands import calibrate as command
    from cache.commands.surroundings import cache_settings

    calibration = command.calibrate(cache_settings(config), source)
    command.write_operating_points(calibration, output)
    print("\n".join(command.render_calibration(calibration, output)))


def judge(
    source: Annotated[Path, typer.Option("--input", help='JSON Lines of {"a", "b"}.')],
    output: Annotated[Path, typer.Option(help="The lines with score, hit and reason.")],
    target: Annotated[
        float | None, typer.Option(help="False-hit rate; default: the configured one.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Say which pairs share an answer.

    Exit code 1 when some lines were no pairs.
    """
    from cache.commands.judge import judge_pairs, render_problems, render_summary
    from cache.commands.surroundings import cache_settings

    summary = judge_pairs(cache_settings(config), source, output, target)
    for problem in render_problems(summary):
        print(problem, file=sys.stderr)
    print(render_summary(summary))
    if summary.bad_lines:
        raise typer.Exit(PARTIAL)
