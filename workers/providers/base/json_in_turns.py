"""Incremental JSON parser: a large answer, read piece by piece; the event loop has its turns.

A parser in C holds the interpreter from a text's beginning to its end, on whatever thread it runs:
an answer of as many fields as the limit leaves stops the loop for 50 ms from any thread. Here the
same parser reads some kilobytes of whole values at a time, and between them other threads may run.
"""

import re
from typing import Any, Final

from pydantic_core import from_json

from producers.json_values import TooManyMarksError, collector_paused, marks_in, read_json

LARGE: Final = 65_536
"""Bytes of an answer's JSON above which it is read on a thread: at the most 2 ms of parsing."""
_AT_ONCE: Final = 16_384
"""Marks of a text that is parsed at once, on a thread: at the most 5 ms."""
_DEEPEST: Final = 200
"""As the parser at once."""

_PIECE: Final = LARGE
"""Bytes that are parsed at a time, of values with little in them."""

_TOKEN: Final = re.compile(rb'[ \t\r\n]*+([\[\]{},:"]|[^ \t\r\n\[\]{},:"]++)')
_S: Final = rb"[ \t\r\n]*+"
_NAME: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SCALAR: Final = rb'(?:%b|[^ \t\r\n\[\]{},:"]++)' % _NAME


def _many(element: bytes) -> bytes:
    """Elements with commas between them, or none."""
    return rb"%b(?:%b%b(?:,%b%b%b)*+)?+" % (_S, element, _S, _S, element, _S)


# a mark in a text can't be taken for one outside: texts are matched whole, from a value's beginning
_LIST: Final = rb'(?:\[[^\[\]{}"]*+\]|\[%b\])' % _many(_SCALAR)  # of numbers first: embeddings
_MEMBER: Final = rb"%b%b:%b(?:%b|%b)" % (_NAME, _S, _S, _SCALAR, _LIST)
_SIMPLE: Final = rb"(?:%b|%b|\{%b\})" % (_SCALAR, _LIST, _many(_MEMBER))
_ELEMENTS: Final = re.compile(rb"(?:%b%b%b,)++" % (_S, _SIMPLE, _S))
_MEMBERS: Final = re.compile(rb"(?:%b%b%b:%b%b%b,)++" % (_S, _NAME, _S, _S, _SIMPLE, _S))
_BACKSLASH: Final = 0x5C


def read_answer_json(raw: bytes, most: int) -> Any:  # noqa: ANN401 JSON
    """As `read_json`, in turns where that takes long. More than LARGE bytes: not on the loop."""
    if len(raw) <= LARGE or (marks := marks_in(raw)) <= min(_AT_ONCE, most):
        return read_json(raw, most)
    if marks > most:
        raise TooManyMarksError(f"more than {most:,} marks")
    with collector_paused(raw):
        return _Text(raw).whole()


class _Text:
    """One text, and how far it has been read."""

    __slots__ = ("_at", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def whole(self) -> Any:  # noqa: ANN401 JSON
        value = self._value(self._token(), 0)
        if self._raw[self._at :].strip(b" \t\r\n"):
            raise ValueError("something behind the value")
        return value

    def _token(self) -> bytes:
        """The next mark or word; of a text its first quotation mark."""
        found = _TOKEN.match(self._raw, self._at)
        if found is None:
            raise ValueError("the end of a value is missing")
        self._at = found.end()
        return found[1]

    def _value(self, token: bytes, depth: int) -> Any:  # noqa: ANN401 JSON
        match token:
            case b'"':
                return self._text()
            case b"[" | b"{" if depth == _DEEPEST:
                raise ValueError("nested too deeply")
            case b"[":
                return self._list(depth + 1)
            case b"{":
                return self._object(depth + 1)
            case _:
                return from_json(token)

    def _text(self) -> str:
        """The text whose quotation mark has been read."""
        raw, begin = self._raw, self._at - 1
        end = begin
        while (end := raw.find(b'"', end + 1)) >= 0:
            before = end
            while raw[before - 1] == _BACKSLASH:
                before -= 1
            if (end - before) % 2 == 0:
                self._at = end + 1
                text: str = from_json(raw[begin : self._at], cache_strings="none")
                return text
        raise ValueError("the end of a text is missing")

    def _run(self, pattern: re.Pattern[bytes]) -> bytes:
        """What of it is next and no longer than a piece; b"" for nothing."""
        found = pattern.match(self._raw, self._at, self._at + _PIECE)
        if found is None:
            return b""
        self._at = found.end()
        return found[0]

    def _list(self, depth: int) -> list[Any]:
        values: list[Any] = []
        ended = self._is_empty(b"]")
        while not ended:
            while depth < _DEEPEST - 1 and (run := self._run(_ELEMENTS)):
                values += from_json(b"[%b]" % run[:-1], cache_strings="none")
            values.append(self._value(self._token(), depth))
            ended = self._ends(b"]")
        return values

    def _object(self, depth: int) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        ended = self._is_empty(b"}")
        while not ended:
            while depth < _DEEPEST - 1 and (run := self._run(_MEMBERS)):
                fields |= from_json(b"{%b}" % run[:-1], cache_strings="none")
            if self._token() != b'"':
                raise ValueError("a field without a name")
            name = self._text()
            if self._token() != b":":
                raise ValueError("a field without a value")
            fields[name] = self._value(self._token(), depth)
            ended = self._ends(b"}")
        return fields

    def _is_empty(self, end: bytes) -> bool:
        """Whether what has begun ends at once; then its end is read."""
        before = self._at
        if self._token() == end:
            return True
        self._at = before
        return False

    def _ends(self, end: bytes) -> bool:
        """Whether what is read ends here; else a comma is next. Raises ValueError."""
        token = self._token()
        if token not in (end, b","):
            raise ValueError("a comma is missing")
        return token == end
