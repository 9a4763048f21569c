r"""Record batch decoding that survives a bad record, in the place of aiokafka's.

aiokafka decodes the names of headers strictly, and gives up a whole fetch for one that isn't UTF-8:
`getmany` then fails at the same place for ever. The broker checks no names, so any sender can write
one. Here such a name is read with escapes (`gr\xf6\xdfe`), and a record without a readable form
is delivered as its raw bytes: its reader refuses it as it refuses any nonsense. A batch that can't
be decompressed within bounds is delivered as one empty record in the place of all, with a header
that says which offsets it stands for.

The seam is private to aiokafka, so its version is bounded in pyproject.toml, and tests hold it.
"""

import logging
import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import (
    DefaultRecordBatch,
    _DefaultRecordBatchPy,
    _DefaultRecordPy,
)
from aiokafka.record.legacy_records import LegacyRecordBatch
from aiokafka.record.util import decode_varint
from aiokafka.structs import TopicPartition

from .inflation import InflationError, inflated

_log: Final = logging.getLogger(__name__)
_LENGTH: Final = struct.Struct(">i")
_LENGTH_AT: Final = 8
_OVERHEAD: Final = 12
"""Bytes before those that a batch's length counts."""

_MAGIC_AT: Final = 16
_ATTRIBUTES_AT: Final = 21
_ATTRIBUTES: Final = struct.Struct(">h")
_CODEC_MASK: Final = 0b111
_BODY_AT: Final = 61
_OFFSET: Final = struct.Struct(">q")
_LEGACY_ATTRIBUTES_AT: Final = 17
_LEGACY_KEY_AT: Final = (18, 26)
"""By format, 0 and 1."""
UNREADABLE: Final = "x-unreadable"
"""The header of a record that stands for what couldn't be read: why, and in whose place it is."""
_HEADERS_SINCE: Final = 2


def install() -> None:
    """Makes every consumer of this process read batches in this way; harmless when repeated.

    For what aiokafka can read itself nothing changes.
    """
    fetcher.MemoryRecords = Batches
    fetcher.PartitionRecords = _PartitionRecords


class Batches:
    """The batches of one partition in the answer to a fetch: aiokafka's `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self.partition: TopicPartition | None = None

    def size_in_bytes(self) -> int:
        """Of the whole answer, with the part of a batch that may be at its end."""
        return len(self._data)

    def has_next(self) -> bool:
        """Whether a whole batch is left."""
        return self._end() is not None

    def next_batch(self) -> "Batch | LegacyBatch | None":
        """The next batch; None when no whole one is left. Raises CorruptRecordException."""
        end = self._end()
        if end is None:
            return None
        if end <= self._at + _MAGIC_AT:
            raise CorruptRecordException(f"a batch of {self.partition} is shorter than its head")
        data = memoryview(self._data)[self._at : end]
        self._at = end
        magic = data[_MAGIC_AT]
        if magic < _HEADERS_SINCE:
            try:
                return LegacyBatch(data, magic, self.partition)
            except SystemError as error:
                raise CorruptRecordException(f"a batch of {self.partition}: {error}") from error
        if len(data) < _BODY_AT:
            raise CorruptRecordException(f"a batch of {self.partition} is shorter than its head")
        return Batch(data, self.partition)

    def _end(self) -> int | None:
        if len(self._data) - self._at < _OVERHEAD:
            return None
        (length,) = _LENGTH.unpack_from(self._data, self._at + _LENGTH_AT)
        end: int = self._at + _OVERHEAD + length
        return end if end <= len(self._data) else None


class Batch:
    """Records that were written together; what isn't defined here is aiokafka's own."""

    def __init__(self, data: memoryview, partition: TopicPartition | None) -> None:
        self._data = data
        self._partition = partition
        self._batch = DefaultRecordBatch(data)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 whatever aiokafka's has
        return getattr(self._batch, name)

    def __next__(self) -> Any:  # noqa: ANN401 aiokafka ships no types
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        delivered, offset, end = 0, self._batch.base_offset - 1, self._batch.next_offset
        try:
            plain = self._inflated()
        except InflationError as error:
            reason = f"its batch, up to offset {end - 1}, is left out: {error}"
            yield _unreadable(self._batch, offset + 1, b"", self._partition, reason)
            return
        try:
            for record in self._batch if plain is self._data else DefaultRecordBatch(plain):
                if not offset < (offset := record.offset) < end:
                    # an offset that doesn't rise, or leaves the batch, would move the position
                    # backwards or past records that nobody has read
                    break
                yield record
                delivered += 1
            else:
                return
        except Exception as error:  # noqa: BLE001 whatever it stumbles over, the others must be delivered
            _log.debug("aiokafka can't read a batch of %s: %r", self._partition, error)
        # the second reading begins anew, so what the first one delivered is skipped
        yield from islice(_salvaged(plain, self._partition), delivered, None)

    def _inflated(self) -> bytes | memoryview:
        """The batch as it would be without compression. Raises InflationError."""
        codec = self._batch.compression_type
        if not codec:
            return self._data
        body = inflated(codec, bytes(self._data[_BODY_AT:]))
        head = bytearray(self._data[:_BODY_AT])
        (attributes,) = _ATTRIBUTES.unpack_from(head, _ATTRIBUTES_AT)
        _ATTRIBUTES.pack_into(head, _ATTRIBUTES_AT, attributes & ~_CODEC_MASK)
        _LENGTH.pack_into(head, _LENGTH_AT, _BODY_AT + len(body) - _OVERHEAD)
        return b"".join((head, body))


class LegacyBatch:
    """A record set in a format from before Kafka 0.11, which brokers take up to version 3."""

    def __init__(self, data: memoryview, magic: int, partition: TopicPartition | None) -> None:
        self._data = data
        self._magic = magic
        self._partition = partition
        self._batch = LegacyRecordBatch(data, magic)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 whatever aiokafka's has
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        codec = self._data[_LEGACY_ATTRIBUTES_AT] & _CODEC_MASK
        try:
            if codec:
                inflated(codec, self._compressed())
        except (InflationError, struct.error) as error:
            (offset,) = _OFFSET.unpack_from(self._data)
            reason = f"its batch is left out: {error}"
            yield _stand_in(offset, 0, 0, b"", self._partition, reason)
            return
        try:
            yield from self._batch
        except Exception as error:  # noqa: BLE001 what C code stumbles over, others wait behind
            # in the place of the last one, so that the position moves past the batch
            reason = f"the rest of its batch is left out: {type(error).__name__}"
            yield _stand_in(self._batch.next_offset - 1, 0, 0, b"", self._partition, reason)

    def _compressed(self) -> bytes:
        """The value of the record that holds the others. Raises struct.error."""
        at = _LEGACY_KEY_AT[self._magic]
        for _ in ("key", "value"):
            (length,) = _LENGTH.unpack_from(self._data, at)
            at, start = at + _LENGTH.size + max(length, 0), at + _LENGTH.size
        return bytes(self._data[start:at])


class _PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka ships no types
    """aiokafka's, which tells the batches where they lie: the log must name the place."""

    def __init__(self, partition: TopicPartition, batches: Batches, *more: Any) -> None:  # noqa: ANN401
        batches.partition = partition
        super().__init__(partition, batches, *more)


