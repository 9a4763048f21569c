import uuid

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing
from producers.settings import KafkaSettings

pytestmark = pytest.mark.kafka


async def test_a_producer_out_of_step_with_the_broker_is_replaced(kafka: str) -> None:
    topic = f"t-{uuid.uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    async with KafkaBroker(KafkaSettings(kafka=kafka), "test") as broker:
        await broker.publish(Outgoing(topic, b"before"))
        # what an outage longer than the request timeout leaves behind
        spent = broker._producer._txn_manager  # noqa: SLF001 no outage of 40 s in a test
        spent.increment_sequence_number(TopicPartition(topic, 0), 5)
        await broker.publish(Outgoing(topic, b"after"))
        await broker.publish(Outgoing(topic, b"and on"))
    values = await read(kafka, topic, 3)
    assert values == [b"before", b"after", b"and on"]


async def read(kafka: str, topic: str, count: int) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()
