"""Commands on what is known: models, provider presets, prices."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

import typer

from switchgear.invocation import REFUSED
from switchgear.options import ConfigOption, FormatOption, configured_catalog

if TYPE_CHECKING:
    from runtime.config.catalog import Deployment
    from runtime.config.pricing import Pricing

Row: TypeAlias = Mapping[str, object]
_MODEL_COLUMNS: Final = ("model", "family", "window", "output", "capabilities", "class", "retired")


def list_models(config: ConfigOption = None, format: FormatOption = "table") -> None:
    """Known models, and where the configuration runs them."""
    from runtime.known.tables import known_tables

    known, catalog = known_tables(), configured_catalog(config)
    places: dict[str, list[str]] = {}
    for name, deployment in catalog.deployments.items():
        places.setdefault(deployment.model, []).append(name)
    rows = [
        {
            "model": name,
            "family": model.family,
            "window": model.context_window,
            "output": model.max_output,
            "capabilities": [*model.capabilities, *(["batch"] if model.batch else [])],
            "class": model.quality_class,
            "cacheable_prefix": model.cacheable_prefix,
            "retired": {
                at: f"{gone.since}, {gone.successor}" for at, gone in model.retired.items()
            },
            "deployments": places.get(name, []),
        }
        for name, model in known.models.items()
    ]
    _print(rows, (*_MODEL_COLUMNS, "deployments"), format, f"Known models, as of {known.as_of}")


def list_providers(format: FormatOption = "table") -> None:
    """Provider presets: what the line of a deployment need not say."""
    from runtime.known.tables import known_tables

    rows = [
        {
            "provider": name,
            "dialect": preset.dialect,
            "address": preset.base_url or "yours",
            "address_variable": preset.base_url_env,
            "key_variable": preset.api_key_env or "",
            "zone": preset.zones.get("*") or ("by region" if preset.zones else "say it"),
        }
        for name, preset in known_tables().providers.items()
    ]
    columns = ("provider", "dialect", "address", "address_variable", "key_variable", "zone")
    _print(rows, columns, format, "Provider presets")


def check_models(config: ConfigOption = None) -> None:
    """Retired models, models that aren't known, and a table that is old."""
    from runtime.config.known_findings import findings
    from runtime.known.tables import known_tables

    number = 0
    for finding in findings(configured_catalog(config), known_tables(), _today()):
        number += 1
        print(f"{finding.where}: {finding.what}")
    print(f"{number} to look at" if number else "nothing to look at")


def list_prices(config: ConfigOption = None, format: FormatOption = "table") -> None:
    """Today's price of each deployment, USD per million tokens, and which list says so."""
    catalog, pricing = configured_catalog(config), _pricing()
    rows = [
        {"deployment": name, "model": deployment.model, **_price_row(deployment, pricing)}
        for name, deployment in catalog.deployments.items()
    ]
    columns = ("deployment", "model", "input", "cached", "output", "batch", "list")
    _print(rows, columns, format, "USD per million tokens")


def check_prices(config: ConfigOption = None) -> None:
    """Deployments without a price, and lists that are older than 90 days. Exit 1 if unpriced."""
    from observability.pricing.prices import Unpriced
    from runtime.config.known_findings import STALE_AFTER

    catalog, pricing = configured_catalog(config), _pricing()
    unpriced, lists = 0, set()
    for name, deployment in catalog.deployments.items():
        if deployment.price is not None:
            continue
        match pricing.listed(deployment):
            case Unpriced(reason=reason):
                unpriced += 1
                print(f"{name}: {reason}")
            case _, version:
                lists.add(version)
    for version in sorted(lists):
        source, _, edition = version.partition(":")
        age = _age(edition)
        if source == "own" and age is not None and age > STALE_AFTER.days:
            print(f"prices of {edition} are {age} days old: update Switchgear")
    print(f"{unpriced} without a price; lists: {', '.join(sorted(lists)) or 'none'}")
    if unpriced:
        raise typer.Exit(REFUSED)


def _price_row(deployment: "Deployment", pricing: "Pricing") -> Row:
    from observability.pricing.prices import Unpriced

    if deployment.price is not None:
        return {"list": "the deployment's own"}
    listed, batch = pricing.listed(deployment), pricing.listed(deployment, "batch")
    if isinstance(listed, Unpriced):
        return {"list": "none"}
    rates, version = listed
    return {
        "input": _number(rates.input),
        "cached": _number(rates.cache_read),
        "output": _number(rates.output),
        "batch": "" if isinstance(batch, Unpriced) else _pair(batch[0].input, batch[0].output),
        "list": version,
    }


def _number(usd: Decimal) -> str:
    return f"{usd.normalize():f}"


def _pair(first: Decimal, second: Decimal) -> str:
    return f"{_number(first)} / {_number(second)}"


def _pricing() -> "Pricing":
    from observability.price_lists import load_price_book
    from runtime.config.pricing import Pricing

    return Pricing(load_price_book())


def _today() -> date:
    return datetime.now(UTC).date()


def _age(edition: str) -> int | None:
    try:
        return (_today() - date.fromisoformat(edition)).days
    except ValueError:
        return None


def _print(rows: Iterable[Row], columns: tuple[str, ...], format: str, title: str) -> None:
    if format == "json":
        print(json.dumps(list(rows), indent=2, default=str))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from observability.terminal import cell, output_width

    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(cell(_text(row.get(column, ""))) for column in columns))
    Console(width=output_width()).print(table)


def _text(value: object) -> str:
    match value:
        case list():
            return ", ".join(map(str, value))
        case dict():
            return "; ".join(f"{key}: {word}" for key, word in value.items())
        case int():
            return f"{value:,}"
        case _:
            return str(value)
