"""Is a text a usable `switchgear.yaml`, and if not, which line must change to what?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from runtime.config.catalog import Catalog, IncoherentError


@dataclass(eq=False)
class ConfigError(Exception):
    """The file can't be used. problems: one line each, with the number of the line to change."""

    problems: tuple[str, ...]

    def __str__(self) -> str:
        return "switchgear.yaml: " + "\n  ".join(self.problems)


def parse_config(text: str) -> Catalog:
    """The catalog of a YAML text. Raises ConfigError."""
    tree, value = _read(text)
    if twice := tuple(_defined_twice(tree)):
        raise ConfigError(twice)
    try:
        return Catalog.model_validate(value)
    except ValidationError as error:
        problems = (line for problem in error.errors() for line in _explain(tree, problem))
        raise ConfigError(tuple(problems)) from None


def _read(text: str) -> tuple[yaml.Node | None, Any]:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        raise ConfigError((f"line {line}: not YAML: {error.problem or error.context}",)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # such as a date that doesn't exist: the reader knows no line
        raise ConfigError((f"not YAML: {error}",)) from None


def _defined_twice(node: yaml.Node | None, within: str = "") -> Iterator[str]:
    """YAML's readers take the last one without a word."""
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if str(key.value) in seen:
            first = seen[str(key.value)]
            yield f"line {line}: {within}{key.value}: also defined on line {first}; keep one"
        seen[str(key.value)] = line
        yield from _defined_twice(value, f"{within}{key.value}.")


def _explain(tree: yaml.Node | None, problem: ErrorDetails) -> Iterator[str]:
    error = problem.get("ctx", {}).get("error")
    if isinstance(error, IncoherentError):
        yield from (_at(tree, path, words) for path, words in error.problems)
        return
    yield _at(tree, [str(step) for step in problem["loc"]], _words(problem))


def _words(problem: ErrorDetails) -> str:
    match problem["type"]:
        case "extra_forbidden":
            return "unknown key; remove it or mend its name"
        case "missing":
            return "this key is missing; add it"
        case _:
            return problem["msg"].removeprefix("Value error, ")


def _at(tree: yaml.Node | None, path: Sequence[str], words: str) -> str:
    return f"line {_line_of(tree, path)}: {'.'.join(path) or 'the file'}: {words}"


def _line_of(node: yaml.Node | None, path: Sequence[str]) -> int:
    """The line (from 1) of the deepest part of `path` that the text has."""
    line = 1
    for step in path:
        found = _child(node, step)
        if found is None:
            break
        line, node = found
    return line


def _child(node: yaml.Node | None, step: str) -> tuple[int, yaml.Node] | None:
    match node:
        case yaml.MappingNode():
            pairs = (pair for pair in node.value if pair[0].value == step)
            return next(((key.start_mark.line + 1, value) for key, value in pairs), None)
        case yaml.SequenceNode() if step.isdigit() and int(step) < len(node.value):
            child = node.value[int(step)]
            return child.start_mark.line + 1, child
        case _:
            return None
