"""Are all records of a batch delivered, whatever one of them holds?"""

import logging
import struct
from itertools import pairwise
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.legacy_records import _LegacyRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from producers.kafka.connection import start_consumer
from producers.kafka.inflation import MAX_INFLATED_BYTES
from producers.kafka.record_batches import UNREADABLE, Batches
from tests.kafka_batches import GZIP, LATIN, LZ4, PLAIN, SNAPPY, ZSTD, batch, built

PLACE = TopicPartition("t", 3)
CRC_AT, AFTER_CRC, BODY_AT = 17, 21, 61


def read(data: bytes, first: int = 0) -> tuple[list[Any], int]:
    """What a consumer of the process is given, and the offset it goes on with."""
    batches, check_crcs = fetcher.MemoryRecords(data), True
    records = fetcher.PartitionRecords(
        PLACE, batches, [], first, None, None, check_crcs, fetcher.READ_UNCOMMITTED
    )
    return list(records), records.next_fetch_offset


def sealed(data: bytes) -> bytes:
    """`data` with the checksum that it should have."""
    crc = struct.pack(">I", calc_crc32c(data[AFTER_CRC:]))
    return data[:CRC_AT] + crc + data[AFTER_CRC:]


def test_every_consumer_reads_this_way() -> None:
    assert start_consumer.__module__ == "producers.kafka.connection"
    assert fetcher.MemoryRecords is Batches


@pytest.mark.parametrize("codec", [PLAIN, GZIP, SNAPPY, LZ4, ZSTD])
@given(names=st.lists(st.sampled_from([LATIN, b"x-name", "größe".encode(), b""]), min_size=1))
def test_a_name_that_is_not_utf8_hides_no_record(codec: int, names: list[bytes]) -> None:
    records, position = read(batch(names, codec) * 2)
    assert position == len(names)
    assert [record.offset for record in records] == list(range(len(names)))
    assert [record.value for record in records] == [b"%d" % n for n in range(len(names))]
    assert [record.timestamp for record in records] == [1_000 + n for n in range(len(names))]
    expected = [name.decode("utf-8", "backslashreplace") for name in names]
    assert [record.headers for record in records] == [((name, b"v"),) for name in expected]


def test_the_log_names_the_place_and_no_content(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    read(batch([b"a", LATIN, b"b"]))
    (line,) = caplog.messages
    assert line.startswith("the record at offset 1 of t, partition 3: a header's name isn't UTF-8")


@given(st.lists(st.binary(max_size=20), max_size=5), st.booleans())
def test_what_aiokafka_can_read_is_read_the_same(values: list[bytes], cut: bool) -> None:  # noqa: FBT001
    builder = _DefaultRecordBatchBuilderPy(2, PLAIN, 0, -1, -1, -1, 1 << 20)
    for offset, value in enumerate(values):
        builder.append(offset, 7, None, value, [("n", None), ("m", value)])
    data = bytes(builder.build())
    whole = data + data[:40] if cut else data
    theirs, ours = MemoryRecords(whole), Batches(whole)
    assert ours.size_in_bytes() == theirs.size_in_bytes()
    for records in iter(theirs.next_batch, None):
        same: Any = ours.next_batch()
        for name in ("base_offset", "next_offset", "producer_id", "compression_type"):
            assert getattr(same, name) == getattr(records, name)
        assert same.is_control_batch is records.is_control_batch
        assert same.is_transactional is records.is_transactional
        assert same.validate_crc() is records.validate_crc() is True
        assert list(map(repr, same)) == list(map(repr, records))
    assert not ours.has_next()
    assert ours.next_batch() is None


@given(st.data(), st.sampled_from([PLAIN, GZIP, ZSTD]))
def test_any_broken_body_is_passed(data: st.DataObject, codec: int) -> None:
    whole = bytearray(batch([b"x", LATIN, b"y"], codec))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(BODY_AT, len(whole) - 1))] = data.draw(st.integers(0, 255))
    records, position = read(sealed(bytes(whole)) + moved(batch([b"next"]), 3))
    offsets = [record.offset for record in records]
    assert (position, offsets[-1], records[-1].value) == (4, 3, b"0")
    assert all(before < after for before, after in pairwise(offsets))


def test_a_record_without_a_form_comes_as_its_bytes(caplog: pytest.LogCaptureFixture) -> None:
    builder = _DefaultRecordBatchBuilderPy(2, PLAIN, 0, -1, -1, -1, 1 << 20)
    for offset, value in enumerate([b"one", b"two", b"six"]):
        builder.append(offset, 0, b"k", value, [])
    # the length of the second's value says more than there is
    records, _ = read(built(builder, b"\x06two", b"\x60two"))
    assert [(record.offset, record.key) for record in records] == [(0, b"k"), (1, None), (2, b"k")]
    assert records[1].value.endswith(b"\x60two\x00")
    assert records[2].value == b"six"
    assert "offset 1 of t, partition 3: it can't be decoded" in caplog.text
    assert "two" not in caplog.text


def moved(data: bytes, offset: int) -> bytes:
    """The same batch further on in the log."""
    return struct.pack(">q", offset) + data[8:]


@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("codec", [PLAIN, GZIP, SNAPPY])
def test_formats_of_old_brokers_are_bounded_too(magic: int, codec: int) -> None:
    def old(value: bytes, count: int) -> bytes:
        builder = _LegacyRecordBatchBuilderPy(magic, codec, 1 << 30)
        for offset in range(count):
            builder.append(offset, 1_000, b"k", value)
        return bytes(builder.build())

    records, _ = read(old(b"value", 3))
    assert [record.value for record in records] == [b"value"] * 3
    if codec != PLAIN:
        (stand_in,), _ = read(old(bytes(MAX_INFLATED_BYTES), 1))
        assert stand_in.value == b""
        assert [name for name, _ in stand_in.headers] == [UNREADABLE]
