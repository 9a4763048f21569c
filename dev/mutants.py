"""Mutation testing of the decisions that must not be wrong: runs mutmut, writes docs/mutation.md.

    python -m dev.mutants          about ten minutes on two quiet cores

A mutant is one small change to a decision (a comparison turned, a constant moved). It survives when
no unit test fails. Which modules and which tests: `[tool.mutmut]` in pyproject.toml.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path("mutants")
PAGE: Final = Path("docs/mutation.md")
_SURVIVED: Final = 0
_NO_TESTS: Final = (5, 33)
"""pytest's status when it collects nothing, and mutmut's own."""
_HEAD: Final = """# Mutation testing

`make mutants` changes one small thing at a time in the decisions that must not be wrong, and looks
whether a unit test fails. Written by that command.

| module | mutants | caught | survived | score |
| --- | --- | --- | --- | --- |
"""


class Score(NamedTuple):
    """One module's mutants. caught: a test failed, or the run never ended."""

    module: str
    mutants: int
    caught: int
    survivors: tuple[str, ...]


def scores() -> Iterator[Score]:
    """Of each module, from what mutmut has left."""
    for path in sorted(FOLDER.rglob("*.meta")):
        statuses: Mapping[str, int | None] = json.loads(path.read_text("utf-8"))["exit_code_by_key"]
        if not statuses:
            continue
        survivors = [
            name
            for name, status in statuses.items()
            if status is None or status == _SURVIVED or status in _NO_TESTS
        ]
        module = str(path.relative_to(FOLDER)).removesuffix(".meta")
        caught = len(statuses) - len(survivors)
        yield Score(module, len(statuses), caught, tuple(survivors))


def page(all_scores: list[Score]) -> str:
    """The table, and how to look at a survivor."""
    rows = [
        f"| `{s.module}` | {s.mutants} | {s.caught} | {len(s.survivors)} "
        f"| {100 * s.caught / s.mutants:.1f} % |"
        for s in all_scores
    ]
    total, caught = sum(s.mutants for s in all_scores), sum(s.caught for s in all_scores)
    rows.append(f"| all | {total} | {caught} | {total - caught} | {100 * caught / total:.1f} % |")
    tail = (
        "\n`mutmut results` lists the survivors of the last run, `mutmut show NAME` one of them.\n"
    )
    return _HEAD + "\n".join(rows) + "\n" + tail


def main() -> int:
    """Runs and writes."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    environment = os.environ | {"HYPOTHESIS_PROFILE": "quick"}
    command = [str(Path(sys.executable).with_name("mutmut")), "run"]
    status = subprocess.run(command, env=environment, check=False).returncode
    results = list(scores())
    if not results:
        print("mutmut made no mutants; its words are above", file=sys.stderr)
        return status or 1
    PAGE.write_text(page(results), encoding="utf-8")
    print(PAGE.read_text("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
