"""Source of an earlier release: from its tag or commit, wherever this checkout can have it from."""

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Final

from dev.contract_files.compatibility import last_release
from switchgear.version import VERSION

ROOT: Final = Path(__file__).parents[2]
_WITHOUT_TAG: Final = ROOT / "dev" / "release" / "released.json"
"""Commits by version."""


class NoSourceError(Exception):
    """The checkout has no such commit, and its origin can't be asked for it."""


def last_released() -> str:
    """The newest version before this one, of those whose schemas are kept."""
    return last_release(ROOT, before=VERSION)[0]


def unpack(version: str, folder: Path) -> None:
    """Writes the release's files into `folder`. Raises NoSourceError.

    A checkout that is shallow or has no tags asks its origin for the one commit.
    """
    commits: dict[str, str] = json.loads(_WITHOUT_TAG.read_text(encoding="utf-8"))
    tag = f"refs/tags/v{version}"
    name, wanted = (tag, f"{tag}:{tag}") if version not in commits else (commits[version],) * 2
    if not _has(name):
        _git("fetch", "--quiet", "--depth=1", "--no-tags", "origin", wanted)
    if not _has(name):
        raise NoSourceError(
            f"release {version} is {name}, which this checkout lacks and its origin doesn't give: "
            "git fetch --unshallow --tags, or run it in a full clone"
        )
    archive = _git("archive", name)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def _has(name: str) -> bool:
    return _git("cat-file", "-e", f"{name}^{{commit}}").returncode == 0


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    git = shutil.which("git") or "git"
    return subprocess.run([git, *arguments], cwd=ROOT, capture_output=True, check=False)
