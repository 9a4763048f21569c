"""Where does a real trace store come from? Jaeger v2, built by Go once and kept in `var/jaeger`.

The module's own go.mod and go.sum pin every dependency; Go checks them against its checksum
database. The first build took 10 minutes on two busy cores. `python -m dev.jaeger` builds or runs
it.
"""

import fcntl
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import urlopen

from dev.processes import Server, free_port

VERSION: Final = "v1.76.0"
"""The tag of Jaeger's repository that holds Jaeger v2.13."""

_MODULE: Final = "github.com/jaegertracing/jaeger"
_ROOT: Final = Path(__file__).parents[2]
_CONFIG: Final = Path(__file__).with_name("config.yaml")
_HOME: Final = _ROOT / "var" / "jaeger"

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
    """The Jaeger binary, built now if this version isn't there yet."""
    if named := os.environ.get("SWITCHGEAR_JAEGER"):
        return Path(named)
    built = _HOME / f"jaeger-{VERSION}"
    _HOME.mkdir(parents=True, exist_ok=True)
    with (_HOME / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever comes second waits for the first one's build
        if not built.exists():
            _build(built)
    return built


def _build(target: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise NoJaegerError("there is no `go` to build it")
    source = _HOME / "build"
    source.mkdir(parents=True, exist_ok=True)
    module = Path(_downloaded(go)["Dir"])
    (source / "go.mod").write_text(_wrapping((module / "go.mod").read_text()))
    (source / "go.sum").write_text((module / "go.sum").read_text())
    fresh = target.with_suffix(".new")
    _go(go, source, "build", "-ldflags", "-s -w", "-o", str(fresh), f"{_MODULE}/cmd/jaeger")
    fresh.rename(target)


def _wrapping(go_mod: str) -> str:
    """A module that needs Jaeger and pins and replaces what Jaeger does."""
    own = go_mod.replace(f"module {_MODULE}\n", "module jaeger.local/build\n", 1)
    return f"{own}\nrequire {_MODULE} {VERSION}\n"


def _downloaded(go: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(
        _go(go, _HOME, "mod", "download", "-json", f"{_MODULE}@{VERSION}")
    )
    return found


def _go(go: str, folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "GOFLAGS": "-mod=mod -buildvcs=false"}
    done = subprocess.run(
        [go, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NoJaegerError(f"`go {' '.join(arguments)}` failed: {done.stdout}{done.stderr}")
    return done.stdout
