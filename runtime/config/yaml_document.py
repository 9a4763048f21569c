"""YAML text as plain data with the line of every key, within bounds of size, depth and aliases."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from runtime import limits
from runtime.config.references import ConfigPath

MAX_FILE_CHARACTERS: Final = limits.CONFIG_FILE.value
MAX_DEPTH: Final = limits.CONFIG_DEPTH.value
MAX_BRACKETS: Final = 256
"""Open brackets, those in quoted text included. The scanner's time grows with their square."""
MAX_NODES: Final = limits.CONFIG_VALUES.value
"""Values with every alias written out: a few lines of aliases can stand for billions."""

_BRACKET: Final = re.compile(r"[\[\]{}]")


@dataclass(frozen=True, slots=True)
class UnreadableYaml:
    """The text is no YAML that can be used. line: from 1; None when the reader knows none."""

    line: int | None
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class DuplicateKey:
    """A key that its mapping holds already: YAML readers take one of the two without a word."""

    path: ConfigPath
    line: int
    first_line: int


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """data: of plain dict, list, str, int, float, bool, None (and what YAML makes of dates)."""

    data: object
    root: object
    duplicates: tuple[DuplicateKey, ...]

    def line_of(self, path: Sequence[str]) -> int:
        """The line (from 1) of the deepest part of `path` that the text has.

        A step that the text doesn't have is passed over: a validator names the kind of a union too.
        """
        line, node = 1, self.root
        for step in path:
            place = _child(node, step)
            if place is not None:
                line, node = place
        return line


def read_yaml(text: str) -> YamlDocument | UnreadableYaml:
    """The document of `text`, by YAML 1.2: `no` is a word, `false` is a truth value."""
    if len(text) > MAX_FILE_CHARACTERS:
        size = f"{len(text):,} characters, {MAX_FILE_CHARACTERS:,} may be"
        return UnreadableYaml(None, f"too long: {size}", "split it or remove what is unused")
    if _bracket_depth(text) > MAX_BRACKETS:
        return UnreadableYaml(None, "not usable: nested too deeply", "write it flat")
    try:
        return _load(text)
    except Exception as error:  # noqa: BLE001 - a value that doesn't fit its tag breaks the library
        return _refusal(error)


def _load(text: str) -> YamlDocument:
    loader = YAML(typ="rt", pure=True)
    loader.Constructor = _Constructor
    # an anchor that is used again takes its new meaning, as YAML 1.2 says; no warning is due
    loader.composer.warn_double_anchors = False
    root = loader.load(text)
    plain = _Plain(loader.constructor.duplicates)
    return YamlDocument(plain.value(root, ()), root, tuple(plain.duplicate_keys))


def _refusal(error: Exception) -> UnreadableYaml:
    match error:
        case MarkedYAMLError():
            line = None if error.problem_mark is None else error.problem_mark.line + 1
            problem = error.problem or error.context or "a mistake of syntax"
            return UnreadableYaml(line, f"not YAML: {problem}", "mend the syntax there")
        case _TooMuchError():
            fix = "write it flat and without aliases"
            return UnreadableYaml(None, f"not usable: {error}", fix)
        case RecursionError():
            return UnreadableYaml(None, "not usable: nested too deeply", "write it flat")
        case YAMLError() | ValueError() | TypeError():
            # such as a date that doesn't exist: the reader knows no line
            problem = next(iter(str(error).splitlines()), type(error).__name__)
            return UnreadableYaml(None, f"not YAML: {problem}", "mend or quote the value")
        case _:
            problem = "not YAML: a value isn't what its tag or its first sign says"
            return UnreadableYaml(None, problem, "quote it, such as '-_', or leave out its !!tag")


def _bracket_depth(text: str) -> int:
    """The most brackets that are open at once, whatever is quoted."""
    depth = deepest = 0
    for bracket in _BRACKET.finditer(text):
        depth = depth + 1 if bracket[0] in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


class _TooMuchError(ValueError):
    """A bound is exceeded."""


@dataclass(frozen=True, slots=True)
class _Duplicate:
    mapping: CommentedMap
    key: object
    line: int


class _Constructor(RoundTripConstructor):
    """Keeps lines as its base does; notes every duplicate key, where that raises at the first."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 the base's signature
        super().__init__(*args, **options)
        self.duplicates: list[_Duplicate] = []

    # the base's signature, of which only three parameters matter
    def check_mapping_key(self, _node: Any, key_node: Any, mapping: Any, key: Any, _: Any) -> bool:  # noqa: ANN401
        if key not in mapping:
            return True
        self.duplicates.append(_Duplicate(mapping, key, key_node.start_mark.line + 1))
        return False


@dataclass(slots=True)
class _Plain:
    """Copies the loader's values into plain ones: a validator written in C sees merged keys too."""

    duplicates: Sequence[_Duplicate]
    duplicate_keys: list[DuplicateKey] = field(default_factory=list)
    nodes: int = 0

    def value(self, node: object, path: ConfigPath) -> object:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _TooMuchError(f"more than {MAX_NODES:,} values, aliases written out")
        if len(path) > MAX_DEPTH:
            raise _TooMuchError(f"nested more than {MAX_DEPTH} deep")
        match node:
            case CommentedMap():
                self.duplicate_keys.extend(self._duplicates_of(node, path))
                return {
                    _scalar(key): self.value(child, (*path, str(key)))
                    for key, child in node.items()
                }
            case CommentedSeq():
                return [self.value(child, (*path, str(n))) for n, child in enumerate(node)]
            case _:
                return _scalar(node)

    def _duplicates_of(self, mapping: CommentedMap, path: ConfigPath) -> Iterator[DuplicateKey]:
        for duplicate in self.duplicates:
            if duplicate.mapping is mapping:
                first_line = mapping.lc.key(duplicate.key)[0] + 1
                yield DuplicateKey((*path, str(duplicate.key)), duplicate.line, first_line)


def _scalar(node: object) -> Any:  # noqa: ANN401 a key must be hashable
    """The loader keeps how a number or a text was written in subclasses of the plain types."""
    match node:
        case bool() | ScalarBoolean():
            return bool(node)
        case int():
            return int(node)
        case float():
            return float(node)
        case str():
            return str(node)
        case _:
            return node


def _child(node: object, step: str) -> tuple[int, object] | None:
    match node:
        case CommentedMap():
            key = next((key for key in node if str(key) == step), None)
            # a key that was merged in from an alias has no line of its own
            if key is None or key not in (node.lc.data or {}):
                return None
            return node.lc.key(key)[0] + 1, node[key]
        case CommentedSeq() if step.isdigit() and int(step) < len(node):
            return node.lc.item(int(step))[0] + 1, node[int(step)]
        case _:
            return None
