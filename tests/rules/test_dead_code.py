"""Dead code: production uses what it defines; what only tests and `dev` use belongs to them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.rules import source

CALLED_BY_OTHERS: Final = {
    "submit": "the client's users",
    "filter": "logging",
    "replies": "the client's users",
    "on_partitions_revoked": "aiokafka",
    "on_partitions_assigned": "aiokafka",
    "size_in_bytes": "aiokafka",
    "check_mapping_key": "ruamel.yaml",
    "has_next": "aiokafka",
    "send_400_response": "uvicorn",
    "log_message": "wsgiref",
    "redirect_request": "urllib",
    "next_batch": "aiokafka",
    "consume_scope": "FastStream",
    "after_processed": "FastStream",
    "data_received": "asyncio",
    "eof_received": "asyncio",
    "timeout_keep_alive_handler": "uvicorn",
}
STARTED_BY_OTHERS: Final = {"workers.tokens.tiktoken_files": "the image's build"}


def test_production_mentions_each_name_that_it_defines() -> None:
    trees = {source.named(path): source.tree_of(path) for path in source.ours()}
    mentioned = {name for tree in trees.values() for name in mentions(tree)}
    unused = {
        f"{path}: {name}"
        for path, tree in trees.items()
        for name in definitions(tree)
        if name not in mentioned and name not in CALLED_BY_OTHERS
    }
    assert unused == set()


def test_production_imports_each_of_its_modules() -> None:
    imported = {
        name
        for path in source.ours()
        for name in imports(source.tree_of(path), module_of(path).split("."))
    }
    modules = {module_of(path) for path in source.ours()}
    started = {name for name in modules if name.endswith(("__init__", "__main__"))}
    assert modules - imported - started == set(STARTED_BY_OTHERS)


def test_the_rule_knows_a_definition_from_its_use() -> None:
    tree = ast.parse("def used(): ...\ndef unused(): ...\n@register\ndef noted(): ...\nused()\n")
    assert set(definitions(tree)) - set(mentions(tree)) == {"unused"}


def module_of(path: Path) -> str:
    return source.named(path).removesuffix(".py").replace("/", ".")


def definitions(tree: ast.Module) -> Iterator[str]:
    """The functions, methods and classes, without those that a decorator makes known."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.FunctionDef(name=name, decorator_list=[])
                | ast.AsyncFunctionDef(name=name, decorator_list=[])
                | ast.ClassDef(name=name, decorator_list=[])
            ) if not name.startswith("__"):
                yield name


def mentions(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.alias(name=name):
                yield name.rpartition(".")[2]


def imports(tree: ast.Module, importer: list[str]) -> Iterator[str]:
    """The full names that are imported: modules, and what `from` takes out of them."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                package = importer[:-level] if level else []
                origin = ".".join([*package, *([module] if module else [])])
                yield origin
                yield from (f"{origin}.{alias.name}" for alias in names)
