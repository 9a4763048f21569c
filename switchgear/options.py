"""Options that several commands share, and the readers of their values."""

import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    from runtime.config.catalog import Catalog
    from runtime.process.settings import ServiceSettings

ListFormat: TypeAlias = Literal["table", "json"]

ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="The configuration file; default: SWITCHGEAR_CONFIG, else switchgear.yaml here.",
    ),
]
FormatOption: TypeAlias = Annotated[ListFormat, typer.Option("--format", help="For whom.")]
JsonFlag: TypeAlias = Annotated[bool, typer.Option("--json", hidden=True, help="--format json")]


def moment_ms(text: str) -> int:
    """The Unix milliseconds of a time, in the grammar of every `--since`."""
    from observability.reports.period import moment

    try:
        return moment(text, time.time_ns() // 1_000_000)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def usd_amount(text: str) -> Decimal:
    """Dollars as an option gives them."""
    from observability.commands import dollars

    try:
        return dollars(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


SinceOption: TypeAlias = Annotated[
    int | None,
    typer.Option(parser=moment_ms, metavar="TIME", help="90s, 2h, 7d, 2w ago, or an ISO 8601 time"),
]
UntilOption: TypeAlias = Annotated[
    int | None, typer.Option(parser=moment_ms, metavar="TIME", help="As --since.")
]


def service_settings(config: Path | None) -> "ServiceSettings":
    """The `SWITCHGEAR_…` variables, with the file that `--config` names."""
    from runtime.process.settings import ServiceSettings

    return ServiceSettings() if config is None else ServiceSettings(config=config)


def catalog_of(settings: "ServiceSettings") -> "Catalog":
    """The catalogue of the settings' file. Raises ConfigError, OSError."""
    from runtime.config.config_file import read_config

    return read_config(settings.config)


def configured_catalog(config: Path | None) -> "Catalog":
    """The catalogue of the file that an option, or the environment, names."""
    from runtime.config.config_file import ConfigError, read_config

    try:
        return read_config(service_settings(config).config)
    except (ConfigError, OSError) as error:
        raise typer.BadParameter(str(error)) from None
