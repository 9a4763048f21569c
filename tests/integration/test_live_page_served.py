"""`switchgear serve` shows what is published to the usage topic."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dev.processes import Server, free_port
from producers.contract.codec import encode
from producers.contract.topics import USAGE
from tests.unit.observability.usage_events import usage_event

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]


@pytest.fixture
async def page(kafka: str, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a live page."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    if USAGE not in await admin.list_topics():
        await admin.create_topics([NewTopic(USAGE, num_partitions=4, replication_factor=1)])
    await admin.close()
    port = free_port()
    server = Server(
        name="live",
        argv=[sys.executable, "-m", "observability", "serve", "--port", str(port)],
        log=tmp_path / "live.log",
        env={"SWITCHGEAR_KAFKA": kafka, "SWITCHGEAR_TRACE_URL": "http://jaeger/{trace_id}"},
        port=port,
    )
    server.start()
    yield f"http://{server.address}"
    server.stop()


async def snapshots(address: str) -> AsyncIterator[dict[str, Any]]:
    async with ClientSession() as session, session.get(f"{address}/events") as stream:
        async for line in stream.content:
            if line.startswith(b"data: "):
                yield json.loads(line.removeprefix(b"data: "))


async def test_a_published_event_is_on_the_page_a_second_later(kafka: str, page: str) -> None:
    traced = usage_event(1).model_copy(update={"trace_id": "ab" * 16})
    async with asyncio.timeout(90), AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        async for shown in snapshots(page):
            if shown["traces"]:
                break
            # again each time: the page begins at the topic's end, wherever that is by now
            await producer.send_and_wait(USAGE, encode(traced))
            await producer.send_and_wait(USAGE, b"not a usage event")
    assert shown["traces"][0]["url"] == f"http://jaeger/{'ab' * 16}"
    assert shown["traces"][0]["tenant"] == traced.tenant
