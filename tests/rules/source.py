"""What does the source say of itself? The tree as the rules read it."""

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = (
    "producers",
    "observability",
    "runtime",
    "cache",
    "workers",
    "router",
    "gateway",
    "switchgear",
)


def tracked(*patterns: str) -> list[Path]:
    """The files git knows, and those it would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for line in listed.splitlines() if (path := ROOT / line).is_file()]


def ours() -> list[Path]:
    """Every Python file of the production packages."""
    return tracked(*(f"{package}/*.py" for package in PACKAGES))


def named(path: Path) -> str:
    """The path as a message shows it."""
    return str(path.relative_to(ROOT))


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """Parsed once a session: every rule reads every file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Each imported module's full name with the dots it is relative by (0 = absolute)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level