def _salvaged(data: bytes | memoryview, partition: TopicPartition | None) -> Iterator[Any]:
    """Every record of a batch, in one form or another; the log names those that have a fault.

    data: of a batch that isn't compressed.
    """
    batch = _DefaultRecordBatchPy(data)
    body, at = bytes(data), _BODY_AT
    offset = batch.base_offset - 1
    while at < len(body) and offset + 1 < batch.next_offset:
        start, end = _bounds(body, at)
        try:
            record, escaped = _read(batch, body[start:end], after=offset)
        except (ValueError, IndexError) as error:
            record = _unreadable(batch, offset + 1, body[start:end], partition, str(error))
        else:
            if escaped:
                _warn(partition, record.offset, "a header's name isn't UTF-8, read with escapes")
        offset, at = record.offset, end
        yield record


def _bounds(body: bytes, at: int) -> tuple[int, int]:
    """Where the record at `at` begins, after its length, and ends; all of the rest if unclear."""
    try:
        length, start = decode_varint(body, at)
    except (ValueError, IndexError):
        return at, len(body)
    end = start + length
    return (start, end) if start <= end <= len(body) else (at, len(body))


def _read(batch: Any, body: bytes, *, after: int) -> tuple[Any, bool]:  # noqa: ANN401
    """The record, and whether a header's name had to be escaped.

    Raises ValueError or IndexError for what isn't one.
    """
    delta_ms, at = decode_varint(body, 1)  # the first byte is reserved
    delta, at = decode_varint(body, at)
    key, at = _bytes(body, at)
    value, at = _bytes(body, at)
    count, at = decode_varint(body, at)
    headers: list[tuple[str, bytes | None]] = []
    escaped = False
    for _ in range(count):
        name, at = _bytes(body, at)
        content, at = _bytes(body, at)
        readable = (name or b"").decode("utf-8", "backslashreplace")
        escaped = escaped or readable.encode() != name
        headers.append((readable, content))
    offset = batch.base_offset + delta
    # whatever the bytes were, a record must end where its length says and come in its turn
    if at != len(body) or not after < offset < batch.next_offset:
        raise ValueError("its length or its offset is wrong")
    timestamp = batch.max_timestamp if batch.timestamp_type else batch.first_timestamp + delta_ms
    return _DefaultRecordPy(offset, timestamp, batch.timestamp_type, key, value, headers), escaped


def _bytes(body: bytes, at: int) -> tuple[bytes | None, int]:
    length, at = decode_varint(body, at)
    if length < 0:
        return None, at
    if at + length > len(body):
        raise ValueError("a length beyond the record's end")
    return body[at : at + length], at + length


def _unreadable(
    batch: Any,  # noqa: ANN401 aiokafka ships no types
    offset: int,
    body: bytes,
    partition: TopicPartition | None,
    reason: str,
) -> Any:  # noqa: ANN401
    when = batch.max_timestamp, batch.timestamp_type
    return _stand_in(offset, *when, body, partition, reason)


def _stand_in(  # noqa: PLR0913, PLR0917 a record, spelled out
    offset: int,
    timestamp: int,
    timestamp_type: int,
    body: bytes,
    partition: TopicPartition | None,
    reason: str,
) -> Any:  # noqa: ANN401 aiokafka ships no types
    _warn(partition, offset, f"it can't be decoded: {reason}")
    why = [(UNREADABLE, reason.encode())]
    return _DefaultRecordPy(offset, timestamp, timestamp_type, None, body, why)


def _warn(partition: TopicPartition | None, offset: int, what: str) -> None:
    topic, number = partition or ("?", -1)
    _log.warning("the record at offset %d of %s, partition %d: %s", offset, topic, number, what)
