"""Record signature: was this record written by a process of ours, for this topic, as it stands?

An HMAC-SHA256 over topic, key, value and our own headers, by a key that the processes share. What a
reader of one topic copies into another, or under another name, isn't genuine.
"""

from collections.abc import Iterable, Sequence
from hmac import compare_digest, digest
from typing import Final

from producers.contract import codec
from producers.contract.codec import Headers
from producers.kafka.broker import Outgoing, Record

_DOMAIN: Final = b"switchgear record 1:"
_LEAST_BYTES: Final = 32
_TRACE: Final = frozenset({"traceparent", "tracestate", "baggage"})
"""Each hop changes them, and nothing is decided by them."""
_DEAD_LETTER: Final = "x-dlq-"


def _frame(part: bytes | None) -> bytes:
    return b"-" if part is None else b"%d:%b" % (len(part), part)


_NAMES: Final = {
    name: _frame(name.encode()) for name in codec.OWN_HEADERS - _TRACE - {codec.SIGNATURE}
}
"""The headers that matter, as they are signed: this is on every record's way."""


class RecordSigner:
    """Signs with the first key, and believes all: so a key can be replaced without a gap."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises ValueError for a key that is too short, without quoting it."""
        if not keys or any(len(key.encode()) < _LEAST_BYTES for key in keys):
            raise ValueError(f"a router key has at least {_LEAST_BYTES} bytes")
        self._keys = [key.encode() for key in keys]

    def sign(self, record: Outgoing) -> Outgoing:
        """The record with our signature, in the place of any that it had."""
        headers = [pair for pair in record.headers if pair[0] != codec.SIGNATURE]
        framed = _framed(record.topic, record.key, headers)
        headers.append((codec.SIGNATURE, _mac(self._keys[0], framed, record.value).encode()))
        return Outgoing(record.topic, record.value, record.key, headers, record.partition)

    def genuine(self, record: Record) -> bool:
        """Whether we have written it, and nothing that matters was changed."""
        stated = codec.header(record.headers, codec.SIGNATURE)
        if stated is None or not stated.isascii():
            return False
        framed = _framed(record.partition.topic, record.key, record.headers)
        return any(compare_digest(stated, _mac(key, framed, record.value)) for key in self._keys)


def _mac(key: bytes, framed: bytes, value: bytes) -> str:
    # in one piece: half the time of an object that is updated
    return digest(key, b"".join((_DOMAIN, framed, value)), "sha256").hex()


def _framed(topic: str, key: bytes | None, headers: Headers) -> bytes:
    """All but the value, each part behind its length, so that no two records read the same."""
    parts = [_frame(topic.encode()), _frame(key), *_framed_headers(headers)]
    return b"%d." % len(parts) + b"".join(parts)


def _framed_headers(headers: Headers) -> Iterable[bytes]:
    for name, value in headers:
        frame = _NAMES.get(name)
        if frame is None and name.startswith(_DEAD_LETTER):
            # the reader of a record makes names of bytes that are no UTF-8, too
            frame = _frame(name.encode("utf-8", "surrogateescape"))
        if frame is not None:
            yield frame
            yield _frame(value)
