"""Source of an earlier release: from its tag or commit, wherever this checkout can have it from."""

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_COMMITS: Final = ROOT / "dev" / "release" / "released.json"


class NoSourceError(Exception):
    """The checkout has no such commit, and its origin can't be asked for it."""


def last_released() -> str:
    """The newest version that was released."""
    versions: dict[str, str] = json.loads(_COMMITS.read_text(encoding="utf-8"))
    return max(versions, key=lambda version: [int(part) for part in version.split(".")])


def unpack(version: str, folder: Path) -> None:
    """Writes the release's files into `folder`. Raises NoSourceError.

    A checkout that is shallow or has no tags asks its origin for the one commit.
    """
    commit: str = json.loads(_COMMITS.read_text(encoding="utf-8"))[version]
    if not _has(commit):
        _git("fetch", "--quiet", "--depth=1", "--no-tags", "origin", commit)
    if not _has(commit):
        raise NoSourceError(
            f"release {version} is commit {commit}, which this checkout lacks and its origin "
            "doesn't give: git fetch --unshallow, or run it in a full clone"
        )
    archive = _git("archive", commit)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def _has(commit: str) -> bool:
    return _git("cat-file", "-e", f"{commit}^{{commit}}").returncode == 0


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    git = shutil.which("git") or "git"
    return subprocess.run([git, *arguments], cwd=ROOT, capture_output=True, check=False)
