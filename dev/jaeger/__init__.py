"""Where does a real trace store come from? Jaeger v2, built by Go once and kept in `var/jaeger`.

The first build took 10 minutes on two busy cores. `python -m dev.jaeger` builds or runs it.
"""

import json
import os
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import urlopen

from dev.go_programs import JAEGER, GoBuildError, program
from dev.processes import Server, free_port

_CONFIG: Final = Path(__file__).with_name("config.yaml")

_HOW_TO_GET_ONE: Final = (
    "Jaeger can't be had here: {why}.\n"
    "Install Go 1.24 or newer, or put a Jaeger v2 binary where SWITCHGEAR_JAEGER says."
)


class NoJaegerError(Exception):
    """This machine can't run Jaeger; the message says why and how to mend it."""

    def __init__(self, why: str) -> None:
        super().__init__(_HOW_TO_GET_ONE.format(why=why))


@dataclass
class Jaeger(Server):
    """`port` is the query API's and the page's."""

    otlp_port: int = 0

    @property
    def otlp(self) -> str:
        """The OTLP/HTTP base address."""
        return f"http://127.0.0.1:{self.otlp_port}"

    @property
    def page(self) -> str:
        """The base address of the query API."""
        return f"http://127.0.0.1:{self.port}"

    def fetch(self, trace_id: str) -> dict[str, Any]:
        """What the query API says of a trace: empty if it doesn't know it."""
        try:
            with urlopen(f"{self.page}/api/traces/{trace_id}") as answer:  # noqa: S310 (our own)
                found: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise
            return {}
        return found


def jaeger(log_dir: Path, port: int | None = None, otlp_port: int | None = None) -> Jaeger:
    """A Jaeger that keeps traces in memory, not started; NoJaegerError if there is none."""
    port, otlp_port = port or free_port(), otlp_port or free_port()
    return Jaeger(
        name="jaeger",
        argv=[str(binary()), "--config", str(_CONFIG)],
        log=log_dir / "jaeger.log",
        env={"JAEGER_QUERY_PORT": str(port), "JAEGER_OTLP_PORT": str(otlp_port)},
        port=port,
        otlp_port=otlp_port,
    )


def binary() -> Path:
    """The Jaeger binary, built now if this version isn't there yet. Raises NoJaegerError."""
    if named := os.environ.get("SWITCHGEAR_JAEGER"):
        return Path(named)
    try:
        return program(JAEGER)
    except GoBuildError as error:
        raise NoJaegerError(str(error)) from error
