"""Record signature: was this record written by a process of ours, for this topic, as it stands?

An HMAC over topic, key, value and our own headers, by a key that the processes share. What a reader
of one topic copies into another, or under another name, isn't genuine.
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

from producers.contract import codec
from producers.contract.codec import Headers
from producers.kafka.broker import Outgoing, Record

_DOMAIN: Final = b"switchgear record 1"
_LEAST_BYTES: Final = 32
_TRACE: Final = frozenset({"traceparent", "tracestate", "baggage"})
"""Each hop changes them, and nothing is decided by them."""
_COVERED: Final = codec.OWN_HEADERS - _TRACE - {codec.SIGNATURE}
_DEAD_LETTER: Final = "x-dlq-"


class RecordSigner:
    """Signs with the first key, and believes all: so a key can be replaced without a gap."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises ValueError for a key that is too short, without quoting it."""
        if not keys or any(len(key.encode()) < _LEAST_BYTES for key in keys):
            raise ValueError(f"a router key has at least {_LEAST_BYTES} bytes")
        self._begun = [hmac.new(key.encode(), _DOMAIN, sha256) for key in keys]

    def sign(self, record: Outgoing) -> Outgoing:
        """The record with our signature, in the place of any that it had."""
        headers = [pair for pair in record.headers if pair[0] != codec.SIGNATURE]
        digest = self._digest(self._begun[0], record.topic, record.key, record.value, headers)
        return replace(record, headers=[*headers, (codec.SIGNATURE, digest.hex().encode())])

    def genuine(self, record: Record) -> bool:
        """Whether we have written it, and nothing that matters was changed."""
        stated = codec.header(record.headers, codec.SIGNATURE)
        if stated is None or not stated.isascii():
            return False
        place = record.partition.topic, record.key, record.value, record.headers
        digests = [self._digest(begun, *place).hex() for begun in self._begun]
        return any(hmac.compare_digest(stated, digest) for digest in digests)

    @staticmethod
    def _digest(
        begun: hmac.HMAC, topic: str, key: bytes | None, value: bytes, headers: Headers
    ) -> bytes:
        mac = begun.copy()
        covered = [pair for pair in headers if _matters(pair[0])]
        mac.update(b"%d." % len(covered) + b"".join(_framed(topic, key, covered)))
        mac.update(value)
        return mac.digest()


def _matters(name: str) -> bool:
    return name in _COVERED or name.startswith(_DEAD_LETTER)


def _framed(topic: str, key: bytes | None, headers: Headers) -> Iterable[bytes]:
    """Each part behind its length, so that no two records read the same."""
    yield _frame(topic.encode())
    yield _frame(key)
    for name, value in headers:
        # the reader of a record makes names of bytes that are no UTF-8, too
        yield _frame(name.encode("utf-8", "surrogateescape"))
        yield _frame(value)


def _frame(part: bytes | None) -> bytes:
    return b"-" if part is None else b"%d:%b" % (len(part), part)
