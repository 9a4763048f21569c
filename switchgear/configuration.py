"""Configuration commands: check."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from switchgear.invocation import REFUSED
from switchgear.options import ConfigOption, FormatOption, service_settings


def check(
    file: Annotated[
        Path | None, typer.Argument(help="Default: SWITCHGEAR_CONFIG, else switchgear.yaml here.")
    ] = None,
    format: FormatOption = "table",
    config: ConfigOption = None,
) -> None:
    """Name every mistake, its line and what to do."""
    from dataclasses import asdict

    from runtime.config.config_file import ConfigError, read_config

    path = service_settings(file or config).config
    try:
        catalog = read_config(path)
    except ConfigError as error:
        if format == "json":
            print(json.dumps([asdict(problem) for problem in error.problems], indent=2))
        for problem in error.problems if format == "table" else ():
            line = "" if problem.line is None else f"{problem.line}:"
            words = f"{problem.where}: {problem.what}; {problem.fix}"
            print(f"{path}:{line} {words}", file=sys.stderr)
        raise typer.Exit(REFUSED) from None
    if format == "json":
        print("[]")
    else:
        counts = f"{len(catalog.tiers)} tiers, {len(catalog.deployments)} deployments"
        print(f"{path}: no mistakes ({counts}, {len(catalog.tenants)} tenants)")
