"""Compatibility: what breaks whom since the last release, and which of that was decided.

    python -m dev.contract_files.compatibility

The schemas of each release lie in `docs/schemas/released/`, written by `make release`.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, assert_never

from dev.contract_files.records import RECORDS, Between
from dev.contract_files.schema_changes import BreakingChange, breaks_readers, breaks_writers
from dev.contract_files.schemas import FOLDER, record_schemas

RELEASED: Final = f"{FOLDER}/released"
_LIMITS: Final = "limits that no request of 0.1 was near: docs/limits.md"
_OPENED: Final = "a closed list in 0.1, whose readers refuse a new code; it is open from now on"
_LEDGER: Final = "a ledger of 0.1 leaves such an event out: upgrade the ledger before the workers"
_LIMITED: Final = (
    "body.messages",
    "body.messages[].content",
    "body.tools",
    "routing.cache.tags",
    "routing.tags.*",
)
ACCEPTED: Final[Mapping[str, str]] = {
    **{f"request: {field}": _LIMITS for field in _LIMITED},
    **{f"tagged-request: request.{field}": _LIMITS for field in _LIMITED},
    "failed: code": _OPENED,
    "reply: code": _OPENED,
    "usage-event: aside": _LEDGER,
    "usage-event: outcome": _LEDGER,
}
"""Breaking changes that were decided, `record: field`, with the reason; emptied by a release."""


def last_release(root: Path, before: str | None = None) -> tuple[str, dict[str, dict[str, Any]]]:
    """Its version, and its schemas by the record's name. Raises ValueError where there is none.

    before: another version than this one.
    """
    files = sorted((root / RELEASED).glob("*.json"), key=lambda path: _number(path.stem))
    files = [file for file in files if file.stem != before]
    if not files:
        raise ValueError(f"{RELEASED} holds no release")
    schemas: dict[str, dict[str, Any]] = json.loads(files[-1].read_text(encoding="utf-8"))
    return files[-1].stem, schemas


def breaking_changes(
    released: Mapping[str, Mapping[str, Any]], today: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, BreakingChange]]:
    """(record, change) for each; what was decided included."""
    for name, old in released.items():
        if name not in today:
            yield name, BreakingChange("", "is no longer part of the contract")
            continue
        for change in sorted(set(_changes(old, today[name], RECORDS[name].between))):
            yield name, change


def undecided(changes: Iterator[tuple[str, BreakingChange]]) -> list[str]:
    """Those that nobody accepted, one line each."""
    return [
        f"{name}: {change}" for name, change in changes if f"{name}: {change.path}" not in ACCEPTED
    ]


def _changes(
    old: Mapping[str, Any], new: Mapping[str, Any], between: Between
) -> list[BreakingChange]:
    match between:
        case "callers to engine":
            return breaks_writers(old, new)
        case "engine to callers":
            return breaks_readers(old, new)
        case "engine to engine":
            return [*breaks_writers(old, new), *breaks_readers(old, new)]
        case _:
            assert_never(between)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def main() -> int:
    """Prints what breaks a caller or a process of the last release; status 1 for any."""
    version, released = last_release(Path())
    broken = undecided(breaking_changes(released, record_schemas()))
    for line in broken:
        print(f"breaks {version}: {line}", file=sys.stderr)
    if not broken:
        print(f"nothing breaks {version}")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
