"""A follower may begin with what was written before it came."""

import asyncio
import uuid

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing
from producers.kafka.connection import connection_options
from producers.settings import KafkaSettings


async def test_a_tail_since_an_hour_ago_hears_what_came_before_and_what_comes_after(
    kafka: str,
) -> None:
    topic = f"tail-{uuid.uuid4().hex}"
    settings = KafkaSettings(kafka=kafka)
    admin = AIOKafkaAdminClient(**connection_options(settings))
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1)])
    await admin.close()
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with KafkaBroker(settings, "test") as broker:
        for number in (b"1", b"2", b"3"):
            await broker.publish(Outgoing(topic, number, number))
        async with broker.tail(topic, lambda record: heard.put_nowait(record.value), since_s=3600):
            await broker.publish(Outgoing(topic, b"4", b"4"))
            async with asyncio.timeout(30):
                assert {await heard.get() for _ in range(4)} == {b"1", b"2", b"3", b"4"}
