import asyncio
import time
import uuid
from collections.abc import Collection
from contextlib import aclosing, suppress

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic

from producers.contract.topics import REQUESTS
from producers.kafka import connection
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, Partition, Record
from producers.kafka.connection import METADATA_MAX_AGE_MS
from producers.kafka.record_batches import UNREADABLE
from runtime.consuming.fair_queue import Lane
from runtime.consuming.kafka_source import KafkaSource
from runtime.consuming.stream import ConsumerStream, StreamSettings
from runtime.process.settings import ServiceSettings
from tests.kafka_batches import GZIP, LATIN, PLAIN, ZSTD, bomb, write, write_raw
from tests.waiting import until

pytestmark = pytest.mark.kafka


class Owner:
    def __init__(self) -> None:
        self.has_some = asyncio.Event()

    async def assigned(self, partitions: Collection[Partition]) -> None:
        if partitions:
            self.has_some.set()

    async def revoked(self) -> None:
        self.has_some.clear()


async def test_what_was_polled_and_not_committed_comes_again(kafka: str) -> None:
    topic, group = f"t-{uuid.uuid4().hex}", f"g-{uuid.uuid4().hex}"
    settings = ServiceSettings(kafka=kafka)
    await create(kafka, topic)
    async with KafkaBroker(settings, "test") as broker:
        for number in range(10):
            await broker.publish(Outgoing(topic, str(number).encode()))
    first = KafkaSource(settings, [topic], group)
    await first.start(Owner())
    records = await poll(first, 10)
    await first.commit({records[0].partition: records[4].offset})
    await first.stop()

    second = KafkaSource(settings, [topic], group)
    await second.start(Owner())
    again = await poll(second, 6)
    await second.stop()
    assert [record.value for record in again] == [b"4", b"5", b"6", b"7", b"8", b"9"]


async def test_what_lay_there_when_a_partition_was_assigned_is_inherited(kafka: str) -> None:
    """Another member may have begun with it; with what was written later nobody can have."""
    topic, group = f"t-{uuid.uuid4().hex}", f"g-{uuid.uuid4().hex}"
    settings = ServiceSettings(kafka=kafka)
    await create(kafka, topic)
    async with KafkaBroker(settings, "test") as broker:
        for member in range(2):
            source = KafkaSource(settings, [topic], group)
            began = time.monotonic()
            await broker.publish(*(Outgoing(topic, f"{member}{n}".encode()) for n in range(3)))
            await source.start(Owner())
            earlier = await poll(source, 3)
            assert all(began < (record.inherited_s or 0) < time.monotonic() for record in earlier)
            await broker.publish(Outgoing(topic, b"later"))
            (later,) = await poll(source, 1)
            assert later.inherited_s is None
            await source.commit({later.partition: later.offset + 1})
            await source.stop()


async def test_an_empty_partition_has_nothing_to_inherit(kafka: str) -> None:
    topic, group = f"t-{uuid.uuid4().hex}", f"g-{uuid.uuid4().hex}"
    settings = ServiceSettings(kafka=kafka)
    await create(kafka, topic)
    source = KafkaSource(settings, [topic], group)
    await source.start(Owner())
    async with asyncio.timeout(60):
        while not source.ends():
            assert await source.poll(0.2) == []
    async with KafkaBroker(settings, "test") as broker:
        await broker.publish(Outgoing(topic, b"first"))
    (first,) = await poll(source, 1)
    await source.stop()
    assert first.inherited_s is None


async def test_an_aborted_request_was_never_sent_and_leaves_no_lag(kafka: str) -> None:
    topic, group = f"t-{uuid.uuid4().hex}", f"g-{uuid.uuid4().hex}"
    await create(kafka, topic)
    handled: list[bytes] = []

    async def handle(record: Record) -> None:
        await asyncio.sleep(0)
        handled.append(record.value)

    async def bury(record: Record, error: BaseException) -> None:
        raise AssertionError(record) from error

    async def is_committed(end: int) -> bool:
        offsets = await admin.list_consumer_group_offsets(group)
        place = offsets.get(TopicPartition(topic, 0))
        return place is not None and place.offset == end

    stop = asyncio.Event()
    source = KafkaSource(ServiceSettings(kafka=kafka), [topic], group)
    stream = ConsumerStream(source, handle, bury, lambda _: Lane("t"), StreamSettings(4))
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=topic)
    async with asyncio.timeout(90), producer, asyncio.TaskGroup() as tasks:
        await admin.start()
        tasks.create_task(stream.run(stop))
        with suppress(ZeroDivisionError):
            async with producer.transaction():
                await producer.send_and_wait(topic, b"aborted")
                raise ZeroDivisionError
        # the record and its mark, with nothing after them that would move the offset
        await until(lambda: is_committed(2))
        async with producer.transaction():
            await producer.send_and_wait(topic, b"committed")
            await producer.send_and_wait(topic, b"too")
        await until(lambda: is_committed(5))
        stop.set()
    await admin.close()
    assert handled == [b"committed", b"too"]


