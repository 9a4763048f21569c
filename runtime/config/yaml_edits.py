"""Edits of a YAML text in place: whatever isn't changed keeps its words, comments and layout.

A round trip through a YAML library moves comments and spaces; these edits splice the text at the
places that the parser marks. They refuse what they can't place, such as a part that an alias shares
with another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from runtime.config.references import ConfigPath

FlowValue: TypeAlias = str | int | float | Mapping[str, "FlowValue"]
"""What an edit can write: it stands in one line."""


@dataclass(frozen=True, slots=True)
class CannotEdit:
    """Why the text was left as it is, in words."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Splice:
    start: int
    end: int
    text: str

    def applied(self, text: str) -> str:
        return text[: self.start] + self.text + text[self.end :]


def set_value(text: str, path: ConfigPath, value: FlowValue) -> str | CannotEdit:
    """`text` with `value` at `path`; keys that are missing on the way are added.

    Of a mapping that is there already only the keys of `value` change.
    """
    node = _root(text)
    for depth, name in enumerate(path):
        if isinstance(node, CannotEdit):
            return node
        if not isinstance(node, MappingNode):
            return CannotEdit(f"{'.'.join(path[:depth]) or 'the file'} is no mapping")
        entry = _entry(node, name)
        if entry is None:
            return _added(text, node, path[depth:], value)
        key, child = entry
        if child.start_mark.index < key.end_mark.index:
            # an alias is the very node that it stands for, which is written further up
            return CannotEdit(f"{'.'.join(path[: depth + 1])} is an alias of another part")
        if isinstance(child, ScalarNode) and not child.value and not child.style:
            inner = _flow(_nested(path[depth + 1 :], value))
            end = text.index(":", key.end_mark.index) + 1
            return f"{text[:end]} {inner}{text[end:]}"
        node = child
    return node if isinstance(node, CannotEdit) else _replaced(text, node, path, value)


def move_before(text: str, path: ConfigPath, names: Sequence[str], anchor: str) -> str | CannotEdit:
    """The list at `path` with `names` in front of `anchor`; those that it hasn't are added."""
    node = _root(text)
    for key in path:
        entry = _entry(node, key) if isinstance(node, MappingNode) else None
        node = CannotEdit(f"there is no {'.'.join(path)}") if entry is None else entry[1]
    if not isinstance(node, SequenceNode) or not _plain_items(node):
        return CannotEdit(f"{'.'.join(path)} is no plain list")
    current = [item.value for item in node.value]
    if anchor not in current:
        return CannotEdit(f"{'.'.join(path)} doesn't list {anchor}")
    rest = [name for name in current if name not in names]
    place = rest.index(anchor)
    wanted = [*rest[:place], *names, *rest[place:]]
    if node.flow_style:
        start, end = node.start_mark.index, node.end_mark.index
        if "\n" in text[start:end]:
            return CannotEdit(f"{'.'.join(path)} is a bracketed list of several lines")
        return _Splice(start, end, f"[{', '.join(map(_scalar, wanted))}]").applied(text)
    return _reordered_lines(text, node, wanted)


def _root(text: str) -> Node | CannotEdit:
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        return CannotEdit(f"not YAML: {str(error).splitlines()[0]}")
    return CannotEdit("the file is empty") if node is None else node


def _entry(node: MappingNode, name: str) -> tuple[Node, Node] | None:
    return next(((key, value) for key, value in node.value if key.value == name), None)


def _replaced(text: str, node: Node, path: ConfigPath, value: FlowValue) -> str | CannotEdit:
    if isinstance(node, MappingNode) and isinstance(value, Mapping):
        for key, part in value.items():
            changed = set_value(text, (*path, key), part)
            if isinstance(changed, CannotEdit):
                return changed
            text = changed
        return text
    if isinstance(node, ScalarNode) or (isinstance(node, CollectionNode) and node.flow_style):
        return _Splice(node.start_mark.index, node.end_mark.index, _flow(value)).applied(text)
    return CannotEdit(f"{'.'.join(path)} is a list or mapping of several lines")


def _added(text: str, node: MappingNode, path: ConfigPath, value: FlowValue) -> str | CannotEdit:
    """The missing keys behind the last of the mapping."""
    inner = _flow(_nested(path, value))[1:-1]
    if not node.value:
        return _Splice(node.start_mark.index, node.end_mark.index, f"{{{inner}}}").applied(text)
    if node.flow_style:
        end = node.value[-1][1].end_mark.index
        return _Splice(end, end, f", {inner}").applied(text)
    last = node.value[-1][1]
    while isinstance(last, CollectionNode) and not last.flow_style and last.value:
        item = last.value[-1]
        last = item[1] if isinstance(item, tuple) else item
    if isinstance(last, ScalarNode) and last.style in {"|", ">"}:
        return CannotEdit("the mapping ends with a text of several lines")
    end = text.find("\n", last.end_mark.index)
    end = len(text) if end < 0 else end
    lines = _block_lines(path, value, node.start_mark.column)
    return _Splice(end, end, "".join(f"\n{line}" for line in lines)).applied(text)


def _block_lines(path: ConfigPath, value: FlowValue, indent: int) -> list[str]:
    """One line for each key of `path`, the last with the value."""
    *outer, last = path
    lines = [f"{' ' * (indent + 2 * depth)}{_scalar(key)}:" for depth, key in enumerate(outer)]
    return [*lines, f"{' ' * (indent + 2 * len(outer))}{_scalar(last)}: {_flow(value)}"]


def _plain_items(node: SequenceNode) -> bool:
    return all(
        isinstance(item, ScalarNode) and item.start_mark.index >= node.start_mark.index
        for item in node.value
    )


def _reordered_lines(text: str, node: SequenceNode, wanted: Sequence[str]) -> str | CannotEdit:
    """Whole lines change places, so that a comment stays with its item."""
    lines = text.split("\n")
    numbers = [item.start_mark.line for item in node.value]
    if len(set(numbers)) != len(numbers):
        return CannotEdit("several items of the list stand in one line")
    by_name = {item.value: lines[item.start_mark.line] for item in node.value}
    dash = " " * node.start_mark.column + "- "
    moved = [by_name.get(name, dash + _scalar(name)) for name in wanted]
    for number, line in zip(numbers, moved, strict=False):
        lines[number] = line
    after = numbers[-1] + 1
    lines[after:after] = moved[len(numbers) :]
    return "\n".join(lines)


def _nested(path: ConfigPath, value: FlowValue) -> FlowValue:
    for key in reversed(path):
        value = {key: value}
    return value


def _flow(value: FlowValue) -> str:
    match value:
        case Mapping():
            inner = ", ".join(f"{_scalar(key)}: {_flow(part)}" for key, part in value.items())
            return f"{{{inner}}}"
        case str():
            return _scalar(value)
        case _:
            return f"{value}"


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/@")
_NOT_TEXT = frozenset({"null", "true", "false", "yes", "no", "on", "off"})


def _scalar(word: str) -> str:
    """The word as YAML reads it again: quoted where it has to be."""
    plain = bool(word) and set(word) <= _PLAIN and word[0].isalpha()
    if plain and word.lower() not in _NOT_TEXT:
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
