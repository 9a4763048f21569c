import asyncio
import uuid
from collections.abc import Collection

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from producers.broker import Outgoing, Partition, Record
from producers.kafka import KafkaBroker
from runtime.process.settings import ServiceSettings
from workers.kafka_source import KafkaSource

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
