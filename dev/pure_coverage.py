"""Branch coverage of the pure rooms, from `var/coverage`: each must reach the bar.

    python -m dev.pure_coverage

Ends with status 1 and the rooms that fall short.
"""

import json
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Final

from coverage import Coverage

BAR_PERCENT: Final = 95.0


def pure_rooms() -> list[str]:
    """The rooms that the contract of import-linter calls pure, as dotted names."""
    settings = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    (pure,) = (each for each in contracts if each["name"].startswith("pure rooms"))
    return list(pure["source_modules"])


def covered_percent(files: dict[str, Any], room: str) -> float:
    """Lines and branches of the room's modules that a test took, in percent."""
    folder = room.replace(".", "/") + "/"
    summaries = [each["summary"] for name, each in files.items() if name.startswith(folder)]
    taken = sum(each["covered_lines"] + each["covered_branches"] for each in summaries)
    all_there = sum(each["num_statements"] + each["num_branches"] for each in summaries)
    return 100.0 * taken / all_there if all_there else 100.0


def main() -> int:
    """Prints each room's percentage."""
    coverage = Coverage()
    coverage.load()
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        coverage.json_report(outfile=report.name)
        files = json.loads(Path(report.name).read_text(encoding="utf-8"))["files"]
    short = []
    for room in pure_rooms():
        percent = covered_percent(files, room)
        print(f"{room:34}{percent:6.1f} %")
        short += [room] if percent < BAR_PERCENT else []
    if short:
        print(f"below {BAR_PERCENT:.0f} %: {', '.join(short)}", file=sys.stderr)
    return int(bool(short))


if __name__ == "__main__":
    sys.exit(main())
