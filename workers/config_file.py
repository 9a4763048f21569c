"""Is a text a usable `switchgear.yaml`, and if not, which line must change to what?"""

from dataclasses import dataclass

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .catalog import Catalog


@dataclass(frozen=True, slots=True)
class ConfigError(Exception):
    """The file can't be used. problems: one line each, with the line number where it is known."""

    problems: tuple[str, ...]

    def __str__(self) -> str:
        return "switchgear.yaml: " + "\n  ".join(self.problems)


def parse(text: str) -> Catalog:
    """The catalog of a YAML text. Raises ConfigError."""
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        return Catalog.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ConfigError((f"not YAML: {error}",)) from None
    except ValidationError as error:
        raise ConfigError(tuple(_explain(tree, problem) for problem in error.errors())) from None


def _explain(tree: yaml.Node | None, problem: ErrorDetails) -> str:
    path = [str(step) for step in problem["loc"]]
    if not path:
        return problem["msg"].removeprefix("Value error, ")
    return f"line {_line_of(tree, path)}: {'.'.join(path)}: {problem['msg']}"


def _line_of(node: yaml.Node | None, path: list[str]) -> int:
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
