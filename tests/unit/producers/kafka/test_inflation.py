"""Is every batch either read whole or left out within bounded memory?"""

import struct
import subprocess
import sys
from contextlib import suppress

import cramjam
import pytest
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from hypothesis import given
from hypothesis import strategies as st

from producers.kafka.inflation import InflationError, inflated
from tests.kafka_batches import GZIP, LZ4, SNAPPY, ZSTD, bomb

ENCODE = {GZIP: gzip_encode, SNAPPY: snappy_encode, LZ4: lz4_encode, ZSTD: zstd_encode}
CODECS = list(ENCODE)


@pytest.mark.parametrize("codec", CODECS)
@given(data=st.binary(max_size=2_000), times=st.integers(1, 50))
def test_what_fits_is_the_same_and_one_byte_more_is_refused(
    codec: int, data: bytes, times: int
) -> None:
    whole = data * times
    packed = ENCODE[codec](whole)
    assert inflated(codec, packed, max(len(whole), 1)) == whole
    if len(whole) > 1:
        with pytest.raises(InflationError, match="bytes"):
            inflated(codec, packed, len(whole) - 1)


@pytest.mark.parametrize("codec", [*CODECS, 5, 7])
@given(st.binary(min_size=1, max_size=300))
def test_junk_is_an_inflation_error(codec: int, junk: bytes) -> None:
    size = 0
    with suppress(InflationError):
        size = len(inflated(codec, junk, 1_000))
    assert size <= 1_000


def test_a_batch_in_thousands_of_parts_is_left_out() -> None:
    with pytest.raises(InflationError, match="more than 16 gzip members"):
        inflated(GZIP, gzip_encode(b"") * 20_000)
    block = bytes(cramjam.snappy.compress_raw(b""))
    blocks = (struct.pack(">i", len(block)) + block) * 20_000
    with pytest.raises(InflationError, match=r"more than 16,384 blocks"):
        inflated(SNAPPY, b"\x82SNAPPY\x00" + bytes(8) + blocks)


def test_members_of_gzip_and_raw_snappy() -> None:
    assert inflated(GZIP, gzip_encode(b"a") + gzip_encode(b"b")) == b"ab"
    assert inflated(SNAPPY, bytes(cramjam.snappy.compress_raw(b"ab"))) == b"ab"
    with pytest.raises(InflationError, match="ends too early"):
        inflated(GZIP, gzip_encode(b"abc")[:-4])
    with pytest.raises(InflationError, match="beyond its end"):
        inflated(SNAPPY, snappy_encode(b"abc")[:16] + struct.pack(">i", -1))


READ = """
import resource, sys
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
import producers.kafka.connection
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(20):
    batches = fetcher.MemoryRecords(data)
    records = fetcher.PartitionRecords(
        TopicPartition("t", 0), batches, [], 0, None, None, True, fetcher.READ_UNCOMMITTED
    )
    (record,) = records
assert (record.offset, record.value, records.next_fetch_offset) == (0, b"", 2)
assert record.headers[0][0] == "x-unreadable"
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("codec", CODECS)
def test_a_bomb_takes_little_memory_and_one_record_stands_for_it(codec: int) -> None:
    reading = [sys.executable, "-c", READ]
    done = subprocess.run(reading, input=bomb(codec, 300), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert int(done.stdout) < 100
    assert b"up to offset 1, is left out" in done.stderr
