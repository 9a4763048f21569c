"""A topic read whole, followed, and read again by place, on real Kafka."""

import asyncio
import uuid

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, Record
from producers.settings import KafkaSettings
from runtime.consuming.topic_log import TopicLog

pytestmark = pytest.mark.kafka


async def test_a_log_knows_what_was_and_what_comes(kafka: str) -> None:
    settings, topic = KafkaSettings(kafka=kafka), f"log-{uuid.uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 3, 1)])
    await admin.close()
    records: list[Record] = []
    more = asyncio.Event()

    def receive(record: Record) -> None:
        records.append(record)
        if record.value == b"poison":
            raise ValueError("must not end the reading")
        if record.value == b"last":
            more.set()

    async with KafkaBroker(settings, "test") as broker:
        await broker.partitions_of(topic)
        for number in range(30):
            await broker.publish(Outgoing(topic, b"%d" % number, b"%d" % number))
        skipped: list[str] = []
        log = TopicLog(settings, topic, "test", receive, 3600, skipped.append)
        async with log.following():
            assert sorted(int(record.value) for record in records) == list(range(30))
            await broker.publish(Outgoing(topic, b"poison", b"k"), Outgoing(topic, b"last", b"k"))
            async with asyncio.timeout(20):
                await more.wait()
            assert skipped == [topic]
            for record in (records[0], records[17], records[-1]):
                read = await log.read(record.partition.number, record.offset)
                assert read is not None
                assert (read.value, read.offset) == (record.value, record.offset)
            assert await log.read(0, 10_000) is None
        late: list[Record] = []
        async with TopicLog(settings, topic, "test", late.append, -3600).following():
            assert late == []


async def test_a_topic_that_is_not_there_is_told(kafka: str) -> None:
    log = TopicLog(KafkaSettings(kafka=kafka), "nowhere", "test", lambda _: None, 60)
    with pytest.raises(KafkaError, match="nowhere doesn't exist"):
        async with log.following():
            pass
