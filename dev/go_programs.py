"""Go programs and modules that tests and checks need: built once, kept under `var`.

Each module's own go.mod and go.sum pin what it needs, and Go checks it against its checksum
database; versions are pinned here. `python -m dev.go_programs jaeger helm` builds those of these
names.
"""

import argparse
import fcntl
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_VAR: Final = Path(__file__).parents[1] / "var"
_FLAGS: Final = "-mod=mod -buildvcs=false"
_KUBERNETES: Final = "1.34.4"


class GoBuildError(Exception):
    """A program can't be had on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A main package of a module. folder: of `var`, where the binary is kept."""

    name: str
    folder: str
    module: str
    version: str
    package: str
    staging_version: str | None = None
    """Of the modules that the repository keeps in its own folder and publishes apart."""


HELM: Final = GoProgram(
    "helm", "kubernetes", "helm.sh/helm/v3", "v3.19.0", "helm.sh/helm/v3/cmd/helm"
)
ETCD: Final = GoProgram(
    "etcd", "kubernetes", "go.etcd.io/etcd/server/v3", "v3.6.16", "go.etcd.io/etcd/server/v3"
)
API_SERVER: Final = GoProgram(
    "kube-apiserver",
    "kubernetes",
    "k8s.io/kubernetes",
    f"v{_KUBERNETES}",
    "k8s.io/kubernetes/cmd/kube-apiserver",
    f"v0{_KUBERNETES.removeprefix('1')}",
)
JAEGER: Final = GoProgram(
    "jaeger",
    "jaeger",
    "github.com/jaegertracing/jaeger",
    "v1.76.0",
    "github.com/jaegertracing/jaeger/cmd/jaeger",
)
"""The tag of Jaeger's repository that holds Jaeger v2.13."""
_PROGRAMS: Final = {each.name: each for each in (HELM, ETCD, API_SERVER, JAEGER)}
KEDA: Final = "github.com/kedacore/keda/v2@v2.21.0"
EXTERNAL_SECRETS: Final = "github.com/external-secrets/external-secrets@v0.16.2"


def program(wanted: GoProgram) -> Path:
    """The program's binary, built now if this version isn't there yet. Raises GoBuildError."""
    home = _VAR / wanted.folder
    home.mkdir(parents=True, exist_ok=True)
    built = home / f"{wanted.name}-{wanted.version}"
    with (home / f"{wanted.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever comes second waits for the first one's build
        if not built.exists():
            _build(wanted, built)
    return built


def module_folder(module: str) -> Path:
    """Where a module (`path@version`) is, fetched now if it isn't there. Raises GoBuildError."""
    _VAR.mkdir(exist_ok=True)
    fetched: dict[str, str] = json.loads(_go(_VAR, "mod", "download", "-json", module))
    return Path(fetched["Dir"])


def _build(wanted: GoProgram, target: Path) -> None:
    source = target.with_name(f"build-{wanted.name}")
    source.mkdir(exist_ok=True)
    module = module_folder(f"{wanted.module}@{wanted.version}")
    (source / "go.mod").write_text(wrapping((module / "go.mod").read_text(), wanted))
    (source / "go.sum").write_text((module / "go.sum").read_text())
    fresh = target.with_suffix(".new")
    _go(source, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(fresh), wanted.package)
    fresh.rename(target)


def wrapping(go_mod: str, wanted: GoProgram) -> str:
    """A module that needs the program's, with all that this one pins.

    A replacement by a folder of the repository isn't there outside of it: the published module of
    that name takes its place, or nothing where the requirement itself names a version.
    """
    own = go_mod.replace(f"module {wanted.module}\n", "module switchgear.local/build\n", 1)
    published = rf"=> \1 {wanted.staging_version}"
    if wanted.staging_version is not None:
        own = re.sub(r"=> \./staging/src/(\S+)", published, own)
    own = re.sub(r"(?m)^\s*(replace\s+)?\S+ => \.\S*\n", "", own)
    return f"{own}\nrequire {wanted.module} {wanted.version}\n"


def _go(folder: Path, *arguments: str) -> str:
    go = shutil.which("go")
    if go is None:
        raise GoBuildError("there is no `go`: install Go 1.24 or newer")
    environment = {**os.environ, "GOFLAGS": _FLAGS, "CGO_ENABLED": "0"}
    ended = subprocess.run(
        [go, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise GoBuildError(f"`go {' '.join(arguments)}` failed: {ended.stdout}{ended.stderr}")
    return ended.stdout


def main() -> None:
    """Prints where each of the named programs is."""
    parser = argparse.ArgumentParser(prog="python -m dev.go_programs")
    parser.add_argument("names", nargs="+", choices=sorted(_PROGRAMS))
    for name in parser.parse_args().names:
        print(program(_PROGRAMS[name]))


if __name__ == "__main__":
    main()
