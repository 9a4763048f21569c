"""Configuration check: is a text a usable `switchgear.yaml`, and if not, which line must change?

Router, workers, cache and the command `switchgear config check` accept exactly what `check_config`
accepts. What depends on the machine (keys, addresses, importable validators) is checked where it is
used.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from producers.contract.message import PASSED_ON
from runtime.config.catalog import Catalog, IncoherentCatalogError
from runtime.config.config_schema import keys_at
from runtime.config.references import ConfigPath, suggest_name, undefined_names
from runtime.config.tier_order import tier_order_mistakes
from runtime.config.yaml_document import (
    MAX_FILE_CHARACTERS,
    UnreadableYaml,
    YamlDocument,
    read_yaml,
)
from runtime.known.expansion import expand_document
from runtime.known.tables import known_tables

MAX_PROBLEMS: Final = 100
"""Of each kind; who mends a hundred sees the next hundred."""
_EXPECTED: Final = re.compile(r"(?:Input|String) should (.*?)(?: or instance of \w+)?$")

_MOST_BYTES: Final = 4 * MAX_FILE_CHARACTERS + 4
"""Enough to tell that a file has too many characters, however they are encoded."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """A mistake and how to mend it."""

    line: int | None
    """From 1; None when the mistake has no place in the text."""
    where: str
    """The keys that lead there, joined by dots."""
    what: str
    fix: str

    def __str__(self) -> str:
        line = "" if self.line is None else f"line {self.line}: "
        return f"{line}{self.where}: {self.what}; {self.fix}"


@dataclass(eq=False)
class ConfigError(Exception):
    """The file can't be used. problems: in the order of their lines."""

    problems: tuple[ConfigProblem, ...]
    file: Path = Path("switchgear.yaml")

    def __str__(self) -> str:
        return f"{self.file}: " + "\n  ".join(map(str, self.problems))


def read_config(path: Path) -> Catalog:
    """The catalogue of a file. Raises ConfigError or OSError."""
    return parse_config(config_text(path), path)


def config_text(path: Path) -> str:
    """What the file says. Raises ConfigError or OSError; waits for nobody, and reads no device."""
    # a pipe without a writer would hold its reader for ever
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            problem = ConfigProblem(None, "the file", "no ordinary file", "name a file")
            raise ConfigError((problem,), path)
        raw = file.read(_MOST_BYTES)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        problem = ConfigProblem(None, "the file", f"not UTF-8: {error.reason}", "save it as UTF-8")
        raise ConfigError((problem,), path) from None


def parse_config(text: str, file: Path = Path("switchgear.yaml")) -> Catalog:
    """The catalogue of a YAML text. Raises ConfigError, which names `file`."""
    match check_config(text):
        case Catalog() as catalog:
            return catalog
        case problems:
            raise ConfigError(problems, file)


def check_config(text: str) -> Catalog | tuple[ConfigProblem, ...]:
    """The catalogue with every section checked, or every mistake in the order of its line."""
    document = read_yaml(text)
    if isinstance(document, UnreadableYaml):
        return (ConfigProblem(document.line, "the file", document.what, document.fix),)
    if isinstance(document.data, Mapping):
        document = replace(document, data=expand_document(document.data, known_tables()))
    problems = [*_duplicate_keys(document), *_incoherences(document)][:MAX_PROBLEMS]
    try:
        # the contract's models pass over keys of newer clients; in the file they are mistakes, told
        # with the line of the key and not of its section
        catalog = Catalog.model_validate(document.data, extra="forbid", context=PASSED_ON)
    except ValidationError as error:
        problems += [
            _refused_value(document, detail)
            for detail in error.errors(include_url=False, include_input=False)[:MAX_PROBLEMS]
            if not _reports_incoherences(detail)
        ]
    else:
        if not problems:
            return catalog
    return tuple(sorted(problems, key=lambda problem: problem.line or 0))


def _duplicate_keys(document: YamlDocument) -> Iterator[ConfigProblem]:
    for duplicate in document.duplicates:
        what = f"also defined on line {duplicate.first_line}"
        yield ConfigProblem(duplicate.line, ".".join(duplicate.path), what, "keep one")


def _incoherences(document: YamlDocument) -> Iterator[ConfigProblem]:
    if isinstance(document.data, Mapping):
        for name in undefined_names(document.data):
            line, what = document.line_of(name.path), f"{name.name!r} is not defined"
            yield ConfigProblem(line, ".".join(name.path), what, name.suggestion)
        for mistake in tier_order_mistakes(document.data):
            line = document.line_of(mistake.path)
            yield ConfigProblem(line, ".".join(mistake.path), mistake.what, mistake.fix)


def _reports_incoherences(detail: ErrorDetails) -> bool:
    """Whether the catalogue reports in one what `_incoherences` reports with its lines."""
    return isinstance(detail.get("ctx", {}).get("error"), IncoherentCatalogError)


def _refused_value(document: YamlDocument, detail: ErrorDetails) -> ConfigProblem:
    path = tuple(str(step) for step in detail["loc"] if step != "[key]")
    what, fix = _words(detail, path)
    return ConfigProblem(document.line_of(path), ".".join(path) or "the file", what, fix)


def _words(detail: ErrorDetails, path: ConfigPath) -> tuple[str, str]:
    """(what is wrong, what to do) of a value that the section's model refused."""
    message = detail["msg"].removeprefix("Value error, ")
    match detail["type"]:
        case "extra_forbidden":
            return "unknown key", _key_fix(path)
        case "missing":
            return "this key is missing", "add it"
        case "value_error" if "; " in message:
            what, _, fix = message.rpartition("; ")
            return what, fix
        case _ if expected := _EXPECTED.match(message):
            return "this value can't be used", f"it should {expected[1]}"
        case _:
            return message, "change the value"


def _key_fix(path: ConfigPath) -> str:
    keys = keys_at(path[:-1])
    nearest = suggest_name(path[-1], keys)
    if nearest is not None:
        return f"did you mean {nearest!r}?"
    return f"remove it; known are: {', '.join(keys)}" if keys else "remove it"
