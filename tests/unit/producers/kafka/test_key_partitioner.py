import random

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as library_murmur2

from producers.kafka.key_partitioner import murmur2, partition_of


def test_keys_lie_where_the_librarys_producer_puts_them() -> None:
    draw, library = random.Random(3), DefaultPartitioner()
    for length in range(70):
        key = draw.randbytes(length)
        assert murmur2(key) == library_murmur2(key) & 0xFFFFFFFF
        assert partition_of(key, range(12), ()) == library(key, list(range(12)), [])


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        # of Kafka's own test, `UtilsTest.testMurmur2`
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_the_java_clients(key: bytes, hashed: int) -> None:
    assert murmur2(key) == hashed & 0xFFFFFFFF


def test_a_record_without_a_key_goes_where_a_leader_is() -> None:
    assert {partition_of(None, [0, 1, 2], [1]) for _ in range(20)} == {1}
    assert partition_of(None, [2], []) == 2
