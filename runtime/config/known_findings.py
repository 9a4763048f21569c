"""Check of a catalogue against the table of known models: what should its operator look at?

Findings are no mistakes: the file works. They age with the table, so they aren't part of
`check_config`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from runtime.config.catalog import Catalog, Deployment
from runtime.known.tables import KnownTables, Retirement

STALE_AFTER: Final = timedelta(days=90)
"""Providers change prices and retire models several times a year."""
_PRICE_NAMES: Final = {"aws": "bedrock"}
"""Presets that the price book calls otherwise; retirements are by preset."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A deployment, or the tables themselves, and what is to be done."""

    where: str
    what: str


def findings(catalog: Catalog, known: KnownTables, today: date) -> Iterator[Finding]:
    """Retired and unknown models, and tables that are older than `STALE_AFTER`."""
    if today - known.as_of > STALE_AFTER:
        yield Finding("the table of models", f"is of {known.as_of}; update Switchgear")
    for name, deployment in catalog.deployments.items():
        retired = retirement(deployment, known)
        if retired is not None and retired.since <= today:
            what = f"{deployment.model} was retired on {retired.since}; use {retired.successor}"
            yield Finding(f"deployments.{name}", what)
    for name in catalog.models:
        if name not in known.models:
            what = "isn't in the table of known models: its sizes are what the file says"
            yield Finding(f"models.{name}", what)


def retirement(deployment: Deployment, known: KnownTables) -> Retirement | None:
    """When the deployment's provider stops serving its model; None = no day is known."""
    model = known.models.get(deployment.model)
    provider = _PRICE_NAMES.get(deployment.provider, deployment.provider)
    return None if model is None else model.retired.get(provider)
