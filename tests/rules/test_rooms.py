"""Rooms: folders a reader can hold, each under a contract, and one meaning for each public name."""

import ast
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.rules import source

MOST_MODULES: Final = 16
IN_EVERY_PROGRAM: Final = frozenset({"main", "T"})
"""The entry point, and the type variable of a generic."""
ASKS: Final = re.compile(
    r"(?:What|Which|How|Who|Whose|Why|When|Where|Is|Are|Has|Have|Do|Does|May|Can|Should|Up to)\b"
)


def rooms() -> dict[Path, list[Path]]:
    """Each folder with code, and its modules without `__init__.py`."""
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in source.ours():
        folders[path.parent] += [] if path.name == "__init__.py" else [path]
    return folders


def test_no_folder_holds_more_modules_than_a_reader_can() -> None:
    counts = {source.named(folder): len(modules) for folder, modules in rooms().items()}
    assert counts
    assert {name: count for name, count in counts.items() if count > MOST_MODULES} == {}


def test_every_room_stands_under_a_contract() -> None:
    held = set(layers())
    inside = {
        source.named(folder).replace("/", ".") for folder in rooms() if folder.parent != source.ROOT
    }
    assert {
        name for name in inside if name not in held and name.rpartition(".")[0] not in held
    } == set()


def layers() -> Iterator[str]:
    """Every room that a layers contract names."""
    settings = tomllib.loads((source.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        for container in contract.get("containers", ()):
            for layer in contract["layers"]:
                yield from (f"{container}.{name.strip()}" for name in layer.split("|"))


def test_no_public_name_of_production_is_defined_twice() -> None:
    counts = Counter(
        name
        for path in source.ours()
        if not source.named(path).startswith("switchgear/")  # its functions are called as typed
        for name in public_names(source.tree_of(path))
        if name not in IN_EVERY_PROGRAM
    )
    assert counts
    assert {name for name, count in counts.items() if count > 1} == set()


def public_names(tree: ast.Module) -> Iterator[str]:
    """The functions, classes and constants of a module."""
    for statement in tree.body:
        match statement:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
                | ast.AnnAssign(target=ast.Name(id=name))
                | ast.Assign(targets=[ast.Name(id=name)])
            ) if not name.startswith("_"):
                yield name
            case _:
                pass


def test_a_module_opens_with_what_it_is_and_may_ask_afterwards() -> None:
    first_lines = {
        source.named(path): (ast.get_docstring(source.tree_of(path)) or "").split("\n")[0]
        for path in source.ours()
    }
    assert {name: line for name, line in first_lines.items() if ASKS.match(line)} == {}


def test_every_room_says_its_question() -> None:
    silent = {
        source.named(folder)
        for folder in rooms()
        if not ast.get_docstring(source.tree_of(folder / "__init__.py"))
    }
    assert silent == set()