async def test_a_tenants_topic_is_read_once_it_is_there(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "METADATA_MAX_AGE_MS", 500)
    settings, shared = ServiceSettings(kafka=kafka), REQUESTS
    source = KafkaSource(settings, [shared], f"g-{uuid.uuid4().hex}", by_tenant=True)
    await source.start(Owner())
    own, other = f"{shared}.t-{uuid.uuid4().hex}", f"{shared}.t.{uuid.uuid4().hex}"
    try:
        for topic in (other, own):
            await create(kafka, topic)
        async with KafkaBroker(settings, "test") as broker:
            for topic in (other, own):
                await broker.publish(Outgoing(topic, topic.encode()))
        found: set[str] = set()
        async with asyncio.timeout(30):
            while own not in found:
                found |= {record.partition.topic for record in await source.poll(0.5)}
    finally:
        await source.stop()
    assert other not in found


async def poll(source: KafkaSource, count: int) -> list[Record]:
    records: list[Record] = []
    async with asyncio.timeout(30):
        while len(records) < count:
            records += await source.poll(0.5)
    return records


async def create(kafka: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()


@pytest.fixture(params=["kafka", "embedded_broker"])
def bootstrap(request: pytest.FixtureRequest) -> str:
    address: str = request.getfixturevalue(request.param)
    return address


NAMES = [b"a", LATIN, b"b"]


@pytest.mark.parametrize("codec", [PLAIN, GZIP])
async def test_a_header_name_that_is_not_utf8_stops_no_reader(bootstrap: str, codec: int) -> None:
    topic, group = f"t-{uuid.uuid4().hex}", f"g-{uuid.uuid4().hex}"
    settings = ServiceSettings(kafka=bootstrap, kafka_idempotence=False)
    await create(bootstrap, topic)
    tailed: list[Record] = []
    ended = asyncio.Event()

    def receive(record: Record) -> None:
        tailed.append(record)
        if record.value == b"last":
            ended.set()

    async with KafkaBroker(settings, "test") as broker, broker.tail(topic, receive):
        await write(bootstrap, topic, NAMES, codec)
        await broker.publish(Outgoing(topic, b"last"))
        source = KafkaSource(settings, [topic], group)
        await source.start(Owner())
        polled = await poll(source, 4)
        assert await source.commit({polled[0].partition: 4})
        await source.stop()
        consumed = await consume(broker, topic, f"{group}-2", 4)
        await asyncio.wait_for(ended.wait(), 30)
    for records in (polled, consumed, tailed):
        assert [record.value for record in records] == [b"0", b"1", b"2", b"last"]
        assert [name for record in records for name, _ in record.headers] == [
            "a",
            r"gr\xf6\xdfe",
            "b",
        ]


async def consume(broker: KafkaBroker, topic: str, group: str, count: int) -> list[Record]:
    records: list[Record] = []
    generator = broker.consume(topic, group)
    async with asyncio.timeout(30), aclosing(generator) as batches:
        async for batch in batches:
            records += batch.records
            await batch.commit()
            if len(records) >= count:
                break
    return records


@pytest.mark.parametrize("codec", [GZIP, ZSTD])
async def test_a_compressed_bomb_is_passed_over(kafka: str, codec: int) -> None:
    topic, group = f"t-{uuid.uuid4().hex}", f"g-{uuid.uuid4().hex}"
    settings = ServiceSettings(kafka=kafka)
    await create(kafka, topic)
    await write_raw(kafka, topic, bomb(codec, 300), 2)
    async with KafkaBroker(settings, "test") as broker:
        await broker.publish(Outgoing(topic, b"next"))
    source = KafkaSource(settings, [topic], group)
    await source.start(Owner())
    stand_in, following = await poll(source, 2)
    await source.stop()
    assert (stand_in.offset, stand_in.value) == (0, b"")
    assert [name for name, _ in stand_in.headers] == [UNREADABLE]
    assert (following.offset, following.value) == (2, b"next")


async def test_a_partition_that_is_added_is_read_soon(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert METADATA_MAX_AGE_MS <= 30_000
    monkeypatch.setattr(connection, "METADATA_MAX_AGE_MS", 500)
    topic, group = f"t-{uuid.uuid4().hex}", f"g-{uuid.uuid4().hex}"
    settings = ServiceSettings(kafka=kafka)
    await create(kafka, topic)
    source = KafkaSource(settings, [topic], group)
    await source.start(Owner())
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_partitions({topic: NewPartitions(total_count=4)})
    await admin.close()
    async with KafkaBroker(settings, "test") as broker:
        for number in range(40):
            await broker.publish(Outgoing(topic, b"%d" % number, b"%d" % number))
    records = await poll(source, 40)
    await source.stop()
    assert {record.partition.number for record in records} == {0, 1, 2, 3}
