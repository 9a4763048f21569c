"""Gateway key commands: create, list, revoke."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from switchgear.options import ConfigOption, FormatOption, service_settings

KeyNameArgument = Annotated[
    str, typer.Argument(help="Small letters, digits and hyphens; a part of the key.")
]
PerMinute = Annotated[int | None, typer.Option(min=1, help="At most so many a minute.")]
WriteOption = Annotated[
    bool, typer.Option("--write", help="Change the configuration file, its comments stay.")
]


def create(
    name: KeyNameArgument,
    tenant: Annotated[str, typer.Option(help="Who pays for its requests.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="chat, messages, models; may be repeated. Default: all")
    ] = None,
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day without it (UTC).")
    ] = None,
    rpm: PerMinute = None,
    tpm: PerMinute = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Requests at once.")] = None,
    write: WriteOption = False,
    config: ConfigOption = None,
) -> None:
    """Make an API key: it is shown once; its hash goes into `switchgear.yaml`, applied live."""
    import json
    import secrets
    from datetime import UTC

    from gateway.access.api_keys import hash_of, make_key
    from runtime.config.sections.gateway import GatewaySettings

    key = make_key(name, secrets.token_urlsafe(32))
    fields: dict[str, Any] = {
        "sha256": hash_of(key),
        "tenant": tenant,
        "scopes": scope or None,
        "expires": None if expires is None else expires.replace(tzinfo=UTC).isoformat(),
        "rpm": rpm,
        "tpm": tpm,
        "concurrency": concurrency,
    }
    entry = {field: value for field, value in fields.items() if value is not None}
    GatewaySettings.model_validate({"keys": {name: entry}})
    if write:
        _edit(service_settings(config).config, name, entry)
        print(f"The key, shown only now:\n\n{key}")
        return
    print(f"The key, shown only now:\n\n{key}\n\nIn switchgear.yaml, applied live:\n")
    print(f"gateway:\n  keys:\n    {name}: {json.dumps(entry)}")


def list_keys(format: FormatOption = "table", config: ConfigOption = None) -> None:
    """Show the keys: whose, what they open, until when, how much. Never the keys themselves."""
    import json
    from datetime import UTC

    from rich.console import Console
    from rich.table import Table

    from observability.terminal import output_width
    from runtime.config.config_file import parse_config

    path = service_settings(config).config
    keys = parse_config(path.read_text("utf-8"), path).gateway.keys
    if format == "json":
        shown = {
            name: key.model_dump(mode="json", exclude={"sha256"}) for name, key in keys.items()
        }
        print(json.dumps(shown, indent=2))
        return
    table = Table("key", "tenant", "opens", "until", "rpm", "tpm", "at once")
    for name, key in keys.items():
        until = "" if key.expires is None else f"{key.expires:%Y-%m-%d}"
        if key.expired(datetime.now(UTC)):
            until += " (over)"
        most = (str(most or "") for most in (key.rpm, key.tpm, key.concurrency))
        table.add_row(name, key.tenant, ", ".join(sorted(key.scopes)), until, *most)
    Console(width=output_width()).print(table)


def revoke(name: KeyNameArgument, config: ConfigOption = None) -> None:
    """Take a key out of the configuration file: every gateway refuses it within seconds."""
    path = service_settings(config).config
    _edit(path, name, None)
    print(f"{name} is revoked: {path} has it no more")


def _edit(path: Path, name: str, entry: dict[str, Any] | None) -> None:
    """Writes a key's entry, or removes it. The file is replaced as a whole, if it is good then.

    Raises ConfigError, OSError; ValueError for a key that is there already, or isn't.
    """
    import io

    from ruamel.yaml import YAML

    from runtime.config.config_file import parse_config

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    document = yaml.load(path.read_text("utf-8"))
    keys = document.setdefault("gateway", {}).setdefault("keys", {})
    if entry is None and name not in keys:
        raise ValueError(f"{path} has no key {name!r}; it has: {', '.join(keys) or 'none'}")
    if entry is not None and name in keys:
        raise ValueError(f"{path} has a key {name!r} already: revoke it first, or choose a name")
    if entry is None:
        del keys[name]
    else:
        keys[name] = entry
    text = io.StringIO()
    yaml.dump(document, text)
    parse_config(text.getvalue(), path)
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text.getvalue(), "utf-8")
    beside.chmod(path.stat().st_mode)
    beside.replace(path)
