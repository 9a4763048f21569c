"""500 requests, and one of two workers dies in the middle: each is answered, and once."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from dev.processes import Child
from dev.simulator.process import Running, running
from producers import ClientSettings, Done, Request, RouterClient, chat
from producers.contract import codec
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Record
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(180)]

REQUESTS = 500
IN_FLIGHT = 64
"""The tier's concurrency: so many calls a killed worker may leave behind, to be made again."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Running]:
    with running("--seed", "3") as process:
        yield process


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """One deployment in the tier: a second one would be hedged to, which is a call more."""
    told = yaml.safe_load(Path("switchgear.yaml").read_text(encoding="utf-8"))
    told["tiers"]["economy"]["deployments"] = told["tiers"]["economy"]["deployments"][:1]
    path = tmp_path / "switchgear.yaml"
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    return path


@pytest.fixture
def environment(kafka: str, redis_url: str, simulator: Running, config: Path) -> Mapping[str, str]:
    simulator.control(reset=True)
    simulator.control(latency_ms=150)
    told = {
        "SWITCHGEAR_KAFKA": kafka,
        "SWITCHGEAR_REDIS": redis_url,
        "SWITCHGEAR_CONFIG": str(config),
        "SWITCHGEAR_PARTITIONS": "4",
        "SWITCHGEAR_SESSION_TIMEOUT_S": "6",
        "SWITCHGEAR_LOG_LEVEL": "WARNING",
        **simulator.environment,
    }
    create = [sys.executable, "-m", "workers", "topics"]
    subprocess.run(create, check=True, capture_output=True, env={**os.environ, **told})
    return told


@pytest.fixture
def workers(environment: Mapping[str, str], tmp_path: Path) -> Iterator[tuple[Child, Child]]:
    """Two of the economy tier, and the router beside them."""
    economy = ("workers", "--tier", "economy")

    def child(name: str, *module: str) -> Child:
        command = [sys.executable, "-m", *module]
        return Child(name, command, tmp_path / f"{name}.log", environment)

    pair = child("one", *economy), child("two", *economy)
    with ExitStack() as stack:
        for started in (child("router", "router"), *pair):
            started.start()
            stack.callback(started.kill)
        yield pair


async def test_every_request_is_answered_once(
    kafka: str, simulator: Running, workers: tuple[Child, Child]
) -> None:
    settings = ClientSettings(kafka=kafka, timeout_s=120)
    heard: defaultdict[str, set[str]] = defaultdict(set)
    a_quarter = asyncio.Event()
    requests = {request.id: request for request in _requests()}

    def hear(record: Record) -> None:
        reply = codec.decode_reply(record.value)
        # the router of this test also answers what other tests left on the topic
        if reply.id in requests and isinstance(reply, Done):
            heard[reply.id].add(json.dumps(reply.body))
        if len(heard) == REQUESTS // 4:
            a_quarter.set()

    async with (
        KafkaBroker(settings, "test") as broker,
        broker.tail(settings.reply_topic, hear),
        RouterClient(broker, settings).listening() as client,
    ):
        await _both_have_joined(kafka)
        asking = asyncio.gather(*(client.submit(request) for request in requests.values()))
        await a_quarter.wait()
        workers[0].kill()
        assert len(heard) < REQUESTS
        replies = await asking
    assert all(isinstance(reply, Done) for reply in replies)
    assert len({reply.id for reply in replies}) == REQUESTS
    assert {len(bodies) for bodies in heard.values()} == {1}
    made = (call["request_id"] for call in simulator.calls())
    calls = Counter(identifier for identifier in made if identifier in requests)
    assert len(calls) == REQUESTS
    assert calls.total() - REQUESTS <= IN_FLIGHT


def _requests() -> list[Request]:
    """No two alike, and nothing from a cache."""
    routing = {"cache": {"mode": "no-store"}}
    return [
        chat(f"What is {number} plus 7?", tenant="t", model="economy", routing=routing)
        for number in range(REQUESTS)
    ]


async def _both_have_joined(kafka: str) -> None:
    """The group is stable with two members: each has its half of the partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:

        async def both_are_members() -> bool:
            return await _members(admin) == 2

        await until(both_are_members, pause_s=0.2)
    finally:
        await admin.close()


async def _members(admin: AIOKafkaAdminClient) -> int:
    """Of the economy pool's group, once it is stable."""
    try:
        (answer,) = await admin.describe_consumer_groups(["switchgear-economy"])
    except KafkaError:
        return 0  # the cluster has no coordinator for it yet
    _, _, state, _, _, members, *_ = answer.groups[0]
    return len(members) if state == "Stable" else 0
