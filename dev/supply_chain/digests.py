"""Digests of images: `python -m dev.supply_chain.digests` writes docker-compose.digests.yml.

Put over the other compose files, it names each image by what was pulled, so that a tag that is
moved changes nothing. Needs a Docker engine that can pull.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import yaml

from dev.supply_chain.pins import ROOT

_COMPOSE: Final = ROOT / "docker-compose.yml"
_FILE: Final = ROOT / "docker-compose.digests.yml"
Run = Callable[[list[str]], str]
"""Runs a command; its standard output. Raises CalledProcessError or OSError."""


def foreign_images(compose: str) -> dict[str, str]:
    """By service, the images that aren't built here."""
    services: dict[str, Any] = yaml.safe_load(compose)["services"]
    return {
        name: service["image"]
        for name, service in services.items()
        if not service["image"].endswith(":local")
    }


def by_digest(image: str, run: Run) -> str:
    """`repository@sha256:…` of what the tag means now."""
    run(["docker", "pull", "--quiet", image])
    inspect = ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", image]
    named: list[str] = json.loads(run(inspect))
    repository = image.rpartition(":")[0]
    return next(digest for digest in named if digest.partition("@")[0].endswith(repository))


def override(compose: str, run: Run) -> str:
    """The file's text."""
    services = {
        name: {"image": by_digest(image, run)} for name, image in foreign_images(compose).items()
    }
    return yaml.safe_dump({"version": "3.8", "services": services}, sort_keys=False)


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> int:
    """The exit status."""
    try:
        _FILE.write_text(override(_COMPOSE.read_text(encoding="utf-8"), _output), encoding="utf-8")
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"the images can't be pulled: {getattr(error, 'stderr', None) or error}")
        return 1
    print(f"docker compose -f docker-compose.yml -f {_FILE.name} up")
    return 0


if __name__ == "__main__":
    sys.exit(main())
