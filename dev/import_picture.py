"""Import picture: the rooms of the house and who imports whom, drawn from the code as Mermaid."""

import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import grimp

_HEAD: Final = """# Who imports whom

Drawn from the code by `make docs`; a test holds it. An arrow says "imports"; a number on it, how
many imports between modules it stands for. `make check` holds the direction: a room imports what
is drawn below it, and nothing runs back up. The entry points (`python -m workers`) are left out:
each starts the one command, which stands above them all.
"""


def import_picture() -> str:
    """The page: the packages first, then the rooms of each."""
    settings = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    packages: list[str] = settings["tool"]["importlinter"]["root_packages"]
    graph = grimp.build_graph(*packages)
    sections = [_HEAD, "## The packages\n", diagram(arrows(graph, packages))]
    for package in packages:
        rooms = sorted(graph.find_children(package))
        inside = arrows(graph, rooms)
        if inside:
            sections += [f"## {package}\n", diagram(inside)]
    return "\n".join(sections)


def arrows(graph: grimp.ImportGraph, rooms: list[str]) -> Counter[tuple[str, str]]:
    """How many imports lead from one of the rooms to another."""
    home = {module: room for room in rooms for module in (room, *graph.find_descendants(room))}
    return Counter(
        (home[importer], home[imported])
        for importer, imported in import_pairs(graph)
        if importer in home and imported in home and home[importer] != home[imported]
    )


def import_pairs(graph: grimp.ImportGraph) -> Iterator[tuple[str, str]]:
    """Each importing module with one that it imports."""
    for importer in sorted(graph.modules):
        if importer.endswith(".__main__"):
            continue
        for imported in graph.find_modules_directly_imported_by(importer):
            yield importer, imported


def diagram(counts: Counter[tuple[str, str]]) -> str:
    """A Mermaid flowchart, always in the same order."""
    lines = ["```mermaid", "flowchart TD"]
    rooms = sorted({room for pair in counts for room in pair})
    lines += [f'    {node(room)}["{room.rpartition(".")[2]}"]' for room in rooms]
    lines += [f"    {node(a)} -->|{n}| {node(b)}" for (a, b), n in sorted(counts.items())]
    return "\n".join([*lines, "```", ""])


def node(room: str) -> str:
    """A name that Mermaid takes: `end` and dots mean something to it."""
    return "m_" + room.replace(".", "_")
