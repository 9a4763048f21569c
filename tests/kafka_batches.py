"""Batches as no aiokafka producer writes them: with header names that aren't UTF-8, and broken."""

from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

PLAIN, GZIP, SNAPPY, LZ4, ZSTD = range(5)
LATIN = "größe".encode("latin-1")
_STAND_IN = "~~~~~"


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
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        ours = producer.create_batch()
        for _ in names:
            ours.append(key=b"k", value=b"v", timestamp=None)
        ours.close()
        ours._buffer = bytearray(batch(names, codec))  # noqa: SLF001
        await (await producer.send_batch(ours, topic, partition=0))
    finally:
        await producer.stop()
