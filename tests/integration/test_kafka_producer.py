import asyncio
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from producers.kafka import aiokafka_broker
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, PublishFailedError, WriteRefusal
from producers.settings import KafkaSettings

pytestmark = pytest.mark.kafka


async def new_topic(kafka: str, **configs: str) -> str:
    topic = f"t-{uuid.uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    named = {name.replace("_", "."): value for name, value in configs.items()}
    await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=named)])
    await admin.close()
    return topic


async def test_a_producer_out_of_step_with_the_broker_is_replaced(kafka: str) -> None:
    topic = await new_topic(kafka)
    async with KafkaBroker(KafkaSettings(kafka=kafka), "test") as broker:
        await broker.publish(Outgoing(topic, b"before"))
        # what an outage longer than the request timeout leaves behind
        spent = broker._producer._txn_manager  # noqa: SLF001 no outage of 40 s in a test
        spent.increment_sequence_number(TopicPartition(topic, 0), 5)
        await broker.publish(Outgoing(topic, b"after"))
        await broker.publish(Outgoing(topic, b"and on"))
    values = await read(kafka, topic, 3)
    assert values == [b"before", b"after", b"and on"]


async def test_a_producer_whose_sender_has_ended_is_replaced(kafka: str) -> None:
    topic = await new_topic(kafka)
    async with KafkaBroker(KafkaSettings(kafka=kafka), "test") as broker:
        await broker.publish(Outgoing(topic, b"before"))
        # as aiokafka leaves it when its sender ends at an error that it doesn't expect
        spent = broker._producer._message_accumulator  # noqa: SLF001
        spent.fail_all(KafkaError("Unexpected error during batch delivery"))
        await broker.publish(Outgoing(topic, b"after"), Outgoing(topic, b"and on"))
    values = await read(kafka, topic, 3)
    assert values == [b"before", b"after", b"and on"]


async def test_a_record_that_waits_for_metadata_of_a_replaced_producer_is_not_forgotten(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await new_topic(kafka)
    async with KafkaBroker(KafkaSettings(kafka=kafka), "test") as broker:
        producer = broker._producer  # noqa: SLF001 which is replaced
        asked = asyncio.Event()

        async def unanswered(*_: object) -> bool:
            asked.set()
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

        monkeypatch.setattr(producer.client, "_metadata_update", unanswered)
        waiting = asyncio.create_task(broker.publish(Outgoing(topic, b"value")))
        await asked.wait()
        await broker._replace(producer)
        with pytest.raises(PublishFailedError, match="closed") as failure:
            await asyncio.wait_for(waiting, 30)
        assert not failure.value.permanent
        with pytest.raises(KafkaError):
            await asyncio.wait_for(producer.send(topic, b"late"), 30)
        await broker.publish(Outgoing(topic, b"again"))
    assert await read(kafka, topic, 1) == [b"again"]


async def test_each_record_that_a_topic_takes_arrives_whatever_shares_its_batch(kafka: str) -> None:
    topic = await new_topic(kafka, max_message_bytes="2000")
    values = [b"%03d" % number * 300 for number in range(12)]
    async with KafkaBroker(KafkaSettings(kafka=kafka), "test") as broker:
        await asyncio.gather(
            *(broker.publish(Outgoing(topic, value)) for value in values[:8]),
            broker.publish(*(Outgoing(topic, value, b"key") for value in values[8:])),
        )
        other = await new_topic(kafka)
        words = f"to {topic}: the record is larger than the topic takes .*MessageSizeTooLarge"
        for beside in ((), (Outgoing(other, b"taken"),)):
            with pytest.raises(PublishFailedError, match=words) as failure:
                await broker.publish(*beside, Outgoing(topic, b"x" * 3000))
            assert failure.value.refusal is WriteRefusal.TOO_LARGE
        await broker.publish(Outgoing(topic, b"and on"))
    read_values = await read(kafka, topic, 13)
    assert set(read_values) == {*values, b"and on"}


async def test_a_lone_batch_that_is_never_answered_fails_for_now(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiokafka_broker, "_LONE_BATCH_S", 0.1)
    topic = await new_topic(kafka, max_message_bytes="2000")
    async with KafkaBroker(KafkaSettings(kafka=kafka), "test") as broker:
        await broker.publish(Outgoing(topic, b"before"))

        async def unanswered(*_: object, **__: object) -> asyncio.Future[None]:
            return asyncio.get_running_loop().create_future()

        monkeypatch.setattr(broker._producer, "send_batch", unanswered)  # noqa: SLF001
        with pytest.raises(PublishFailedError, match="KafkaTimeoutError") as failure:
            await broker.publish(Outgoing(topic, b"x" * 3000))
        assert not failure.value.permanent


async def read(kafka: str, topic: str, count: int) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()
