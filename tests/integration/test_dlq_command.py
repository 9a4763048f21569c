import asyncio
import json
import time
import uuid

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from producers.contract import codec, topics
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Partition, Record
from producers.settings import KafkaSettings
from runtime.process.dead_letters import dead_letter
from workers.__main__ import main

pytestmark = pytest.mark.kafka


@pytest.fixture
def tenant(kafka: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SWITCHGEAR_KAFKA", kafka)
    return f"tenant-{uuid.uuid4().hex[:8]}"


async def bury(kafka: str, tenant: str, reason: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    names = (topics.DEAD_LETTERS, topics.REQUESTS)
    made = await admin.create_topics([NewTopic(name, 1, 1) for name in names])
    await admin.close()
    assert {for_code(code).__name__ for _, code, _ in made.topic_errors} <= {
        "NoError",
        "TopicAlreadyExistsError",
    }
    headers = codec.to_headers(
        {codec.TENANT_HEADER: tenant, codec.CORRELATION_ID: f"{tenant}/{reason}"}
    )
    place = Partition(topics.REQUESTS, 0)
    record = Record(place, 3, b"k", b"a secret prompt", headers, int(time.time() * 1000))
    async with KafkaBroker(KafkaSettings(kafka=kafka), "test") as broker:
        await broker.publish(dead_letter(record, reason, "why"))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["dlq", *arguments]) == 0
    return capsys.readouterr().out


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run(capsys, "list", "--json", *arguments))
    return found


def test_a_letter_is_listed_shown_and_replayed_once(
    kafka: str, tenant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(bury(kafka, tenant, "internal_error"))
    asyncio.run(bury(kafka, tenant, "invalid_request"))
    mine = ("--tenant", tenant)
    assert [one["reason"] for one in listed(capsys, *mine)] == ["internal_error", "invalid_request"]
    [broken] = listed(capsys, *mine, "--reason", "internal_error", "--since", "1h")
    assert listed(capsys, *mine, "--until", "1h") == []
    place = str(broken["place"])
    assert "a secret prompt" not in run(capsys, "show", place)
    assert json.loads(run(capsys, "show", place, "--content"))["content"] == "a secret prompt"

    assert "1 would be replayed" in run(capsys, "replay", place, "--dry-run")
    assert listed(capsys, *mine)[0]["replayed_ms"] is None
    assert "1 replayed" in run(capsys, "replay", place)
    assert listed(capsys, *mine)[0]["replayed_ms"] is not None
    assert "0 replayed" in run(capsys, "replay", place)
    assert "1 replayed" in run(capsys, "replay", place, "--again")
    assert asyncio.run(values_of(kafka, f"{tenant}/internal_error")) == [b"a secret prompt"] * 2


def test_a_replay_says_which(kafka: str, tenant: str, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(bury(kafka, tenant, "internal_error"))
    assert main(["dlq", "replay"]) == 2
    assert "which ones?" in capsys.readouterr().err
    assert main(["dlq", "show", "0:999999"]) == 2
    assert "no dead letter 0:999999" in capsys.readouterr().err


async def values_of(kafka: str, request_id: str) -> list[bytes | None]:
    """What lies on llm.requests under this id, up to the end."""
    consumer = AIOKafkaConsumer(
        topics.REQUESTS, bootstrap_servers=kafka, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        found = []
        for partition, end in (await consumer.end_offsets(consumer.assignment())).items():
            while await consumer.position(partition) < end:
                raw = await consumer.getone(partition)
                if codec.header(raw.headers, codec.CORRELATION_ID) == request_id:
                    found.append(raw.value)
        return found
    finally:
        await consumer.stop()
