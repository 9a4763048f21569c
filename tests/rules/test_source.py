"""Does the source keep the rules that no linter knows?"""

import ast
import builtins
import importlib.metadata
import itertools
import re
from collections.abc import Iterator
from typing import Final

import pytest

from observability.settings import ObservabilitySettings
from producers.settings import ClientSettings
from runtime.process.settings import ServiceSettings
from tests.rules import source
from tests.rules.test_purity import actions

LONGEST_FILE: Final = 400
LONGEST_DECISION: Final = 30
LONGEST_ORCHESTRATION: Final = 60
"""Of a straight line of steps in a module that acts."""


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {
        source.named(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in source.tracked("*.py")
        if not source.named(path).startswith("tests/")
    }
    assert lengths
    assert {name for name, lines in lengths.items() if lines > LONGEST_FILE} == set()


def test_no_function_is_longer_than_a_screen() -> None:
    too_long = []
    for path in source.ours():
        tree = source.tree_of(path)
        longest = LONGEST_ORCHESTRATION if list(actions(tree)) else LONGEST_DECISION
        too_long += [
            f"{source.named(path)}:{node.lineno} {node.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and length_of(node) > longest
        ]
    assert too_long == []


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, without a docstring; a body that is one `match` is a table: its cases."""
    first, *rest = function.body
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    body = rest if rest and is_docstring else function.body
    match body:
        case [ast.Match(cases=cases)]:
            return len(cases)
        case _:
            assert function.end_lineno is not None
            return function.end_lineno - body[0].lineno + 1


def test_the_client_imports_nothing_of_ours_and_is_relative_inside() -> None:
    for path in source.tracked("producers/*.py"):
        for module, level in source.imported(source.tree_of(path)):
            assert level or module.split(".")[0] not in source.PACKAGES, (
                f"{source.named(path)} imports {module}: as a wheel it is called switchgear_client"
            )


def test_no_dependency_owns_one_of_our_package_names() -> None:
    installed = importlib.metadata.packages_distributions()
    assert "pydantic" in installed
    ours = {name: set(installed.get(name, ())) - {"switchgear"} for name in source.PACKAGES}
    assert {name: owners for name, owners in ours.items() if owners} == {}


def test_production_does_without_the_development_tools() -> None:
    mentions = {
        source.named(path): names
        for path in source.ours()
        if (names := list(development_names(source.tree_of(path))))
    }
    assert mentions == {}


def test_the_rule_sees_every_way_to_call_a_development_tool() -> None:
    guilty = """
import dev
from dev.stack import up
run([python, "-m", "dev.build_embedder"])
run("python -m dev")
Path("dev/build_embedder.py").exists()
'trained by `dev/train_router.py`, which is a docstring'
"""
    assert len(list(development_names(ast.parse(guilty)))) == 5


def development_names(tree: ast.Module) -> Iterator[str]:
    """The modules of `dev` that are imported, and the strings that could start one."""
    yield from (
        module
        for module, level in source.imported(tree)
        if not level and module.split(".")[0] == "dev"
    )
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in prose and DEVELOPMENT.search(
                text
            ):
                yield text


DEVELOPMENT: Final = re.compile(r"-m dev\b|\bdev[./]\w")


def test_switchgear_yaml_has_one_reader() -> None:
    readers = {
        source.named(path)
        for path in source.ours()
        for node in ast.walk(source.tree_of(path))
        if isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node) in YAML_READERS
    }
    assert readers == {
        "runtime/config/yaml_document.py",
        # writes keys into the file, comments stay; what it wrote is read by the one reader
        "switchgear/gateway_keys.py",
        # changes the text at places that the parser marks; the one reader checks it afterwards
        "runtime/config/yaml_edits.py",
        # tables of the package's own
        "observability/price_lists.py",
        "runtime/known/tables.py",
    }


YAML_READERS: Final = frozenset({"YAML"}) | frozenset(
    f"yaml.{name}" for name in ("load", "safe_load", "full_load", "unsafe_load", "compose", "parse")
)


def test_that_redis_is_unavailable_is_said_in_one_way() -> None:
    definitions = {
        source.named(path)
        for path in source.ours()
        for node in ast.walk(source.tree_of(path))
        if isinstance(node, ast.Name) and node.id == "RedisError"
    }
    assert definitions == {"runtime/redis/errors.py"}


def test_no_handler_names_an_error_beside_its_base() -> None:
    doubled = [
        f"{source.named(path)}:{node.lineno} {ast.unparse(node)}"
        for path in source.ours()
        for node in ast.walk(source.tree_of(path))
        if isinstance(node, ast.Tuple) and names_a_base_too(node)
    ]
    assert doubled == []


@pytest.mark.parametrize(
    ("errors", "doubled"),
    [("OSError, TimeoutError", True), ("ValueError, KeyError", False), ("a, OSError", False)],
)
def test_the_rule_knows_the_built_in_bases(errors: str, *, doubled: bool) -> None:
    (tree,) = ast.parse(f"({errors})").body
    assert isinstance(tree, ast.Expr)
    assert isinstance(tree.value, ast.Tuple)
    assert names_a_base_too(tree.value) is doubled


def names_a_base_too(errors: ast.Tuple) -> bool:
    """Of the built-in exceptions in a tuple: whether one is a kind of another."""
    named = [getattr(builtins, item.id, None) for item in errors.elts if isinstance(item, ast.Name)]
    classes = [kind for kind in named if isinstance(kind, type) and issubclass(kind, Exception)]
    return any(issubclass(kind, other) for kind, other in itertools.permutations(classes, 2))


def test_every_variable_that_is_mentioned_is_one_that_is_read() -> None:
    read = {
        f"SWITCHGEAR_{name}".upper()
        for settings in (ServiceSettings, ObservabilitySettings, ClientSettings)
        for name in settings.model_fields
    }
    texts = [*source.ours(), *source.tracked("*.md", "*.yml", "Dockerfile")]
    mentioned = {name for path in texts for name in VARIABLE.findall(path.read_text("utf-8"))}
    assert "SWITCHGEAR_REDIS" in mentioned
    assert mentioned - read == set()


VARIABLE: Final = re.compile(r"\bSWITCHGEAR_[A-Z][A-Z_]*[A-Z]\b")


# a host with the part before it, or a folder at the root of one machine; split, so that this
# file doesn't name them either
INDEX_HOST: Final = re.compile(
    r"\b(pypi|pythonhosted|npmjs|crates|maven|golang|debian|rubygems)" + r"\.(org|io)\b"
)
PLACE_OF_ONE_MACHINE: Final = re.compile(r"(?<![\w.~$}])/(work|root|home)" + r"/\w")


def test_the_tree_names_no_package_index_and_no_folder_of_one_machine() -> None:
    # a Go module's name begins with its host, so its pins do too
    unread = {".gz", ".png", ".onnx", ".mod", ".sum"}
    files = [path for path in source.tracked() if path.suffix not in unread]
    found = [
        f"{source.named(path)}:{number} {line.strip()[:80]}"
        for path in files
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if INDEX_HOST.search(line) or PLACE_OF_ONE_MACHINE.search(line)
    ]
    assert files
    assert found == []
