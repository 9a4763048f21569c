"""Purity by place: every module of a pure room stays free of everything that acts."""

import ast
import tomllib
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.rules import source

READ_THE_CLOCK: Final = frozenset({"now", "today", "utcnow"})


def contract() -> dict[str, Any]:
    """What import-linter holds of the pure rooms: which they are, and what they never import."""
    settings = tomllib.loads((source.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    (pure,) = (each for each in contracts if each["name"].startswith("pure rooms"))
    return pure


ROOMS: Final[list[str]] = contract()["source_modules"]
ACT: Final = frozenset(contract()["forbidden_modules"])


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_of_a_pure_room_acts(room: str) -> None:
    modules = source.tracked(f"{room.replace('.', '/')}/*.py")
    assert modules
    assert {
        source.named(path): deeds
        for path in modules
        if (deeds := list(actions(source.tree_of(path))))
    } == {}


def test_the_rule_sees_every_way_to_act() -> None:
    guilty = """
import time
from os import environ
async def f(): ...
open("x")
datetime.now()
print(1)
"""
    assert len(list(actions(ast.parse(guilty)))) == 6


def actions(tree: ast.Module) -> Iterator[str]:
    """What a pure module may not have."""
    yield from (
        f"imports {module}"
        for module, level in source.imported(tree)
        if not level and module.split(".")[0] in ACT
    )
    for node in ast.walk(tree):
        match node:
            case ast.AsyncFunctionDef() | ast.Await():
                yield f"line {node.lineno}: async"
            case ast.Call(func=ast.Name(id="open" | "print" | "input" as called)):
                yield f"line {node.lineno}: {called}()"
            case ast.Call(func=ast.Attribute(attr=called)) if called in READ_THE_CLOCK:
                yield f"line {node.lineno}: .{called}()"
