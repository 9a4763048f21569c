"""The chart as Helm renders it: its value files, and the manifests that come of them."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from dev.go_programs import HELM, program

Manifest: TypeAlias = Mapping[str, Any]
ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "deploy" / "helm" / "switchgear"
VALUES: Final = ROOT / "deploy" / "helm" / "values"
CONFIG: Final = ROOT / "switchgear.yaml"
NAMESPACE: Final = "llm"
KUBERNETES_VERSION: Final = "1.34.4"
"""Helm doesn't know any when it is built from its module alone."""
SIZES: Final = ("small", "production", "eu-cell")
"""The value files."""


class HelmError(Exception):
    """Helm refused; its words."""


@dataclass(frozen=True, slots=True)
class Release:
    """What one value file gives. config: the switchgear.yaml that it is installed with."""

    size: str
    config: Path | None = CONFIG
    settings: Sequence[str] = ()
    """Further values, as Helm's `--set` takes them."""

    def arguments(self) -> list[str]:
        """Of `helm template` and `helm lint`, after the chart."""
        values = ["--values", str(VALUES / f"{self.size}.yaml")]
        further = [word for each in self.settings for word in ("--set", each)]
        config = [] if self.config is None else ["--set-file", f"config={self.config}"]
        return [*values, *config, *further, "--kube-version", KUBERNETES_VERSION]


def rendered(release: Release) -> list[Manifest]:
    """The manifests, in Helm's order. Raises HelmError, GoBuildError."""
    command = ["template", "switchgear", str(CHART), "--namespace", NAMESPACE]
    text = helm(*command, *release.arguments())
    return [document for document in yaml.safe_load_all(text) if document is not None]


def lint(release: Release) -> None:
    """Raises HelmError for what Helm itself finds wrong."""
    helm("lint", "--strict", str(CHART), *release.arguments())


def helm(*arguments: str) -> str:
    """What `helm` prints. Raises HelmError, GoBuildError."""
    ended = subprocess.run(
        [str(program(HELM)), *arguments], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise HelmError(f"{ended.stdout}{ended.stderr}".strip())
    return ended.stdout


def label(manifest: Manifest) -> str:
    """Kind and name, for messages."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"
