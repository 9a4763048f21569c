"""Streamed tool calls in OpenAI's dialect: pieces put together without trust in their index.

OpenAI numbers the pieces of each call. Servers that imitate it leave the index out, send null, use
one index for two calls, or repeat the name, or a fresh id, in every piece.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import to_json

from runtime import limits
from workers.providers.base.json_values import mapping_of
from workers.providers.openai.field_pieces import joined_texts

_FUNCTION: Final = {"name", "arguments"}
_LONGEST_INDEX: Final = 6
_LONGEST_NAME: Final = 10_000
_OWN: Final = {"index", "id", "type", "function"}
_TOKENS: Final = re.compile(r'\\.|\\\Z|["{}]', re.DOTALL)


@dataclass(slots=True)
class OpenObject:
    """Whether the pieces of a JSON object have come to its end; each is looked at once."""

    closed: bool = False
    _depth: int = 0
    _in_text: bool = False
    _is_escaped: bool = False
    """The last piece ended behind a backslash."""

    def add(self, piece: str) -> None:
        """The next piece."""
        start = 1 if self._is_escaped and piece else 0
        self._is_escaped = self._is_escaped and not piece
        for token in _TOKENS.finditer(piece, start):
            match token[0]:
                case '"':
                    self._in_text = not self._in_text
                case "{" if not self._in_text:
                    self._depth += 1
                case "}" if not self._in_text:
                    self._depth -= 1
                    self.closed = self._depth == 0
                case "\\":
                    self._is_escaped = True


@dataclass(slots=True)
class _ToolCall:
    number: int
    id: str
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    others: dict[str, list[Any]] = field(default_factory=dict)
    """Pieces of further fields, which have to come back with the call, such as signatures."""
    _object: OpenObject = field(default_factory=OpenObject)
    _seen: int = 0

    @property
    def finished(self) -> bool:
        """Its arguments are whole: what comes next without any mark belongs to another call."""
        for piece in self.arguments[self._seen :]:
            self._object.add(piece)
        self._seen = len(self.arguments)
        return self._object.closed


class ToolCallPieces:
    """All calls of one answer, in the order in which they began."""

    def __init__(self) -> None:
        self._calls: list[_ToolCall] = []
        self._by_index: dict[int, _ToolCall] = {}
        self._by_id: dict[str, _ToolCall] = {}
        self.unreadable = False
        """A piece held neither a name nor arguments, but something else: the calls lack it."""

    def add(self, pieces: object) -> list[dict[str, Any]]:
        """The pieces as OpenAI would have sent them: each with its call's index, names once."""
        given = pieces if isinstance(pieces, list) else [pieces]
        return [self._add(piece) for piece in given if isinstance(piece, Mapping)]

    def whole(self) -> list[dict[str, Any]]:
        """The calls, put together."""
        return [_whole(call) for call in self._calls]

    def _add(self, piece: Mapping[str, Any]) -> dict[str, Any]:
        piece, function = call_and_function(piece)
        if function and function.keys().isdisjoint(_FUNCTION):
            self.unreadable = True
        name, call_id = _text(function.get("name")), _text(piece.get("id"))
        index = piece.get("index")
        number = _number(index)
        if isinstance(index, dict | list):  # what a damaged piece held of its call
            self.unreadable = True
        call = self._open_call(number, call_id, name)
        opened = call is None
        if call is None:
            call = self._begin(call_id)
        if number is not None:
            self._by_index[number] = call
        news: dict[str, str] = {}
        if name and name != call.name:
            call.name += name
            if len(call.name) > _LONGEST_NAME:
                raise ValueError("the name of a tool has no end")
            news["name"] = name
        arguments = arguments_text(function.get("arguments"))
        call.arguments.append(arguments)
        news["arguments"] = arguments
        others = {n: v for n, v in piece.items() if n not in _OWN and v is not None}
        for other, value in others.items():
            call.others.setdefault(other, []).append(value)
        head = {"id": call.id, "type": "function"} if opened else {}
        return {"index": call.number, **others, **head, "function": news}

    def _begin(self, call_id: str) -> _ToolCall:
        if too_many := limits.PROVIDER_PIECES.refusal(len(self._calls) + 1):
            raise ValueError(too_many)
        call = _ToolCall(len(self._calls), call_id or f"call_{len(self._calls)}")
        self._calls.append(call)
        self._by_id.setdefault(call.id, call)
        return call

    def _open_call(self, number: int | None, call_id: str, name: str) -> _ToolCall | None:
        """The call that a piece goes on with; None when it begins one."""
        last = self._calls[-1] if self._calls else None
        call = self._by_index.get(number) if number is not None else last
        if call is None:
            # an index that is new, after pieces without one: only an id or a name begins a call
            return None if call_id or name or last is None else last
        if call_id and call_id != call.id:
            same = self._by_id.get(call_id)
            # a fresh id in every piece is one server's fault; a fresh id with a name is a new call
            return same or (None if name else call)
        if number is None and name and not call_id and call.finished:
            return None
        return call


def _whole(call: _ToolCall) -> dict[str, Any]:
    others = {name: joined_texts(pieces) for name, pieces in call.others.items()}
    if "custom" in others and not call.name:  # a tool that takes text: it has no function
        return {**others, "id": call.id, "type": "custom"}
    function = {"name": call.name, "arguments": "".join(call.arguments)}
    return {**others, "id": call.id, "type": "function", "function": function}


def call_and_function(
    call: Mapping[str, Any],
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """A call, or a piece of one, and its function: some servers put its fields into the call."""
    if "function" in call or _FUNCTION.isdisjoint(call):
        return call, mapping_of(call.get("function"))
    function = {name: call[name] for name in _FUNCTION if name in call}
    return {name: value for name, value in call.items() if name not in _FUNCTION}, function


def arguments_text(arguments: object) -> str:
    """A call's arguments as OpenAI's JSON text; some servers send the object itself."""
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else to_json(arguments).decode()


def _number(index: object) -> int | None:
    """The index of a piece; some servers tell it as a text, or as a number with a fraction of 0."""
    match index:
        case int():
            return index
        case float() if index.is_integer():
            return int(index)
        case str() if index.isdecimal() and len(index) < _LONGEST_INDEX:
            return int(index)
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
