"""Batches as no aiokafka producer writes them: with header names that aren't UTF-8, and broken."""

import struct
import zlib
from collections.abc import Iterator, Sequence

import cramjam
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.util import calc_crc32c, encode_varint

PLAIN, GZIP, SNAPPY, LZ4, ZSTD = range(5)
LATIN = "größe".encode("latin-1")
_STAND_IN = "~~~~~"
_BODY_AT = 61


def batch(names: Sequence[bytes], codec: int = PLAIN) -> bytes:
    """A batch of one record for each name, `LATIN` or UTF-8; values are `0`, `1`, and so on."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1 << 20)
    for offset, name in enumerate(names):
        written = _STAND_IN if name == LATIN else name.decode()
        builder.append(offset, 1_000 + offset, b"k", str(offset).encode(), [(written, b"v")])
    return built(builder, _STAND_IN.encode(), LATIN)


def built(builder: _DefaultRecordBatchBuilderPy, old: bytes, new: bytes) -> bytes:
    """The batch with its right checksum, in which `new` stands for each `old` of its length."""
    builder._buffer[:] = builder._buffer.replace(old, new)  # noqa: SLF001
    return bytes(builder.build())


async def write(bootstrap: str, topic: str, names: Sequence[bytes], codec: int = PLAIN) -> None:
    """Writes `batch` to the topic's first partition."""
    await write_raw(bootstrap, topic, batch(names, codec), len(names))


async def write_raw(bootstrap: str, topic: str, data: bytes, records: int) -> None:
    """Writes a batch of so many records to the topic's first partition."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        ours = producer.create_batch()
        for _ in range(records):
            ours.append(key=b"k", value=b"v", timestamp=None)
        ours.close()
        ours._buffer = bytearray(data)  # noqa: SLF001
        await (await producer.send_batch(ours, topic, partition=0))
    finally:
        await producer.stop()


def bomb(codec: int, megabytes: int) -> bytes:
    """A batch of two records that inflates to so much; it is compressed piece by piece."""
    head = bytearray(batch([b"a", b"b"])[:_BODY_AT])
    body = _compressed(codec, megabytes)
    struct.pack_into(">i", head, 8, _BODY_AT + len(body) - 12)
    struct.pack_into(">h", head, 21, codec)
    struct.pack_into(">I", head, 17, calc_crc32c(bytes(head[21:]) + body))
    return bytes(head) + body


def _compressed(codec: int, megabytes: int) -> bytes:
    pieces = [piece for offset in (0, 1) for piece in _zeros(offset, megabytes // 2)]
    if codec == GZIP:
        gzip = zlib.compressobj(9, wbits=31)
        return b"".join(map(gzip.compress, pieces)) + gzip.flush()
    if codec == SNAPPY:
        blocks = [bytes(cramjam.snappy.compress_raw(piece)) for piece in pieces]
        head = b"\x82SNAPPY\x00\0\0\0\1\0\0\0\1"
        return head + b"".join(struct.pack(">i", len(block)) + block for block in blocks)
    kind = cramjam.lz4 if codec == LZ4 else cramjam.zstd
    compressor = kind.Compressor()
    for piece in pieces:
        compressor.compress(piece)
    return bytes(compressor.finish())


def _zeros(offset: int, megabytes: int) -> Iterator[bytes]:
    """A record whose value is so many zeros."""
    size, inside = megabytes << 20, bytearray(b"\0\0")
    for number in (offset, -1, size):
        encode_varint(number, inside.append)
    length = bytearray()
    encode_varint(len(inside) + size + 1, length.append)
    yield bytes(length + inside)
    million = bytes(1 << 20)
    for _ in range(megabytes):
        yield million
    yield b"\0"


def zipped_zeros(size: int) -> bytes:
    """So many zero bytes, by gzip."""
    gzip = zlib.compressobj(1, wbits=31)
    return gzip.compress(bytes(size)) + gzip.flush()
