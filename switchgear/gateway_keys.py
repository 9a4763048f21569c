"""Gateway key commands: create."""

from datetime import datetime
from typing import Annotated, Any

import typer

KeyNameArgument = Annotated[
    str, typer.Argument(help="Small letters, digits and hyphens; a part of the key.")
]
PerMinute = Annotated[int | None, typer.Option(min=1, help="At most so many a minute.")]


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
) -> None:
    """Make an API key: it is shown once; its hash goes into `switchgear.yaml`."""
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
    print(f"The key, shown only now:\n\n{key}\n\nIn switchgear.yaml, applied live:\n")
    print(f"gateway:\n  keys:\n    {name}: {json.dumps(entry)}")
