"""Three nodes with TLS and SCRAM, and one of them dies under load: is every request answered?"""

import asyncio
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.kafka_cluster import KafkaCluster, kafka_cluster
from producers import Done, RouterClient, chat
from producers.settings import ClientSettings
from tests.integration.fleet_processes import FleetProcesses, fleet_processes

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.kafka,
    pytest.mark.redis,
    pytest.mark.timeout(600),
]
IN_FLIGHT = 16
BEFORE, AFTER = 100, 300
"""Answers before a node is killed, and after."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    nodes = kafka_cluster(tmp_path_factory.mktemp("cluster"), "me", "s3cret")
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.stop()


@pytest.fixture
def fleet(cluster: KafkaCluster, redis_url: str, tmp_path: Path) -> Iterator[FleetProcesses]:
    settings = {
        **cluster.settings,
        "SWITCHGEAR_REDIS": redis_url,
        "SWITCHGEAR_PARTITIONS": "6",
        "SWITCHGEAR_LOG_LEVEL": "WARNING",
    }
    with fleet_processes(tmp_path, settings) as processes:
        processes.simulator.control(latency_ms=50)
        yield processes


async def test_every_request_is_answered_though_a_node_dies(
    cluster: KafkaCluster,
    fleet: FleetProcesses,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in cluster.settings.items():
        monkeypatch.setenv(name, value)
    took_s: list[float] = []
    killed = asyncio.Event()
    asked = 0

    async def ask(client: RouterClient) -> None:
        nonlocal asked
        while asked < BEFORE + AFTER:
            asked += 1
            begun = time.monotonic()
            request = chat(f"Count to {asked}.", tenant="cluster", model="economy")
            reply = await client.submit(request, timeout=120)
            assert isinstance(reply, Done), reply
            took_s.append(time.monotonic() - begun)
            if len(took_s) == BEFORE:
                cluster.nodes[0].kill()
                killed.set()

    async with RouterClient.connect(ClientSettings()) as client, asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(ask(client))
    assert killed.is_set()
    assert not cluster.nodes[0].alive
    assert len(took_s) == asked >= BEFORE + AFTER
    assert fleet.router.alive
    assert fleet.worker.alive
    median, slowest = statistics.median(took_s), max(took_s)
    sys.stdout.write(f"{len(took_s)} answered: median {median:.2f} s, slowest {slowest:.1f} s\n")
