"""Dead-letter commands: list, show and replay."""

import sys
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from switchgear.invocation import PARTIAL
from switchgear.options import FormatOption, JsonFlag, SinceOption, UntilOption, service_settings

if TYPE_CHECKING:
    from runtime.process.dead_letters import DeadLetterFilter, LetterOffset
    from workers.commands.dead_letters import ReplayOptions

_MOST_ROWS: Final = 1_000
"""Of a table: one of a hundred thousand rows takes minutes to lay out."""


def _place(text: str) -> "LetterOffset":
    from runtime.process.dead_letters import LetterOffset

    try:
        return LetterOffset.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


ReasonOption: TypeAlias = Annotated[
    str | None, typer.Option(help="A failure code, e.g. invalid_request.")
]
TenantOption: TypeAlias = Annotated[str | None, typer.Option(help="One tenant's letters.")]


def list_letters(
    reason: ReasonOption = None,
    tenant: TenantOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    format: FormatOption = "table",
    as_json: JsonFlag = False,
) -> None:
    """List what lies there, without its content."""
    import asyncio

    from rich.console import Console

    from observability.terminal import output_width
    from runtime.process.dead_letters import DeadLetterFilter
    from workers.commands.dead_letters import dead_letters, dead_letters_json, dead_letters_table

    wanted = DeadLetterFilter(reason, tenant, since, until)
    letters = asyncio.run(dead_letters(service_settings(None), wanted))
    if as_json or format == "json":
        print(dead_letters_json(letters))
    else:
        Console(width=output_width()).print(dead_letters_table(letters[-_MOST_ROWS:]))
        older = len(letters) - _MOST_ROWS
        more = f"; {older} older ones aren't shown: choose, or --format json" if older > 0 else ""
        print(f"{len(letters)} dead letters{more}")


def show(
    place: Annotated[str, typer.Argument(help="partition:offset, as in the list.")],
    content: Annotated[
        bool, typer.Option("--content", help="The content too; it may hold a prompt.")
    ] = False,
) -> None:
    """Show one letter: its headers, its reason, its place."""
    import asyncio

    from workers.commands.dead_letters import contents_json, dead_letter_contents

    contents = asyncio.run(dead_letter_contents(service_settings(None), _place(place)))
    print(contents_json(contents, with_value=content))


def replay(
    places: Annotated[list[str] | None, typer.Argument(help="partition:offset …")] = None,
    reason: ReasonOption = None,
    tenant: TenantOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    all: Annotated[bool, typer.Option("--all", help="Every one not replayed yet.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also those replayed before.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    past_router: Annotated[
        bool,
        typer.Option("--past-router", help="To the queue where each lay, without the router."),
    ] = False,
    unsigned: Annotated[
        bool,
        typer.Option("--unsigned", help="Also letters from before there was a router key."),
    ] = False,
) -> None:
    """Send letters on their way again, through the router.

    Exit code 1 when some had to be left alone.
    """
    import asyncio

    from runtime.process.dead_letters import DeadLetterFilter
    from workers.commands.dead_letters import ReplayOptions

    chosen = frozenset(map(_place, places or ()))
    wanted = DeadLetterFilter(reason, tenant, since, until, chosen or None, replayed=again)
    options = ReplayOptions(all, dry_run, past_router, unsigned)
    left_alone = asyncio.run(_replay(wanted, options))
    if left_alone:
        raise typer.Exit(PARTIAL)


async def _replay(wanted: "DeadLetterFilter", options: "ReplayOptions") -> int:
    """How many letters were left alone; a line for each as it happens."""
    from workers.commands.dead_letters import NotReplayed, replay_dead_letters, replay_line

    replayed = left_alone = 0
    results = replay_dead_letters(service_settings(None), wanted, options)
    async for result in results:
        if isinstance(result, NotReplayed):
            left_alone += 1
            print(replay_line(result), file=sys.stderr)
        else:
            replayed += 1
            print(replay_line(result))
    print(f"{replayed} {'would be replayed' if options.dry_run else 'replayed'}")
    return left_alone
