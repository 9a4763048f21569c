"""Cache commands: stats, invalidate, wrong, calibrate and judge."""

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

    from observability.terminal import output_width

    print_stats(found, Console(width=output_width()))


def invalidate(
    tenant: TenantOption,
    tag: Annotated[str | None, typer.Option(help="What was kept under a tag.")] = None,
    scope: Annotated[str | None, typer.Option(help="What was kept in a caller's scope.")] = None,
    entry: Annotated[
        str | None, typer.Option(help="One entry, as a reply's `cache.entry` names it.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="What requests with this `user` in their body bought.")
    ] = None,
    request: Annotated[str | None, typer.Option(help="What one request bought, by its id.")] = None,
    all: Annotated[bool, typer.Option("--all", help="All of the tenant.")] = False,
    redis: RedisOption = None,
    config: ConfigOption = None,
) -> None:
    """Forget answers, at once and on all workers."""
    given = {"tag": tag, "scope": scope, "entry": entry, "user": user, "request": request}
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) + all != 1:
        options = "--tag, --scope, --entry and --all, --user, --request"
        raise typer.BadParameter(f"what? exactly one of {options}")
    _forget({"tenant": tenant, "everything": all, **named}, redis, config)


def wrong(
    tenant: TenantOption,
    request: Annotated[str, typer.Option(help="The id of the request that got the answer.")],
    redis: RedisOption = None,
    config: ConfigOption = None,
) -> None:
    """Say that the cache gave a request a wrong answer.

    The answer is forgotten and never given to that question again. It counts against the step that
    found it.
    """
    _forget({"tenant": tenant, "request": request, "wrong": True}, redis, config)


def _forget(fields: dict[str, object], redis: str | None, config: Path | None) -> None:
    import asyncio

    from pydantic import ValidationError

    from cache.commands.invalidate import invalidate_entries, render_count
    from cache.commands.surroundings import CommandError, cache_settings, redis_client
    from producers.contract.invalidation import Invalidation

    try:
        what = Invalidation.model_validate(fields)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors()]
        raise CommandError("; ".join(problems)) from None

    async def forget() -> int:
        async with redis_client(redis) as client:
            return await invalidate_entries(client, settings, what)

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
