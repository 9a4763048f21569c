"""Bounded decompression of a record batch, for each of Kafka's codecs.

aiokafka inflates whatever comes, before it looks at it: 300 kB of gzip are 300 MB. The broker
can't see it either, so each reader must stop by itself.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final

try:
    import cramjam
except ImportError:  # of the client's wheel: as aiokafka, it then reads plain batches and gzip
    cramjam = None  # type: ignore[assignment]

MAX_INFLATED_BYTES: Final = 16_777_216
"""Of one batch. Twice the largest record that we write; gzip takes a tenth of a second for it."""

_GZIP: Final = 1
_GZIP_WINDOW: Final = 31
_MOST_MEMBERS: Final = 16
"""Of gzip; clients write one. What is behind each is copied once more."""
_MOST_BLOCKS: Final = 16_384
"""Of snappy; Java's have 32 kB each."""
_GUESS: Final = 20
"""Times the compressed size: tried first, so that an ordinary batch takes a small buffer."""

_XERIAL: Final = b"\x82SNAPPY\x00"
_XERIAL_HEAD: Final = 16
"""Bytes of the frame that Java clients put around snappy's blocks."""
_BLOCK_SIZE: Final = struct.Struct(">i")


class InflationError(ValueError):
    """The batch can't be decompressed, or not within the limit; the text says which."""


class _TooLargeError(Exception):
    """It takes more than the limit."""


def inflated(codec: int, data: bytes, limit: int = MAX_INFLATED_BYTES) -> bytes:
    """The records of a batch. codec: Kafka's number of it, 1..4. Raises InflationError."""
    inflate = _CODECS.get(codec) if cramjam is not None or codec == _GZIP else None
    if inflate is None:
        raise InflationError(f"codec {codec} isn't known here")
    try:
        return inflate(data, limit)
    except _TooLargeError:
        raise InflationError(f"it is more than {limit:,} bytes when decompressed") from None
    except InflationError:
        raise
    except Exception as error:
        # whatever the codec's library raises for broken bytes
        raise InflationError(f"it can't be decompressed: {type(error).__name__}") from error


def _gzip(data: bytes, limit: int) -> bytes:
    parts, size = [], 0
    while data:
        member = zlib.decompressobj(_GZIP_WINDOW)
        part = member.decompress(data, limit - size + 1)
        parts.append(part)
        size += len(part)
        if size > limit:
            raise _TooLargeError
        if len(parts) > _MOST_MEMBERS:
            raise InflationError(f"it has more than {_MOST_MEMBERS} gzip members")
        if not member.eof:
            raise InflationError("it can't be decompressed: it ends too early")
        data = member.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _snappy(data: bytes, limit: int) -> bytes:
    if not data.startswith(_XERIAL):
        return _snappy_block(data, limit)
    blocks, at, size = [], _XERIAL_HEAD, 0
    while at < len(data):
        (length,) = _BLOCK_SIZE.unpack_from(data, at)
        at += _BLOCK_SIZE.size
        if not 0 < length <= len(data) - at:
            raise InflationError("it can't be decompressed: a block beyond its end")
        block = _snappy_block(data[at : at + length], limit - size)
        blocks.append(block)
        if len(blocks) > _MOST_BLOCKS:
            raise InflationError(f"it has more than {_MOST_BLOCKS:,} blocks")
        size += len(block)
        at += length
    return b"".join(blocks)


def _snappy_block(data: bytes, limit: int) -> bytes:
    if cramjam.snappy.decompress_raw_len(data) > limit:
        raise _TooLargeError
    return bytes(cramjam.snappy.decompress_raw(data))


def _lz4(data: bytes, limit: int) -> bytes:
    return _into(cramjam.lz4.decompress_into, data, limit)


def _zstd(data: bytes, limit: int) -> bytes:
    return _into(cramjam.zstd.decompress_into, data, limit)


def _into(inflate: Callable[[bytes, bytearray], int], data: bytes, limit: int) -> bytes:
    for size in (min(limit, _GUESS * len(data) + 1_024), limit):
        buffer = bytearray(size)
        try:
            return bytes(memoryview(buffer)[: inflate(data, buffer)])
        except cramjam.DecompressionError:
            # broken, or larger than the buffer: the library doesn't tell
            continue
    raise InflationError(f"it can't be decompressed, or not into {limit:,} bytes")


_CODECS: Final[Mapping[int, Callable[[bytes, int], bytes]]] = {
    _GZIP: _gzip,
    2: _snappy,
    3: _lz4,
    4: _zstd,
}
