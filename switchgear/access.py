"""Access command: who may do what in Kafka."""

import json
from typing import Annotated, Literal

import typer

from switchgear.options import ConfigOption, catalog_of, service_settings


def acl(
    principal: Annotated[
        list[str] | None,
        typer.Option(help="Only of these, e.g. router, or a tenant's name; may be repeated."),
    ] = None,
    user_prefix: Annotated[
        str, typer.Option(help="What goes before a tenant's name in its user's, e.g. tenant-.")
    ] = "",
    format: Annotated[
        Literal["table", "commands", "json"], typer.Option(help="commands: of kafka-acls.sh.")
    ] = "table",
    apply: Annotated[bool, typer.Option("--apply", help="Add them to the cluster.")] = False,
    config: ConfigOption = None,
) -> None:
    """Say which principal may do what on which topic and group: Kafka's ACLs."""
    import asyncio
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from observability.terminal import output_width
    from runtime.consuming.access_admin import acl_command, apply_access_rules
    from runtime.consuming.access_rules import access_rules

    settings = service_settings(config)
    wanted = {f"User:{name}" for name in principal or ()}
    rules = [
        rule
        for rule in access_rules(catalog_of(settings), user_prefix)
        if not wanted or rule.principal in wanted
    ]
    if missing := wanted - {rule.principal for rule in rules}:
        raise typer.BadParameter(f"nobody is called {', '.join(sorted(missing))}")
    if format == "json":
        print(json.dumps([asdict(rule) for rule in rules], indent=2))
    elif format == "commands":
        for rule in rules:
            print(acl_command(rule, settings.kafka))
    else:
        table = Table("principal", "operation", "resource", "name")
        for rule in rules:
            name = f"{rule.name}*" if rule.prefixed else rule.name
            table.add_row(rule.principal, rule.operation, rule.resource, name)
        Console(width=output_width()).print(table)
    if apply:
        print(f"{asyncio.run(apply_access_rules(settings, rules))} rules are in force")
