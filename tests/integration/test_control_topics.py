"""Control topics on Apache Kafka: what each process hears, and what becomes of the unreadable."""

import asyncio
import logging
import time
import uuid

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from producers.contract import codec
from producers.contract.feedback import Feedback
from producers.kafka.broker import Record
from producers.kafka.connection import connection_options
from producers.settings import KafkaSettings
from runtime.process.control_topics import ControlTopics

pytestmark = pytest.mark.kafka
HOUR_S = 3600.0


def feedback(name: str) -> bytes:
    return codec.encode(
        Feedback(id=name, tenant="t", task="k", tier="economy", good=1, source="user")
    )


class Cluster:
    """A topic of two partitions, and who writes to it."""

    def __init__(self, settings: KafkaSettings, producer: AIOKafkaProducer, topic: str) -> None:
        self.settings, self.producer, self.topic = settings, producer, topic

    async def write(
        self,
        value: bytes | None,
        *,
        headers: list[tuple[str, bytes | None]] | None = None,
        key: bytes | None = None,
        partition: int = 0,
        age_s: float = 0,
    ) -> None:
        await self.producer.send_and_wait(
            self.topic,
            value,
            key,
            partition,
            timestamp_ms=int((time.time() - age_s) * 1000),
            headers=headers,
        )


@pytest.fixture
async def cluster(kafka: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
    topic, settings = f"control-{uuid.uuid4().hex}", KafkaSettings(kafka=kafka)
    admin = AIOKafkaAdminClient(**connection_options(settings))
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        yield Cluster(settings, producer, topic)


class Process:
    """One process' side."""

    def __init__(self, cluster: Cluster) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.skipped: list[str] = []
        self.control = ControlTopics(cluster.settings, "test", self.skipped.append)

    async def ids(self, count: int) -> list[str]:
        async with asyncio.timeout(30):
            return sorted([await self.heard.get() for _ in range(count)])


def listening(cluster: Cluster) -> Process:
    process = Process(cluster)
    process.control.subscribe(
        cluster.topic,
        Feedback,
        lambda message: process.heard.put_nowait(message.id),
        since_s=HOUR_S,
    )
    return process


async def test_every_process_hears_all_partitions_from_some_time_back(cluster: Cluster) -> None:
    await cluster.write(feedback("ancient"), age_s=2 * HOUR_S)
    await cluster.write(feedback("before"), partition=1)
    one, two = listening(cluster), listening(cluster)
    async with one.control, two.control:
        await cluster.write(feedback("after"))
        assert await one.ids(2) == ["after", "before"]
        assert await two.ids(2) == ["after", "before"]
    late = listening(cluster)
    async with late.control:
        assert await late.ids(2) == ["after", "before"]
    assert one.heard.empty()
    assert late.skipped == []


async def test_the_unreadable_is_skipped_counted_and_logged_without_its_content(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="runtime")
    for value in (b"{secret", b'{"id": "secret"}', b"\xff secret", b"", None, b'["secret"]'):
        await cluster.write(value, key=b"k", headers=[("content-type", b"text/plain; secret")])
    await cluster.write(feedback("good"))
    process = listening(cluster)
    async with process.control:
        assert await process.ids(1) == ["good"]
    assert process.skipped == [cluster.topic] * 6
    assert "offset 5" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-null", None),
        ("x-latin", b"\xfc"),
        ("content-type", b"application/octet-stream"),
        ("correlation_id", b"\x00" * 8 + b"\xff" * 8),
        ("reply_to", b"llm.usage"),
    ],
)
async def test_no_header_keeps_a_message_from_its_handler(
    cluster: Cluster, name: str, value: bytes | None
) -> None:
    await cluster.write(feedback("good"), headers=[(name, value)])
    process = listening(cluster)
    async with process.control:
        assert await process.ids(1) == ["good"]
    assert process.skipped == []


async def test_a_handler_that_fails_ends_nothing(cluster: Cluster) -> None:
    process = Process(cluster)

    def handle(record: Record) -> None:
        key = (record.key or b"").decode()
        process.heard.put_nowait(key)
        if key == "bad":
            raise RuntimeError("secret")

    process.control.subscribe_raw(cluster.topic, handle, since_s=HOUR_S)
    async with process.control:
        for key in (b"first", b"bad", b"last"):
            await cluster.write(b"", key=key)
        assert await process.ids(3) == ["bad", "first", "last"]
    assert process.skipped == [cluster.topic]
