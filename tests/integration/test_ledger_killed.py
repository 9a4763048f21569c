"""A ledger that is killed ten times while it books holds every event once, to the same cent."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from observability.stores import ledger_at
from producers.codec import encode
from producers.messages import UsageEvent
from producers.topics import USAGE
from tests.unit.observability.usage_events import usage_event

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

KILLS = 10
SLICE = 3_000
EVENTS = [usage_event(number) for number in range(SLICE * (KILLS + 1))]


@pytest.fixture
def usage_topic(kafka: str) -> Iterator[str]:
    """The bootstrap server of a broker whose usage topic is empty."""
    asyncio.run(recreate(kafka))
    yield kafka
    asyncio.run(recreate(kafka))


async def recreate(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        if USAGE in await admin.list_topics():
            await admin.delete_topics([USAGE])
        while USAGE in await admin.list_topics():  # noqa: ASYNC110 (Kafka tells nobody)
            await asyncio.sleep(0.05)
        await admin.create_topics([NewTopic(USAGE, num_partitions=4, replication_factor=1)])
    finally:
        await admin.close()


async def publish(bootstrap: str, events: Sequence[UsageEvent]) -> None:
    """The events, every tenth twice, and a record that no reader understands."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20) as producer:
        sent = [
            await producer.send(USAGE, encode(event), key=event.id.encode())
            for event in [*events, *events[::10]]
        ]
        sent.append(await producer.send(USAGE, b"not a usage event"))
        await asyncio.gather(*sent)


def ledger_process(bootstrap: str, file: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "observability", "ledger", "--ledger", str(file), *arguments],
        env={**os.environ, "SWITCHGEAR_KAFKA": bootstrap},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def written(file: Path) -> list[tuple[str, int, int]]:
    """What changes whenever a transaction is written."""
    stats = [(path.name, path.stat()) for path in sorted(file.parent.glob(f"{file.name}*"))]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def kill_while_booking(process: "subprocess.Popen[str]", file: Path, after_s: float) -> None:
    """SIGKILL, `after_s` after the first byte it writes."""
    before = written(file)
    while process.poll() is None and written(file) == before:
        time.sleep(0.002)
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == -signal.SIGKILL, err


def test_totals_survive_ten_kills_and_a_replay(usage_topic: str, tmp_path: Path) -> None:
    file = tmp_path / "ledger.duckdb"
    for kill in range(KILLS):
        asyncio.run(publish(usage_topic, EVENTS[kill * SLICE : (kill + 1) * SLICE]))
        kill_while_booking(ledger_process(usage_topic, file), file, random.random() * 0.3)
    asyncio.run(publish(usage_topic, EVENTS[KILLS * SLICE :]))

    expected = sum((e.cost_micro_usd for e in EVENTS if e.cost_micro_usd is not None), Decimal(0))
    for finished in (file, tmp_path / "replayed.duckdb"):
        out, err = ledger_process(usage_topic, finished, "--once").communicate(timeout=120)
        assert out.startswith(f"{len(EVENTS)} requests"), err
        totals = ledger_at(finished).totals()
        assert (totals.requests, totals.cost) == (len(EVENTS), expected)
        assert totals.unreadable == KILLS + 1
