"""Release: both wheels, the bill of materials and the changelog's section, without a network.

    python -m dev.release 0.2.0           into var/release/0.2.0, from a copy of the tree
    python -m dev.release 0.2.0 --write   also the files of the release's commit, to be tagged

Written by `--write`: the version, the changelog, and the contract's schemas as they are released.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dev.contract_files.compatibility import RELEASED
from dev.contract_files.schemas import record_schemas
from dev.release.changelog import released, versioned
from dev.release.earlier import ROOT
from dev.supply_chain.sbom import bill_of_materials

_VERSIONED: Final = ("switchgear/version.py", "producers/pyproject.toml")
_CHANGELOG: Final = "CHANGELOG.md"


def changes(version: str, day: str) -> tuple[Mapping[str, str], str]:
    """The texts of the files that a release changes, and its section of the changelog.

    Raises ValueError.
    """
    texts = {
        name: versioned((ROOT / name).read_text(encoding="utf-8"), version) for name in _VERSIONED
    }
    log, section = released((ROOT / _CHANGELOG).read_text(encoding="utf-8"), version, day)
    schemas = json.dumps(record_schemas(), indent=1, ensure_ascii=False) + "\n"
    return {**texts, _CHANGELOG: log, f"{RELEASED}/{version}.json": schemas}, section


def build(version: str, texts: Mapping[str, str], section: str) -> Path:
    """The folder with everything that is published."""
    place = ROOT / "var" / "release" / version
    shutil.rmtree(place, ignore_errors=True)
    tree = place / "tree"
    _copy_tracked(tree)
    _write(tree, texts)
    for project in (tree, tree / "producers"):
        _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", place, project)
    document = bill_of_materials()
    document["metadata"]["component"]["version"] = version
    (place / "sbom.cdx.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (place / "CHANGES.md").write_text(section, encoding="utf-8")
    shutil.rmtree(tree)
    sums = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(place.iterdir())
    ]
    (place / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    return place


def _copy_tracked(tree: Path) -> None:
    git = shutil.which("git") or "git"
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)


def _write(tree: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (tree / name).write_text(text, encoding="utf-8")


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")


def main() -> int:
    """Builds a release; exit code 2 for one that can't be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("version")
    parser.add_argument("--write", action="store_true", help="also change the tree")
    options = parser.parse_args()
    try:
        texts, section = changes(options.version, f"{datetime.now(UTC):%Y-%m-%d}")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    place = build(options.version, texts, section)
    for file in sorted(place.iterdir()):
        print(f"{file.stat().st_size:>10,}  {file.relative_to(ROOT)}")
    if options.write:
        _write(ROOT, texts)
        print(f"commit it, empty ACCEPTED in dev/contract_files, and: git tag v{options.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
