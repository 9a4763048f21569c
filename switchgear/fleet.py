"""Fleet commands: topics, status and breaker."""

import json
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from switchgear.options import ConfigOption, FormatOption, JsonFlag, catalog_of, service_settings

if TYPE_CHECKING:
    from workers.health.shared_state import SharedBreakerState

_STATES: Final["dict[str, SharedBreakerState]"] = {
    "open": "forced_open",
    "close": "forced_closed",
    "release": "closed",
}


def topics(format: FormatOption = "table", config: ConfigOption = None) -> None:
    """Create the topics that are missing."""
    import asyncio

    from runtime.consuming.topics_admin import create_missing_topics

    settings = service_settings(config)
    created = asyncio.run(
        create_missing_topics(
            settings,
            catalog_of(settings),
            partitions=settings.partitions,
            replication=settings.replication,
        )
    )
    if format == "json":
        print(json.dumps({"created": list(created)}))
    else:
        print(f"created: {', '.join(created)}" if created else "all topics are there")


def status(
    once: Annotated[bool, typer.Option("--once", help="Print it once; else it refreshes.")] = False,
    format: Annotated[
        Literal["table", "json"], typer.Option(help="json: printed once, for a program.")
    ] = "table",
    as_json: JsonFlag = False,
    config: ConfigOption = None,
) -> None:
    """Show breakers, limits, calls in flight and lag."""
    import asyncio

    from workers.commands.fleet_status import show_status

    settings = service_settings(config)
    as_json = as_json or format == "json"
    view = show_status(settings.redis, settings, catalog_of(settings), once=once, as_json=as_json)
    asyncio.run(view)


def breaker(
    action: Annotated[
        Literal["open", "close", "release"],
        typer.Argument(help="Call it no more, call it whatever happens, let outcomes decide."),
    ],
    name: Annotated[str, typer.Argument(help="A deployment, or a breaker's own name.")],
    config: ConfigOption = None,
) -> None:
    """Hold a breaker open or closed, or release it."""
    import asyncio
    import getpass

    from workers.commands.fleet_status import hold_breaker

    settings = service_settings(config)
    catalog, operator = catalog_of(settings), getpass.getuser()
    print(asyncio.run(hold_breaker(settings.redis, catalog, name, _STATES[action], operator)))
