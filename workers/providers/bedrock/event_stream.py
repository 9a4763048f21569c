"""AWS event stream parser: the messages in bytes of `application/vnd.amazon.eventstream`.

A message is: its length, its headers' length and a CRC of both, headers, payload, a CRC of all
before it. Integers are big-endian. Own code because botocore's costs four times the CPU time a
message (docs/adr/0008); botocore's is the tests' oracle.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from struct import unpack_from
from typing import Final
from zlib import crc32

_PRELUDE: Final = 12
_CRC: Final = 4
_STRING: Final = 7
_FIXED: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of each header type of fixed size; 6 and 7 (bytes, string) carry a length of two bytes."""
_LONGEST: Final = 25 * 1024 * 1024
"""Bytes of a message: above what botocore takes (24 MiB of payload, 128 KiB of headers)."""


@dataclass(frozen=True, slots=True)
class EventMessage:
    """One message; headers of other types than string are left out."""

    headers: Mapping[str, str]
    payload: bytes


class EventStreamParser:
    """Feed it bytes as they arrive; it gives every finished message.

    Damage raises ValueError, once the messages before it have been given.
    """

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, received: bytes) -> Iterator[EventMessage]:
        """The messages that `received` finishes."""
        data: bytes | bytearray = received
        if self._rest:  # rarely: most chunks hold whole messages, which need no copy
            self._rest += received
            data = self._rest
        at = 0
        while len(data) - at >= _PRELUDE:
            total, headers, prelude_crc = unpack_from(">III", data, at)
            if crc32(data[at : at + 8]) != prelude_crc or not (
                _PRELUDE + headers + _CRC <= total <= _LONGEST
            ):
                raise ValueError("an event's prelude is damaged")
            if len(data) - at < total:
                break
            yield _message(bytes(data[at : at + total]), headers)
            at += total
        if data is received:
            self._rest = bytearray(received[at:])
        else:
            del self._rest[:at]


def _message(frame: bytes, headers: int) -> EventMessage:
    if crc32(frame[:-_CRC]) != unpack_from(">I", frame, len(frame) - _CRC)[0]:
        raise ValueError("an event's checksum doesn't match")
    end = _PRELUDE + headers
    return EventMessage(_headers(frame[_PRELUDE:end]), frame[end:-_CRC])


@lru_cache(maxsize=256)
def _headers(data: bytes) -> Mapping[str, str]:
    """A stream repeats the same few blocks of headers, event after event."""
    headers: dict[str, str] = {}
    at = 0
    while at < len(data):
        name_end = at + 1 + data[at]
        name, kind = data[at + 1 : name_end].decode(), data[name_end]
        at = name_end + 1
        if kind in _FIXED:
            at += _FIXED[kind]
            continue
        size = unpack_from(">H", data, at)[0]
        if kind == _STRING:
            headers[name] = data[at + 2 : at + 2 + size].decode()
        at += 2 + size
    return headers
