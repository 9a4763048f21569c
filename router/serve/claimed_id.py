"""Claimed id: what is the id of a request that can't be read?"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from pydantic_core import from_json

from producers.contract import codec
from producers.contract.wire_format import unframed
from producers.kafka.broker import Record

_BEGINNING: Final = 65_536
"""Bytes of a value in which its id is looked for."""
_END: Final = 8_192
"""Those at its end: they may be parsed once for each of the fields tried there."""
_TRIED_AT_END: Final = 8
_UUID_BYTES: Final = 16
_ID_FIELD: Final = re.compile(rb'"id"\s{0,100}:')
_ID_IN_TEXT: Final = re.compile(rb'"id\\?"\s{0,100}:\s{0,100}\\?"([^"\\]{1,800})\\?"')
"""Also within a JSON text, where quotes are escaped: the request was encoded twice."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def claimed_id(record: Record) -> str | None:
    """The id, wherever it may be; None: nowhere.

    The header, the beginning of the body and its end, the key, the correlation id of Spring Kafka,
    and last whatever stands for an id in a body that is no JSON.
    """
    beginning = unframed(record.value[:_BEGINNING]).removeprefix(_BYTE_ORDER_MARK)
    return (
        codec.request_id(record.headers)
        or _id_in_body(beginning, partial=True)
        or _id_at_end(record.value)
        or _id_in_key(record.key)
        or _spring_id(record)
        or _id_in_text(beginning)
    )


def _id_in_body(text: bytes, *, partial: bool) -> str | None:
    try:
        body = from_json(text, allow_partial=partial)
    except ValueError:
        return None
    claimed = body.get("id") if isinstance(body, Mapping) else None
    if isinstance(claimed, int) and not isinstance(claimed, bool):
        claimed = str(claimed)
    return codec.read_name(claimed.encode()) if isinstance(claimed, str) else None


def _id_at_end(value: bytes) -> str | None:
    """The id behind a long `body`: writers that sort fields by name put it there.

    What follows an outermost field closes one object and no more; what follows the id of a tool
    call doesn't.
    """
    if len(value) <= _BEGINNING:
        return None
    end = value[-_END:]
    fields = deque(_ID_FIELD.finditer(end), maxlen=_TRIED_AT_END)
    names = (_id_in_body(b"{" + end[field.start() :], partial=False) for field in reversed(fields))
    return next((name for name in names if name is not None), None)


def _id_in_key(key: bytes | None) -> str | None:
    """The key, also as a JSON text behind a schema's id."""
    plain = unframed(key or b"")
    quoted = len(plain) > 1 and plain[:1] == plain[-1:] == b'"'
    return codec.read_name(plain[1:-1] if quoted else plain)


def _spring_id(record: Record) -> str | None:
    """A UUID's bytes as its text, else the text that it is."""
    values = [value for name, value in record.headers if name == codec.SPRING_CORRELATION][-1:]
    if values and values[0] is not None and len(values[0]) == _UUID_BYTES:
        return str(UUID(bytes=values[0]))
    return codec.read_name(values[0]) if values else None


def _id_in_text(beginning: bytes) -> str | None:
    names: Iterator[str | None] = (
        codec.read_name(match[1]) for match in _ID_IN_TEXT.finditer(beginning)
    )
    return next((name for name in names if name is not None), None)
