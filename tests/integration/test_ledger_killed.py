"""A ledger that is killed again and again while it books holds every event once, to the cent."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dev import clickhouse
from dev.postgres_server import url_of
from dev.processes import Server
from observability.ledger.stores.selection import ledger_at
from producers.contract import UsageEvent
from producers.contract.codec import encode
from producers.contract.topics import USAGE
from tests.unit.observability.usage_events import usage_event
from tests.waiting import blocking_until, until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

SLICE = 3_000


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

        async def is_deleted() -> bool:
            return USAGE not in await admin.list_topics()

        await until(is_deleted)
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


@dataclass(frozen=True)
class Home:
    """Where the ledger is. mark: changes when a transaction begins to be written."""

    where: str
    mark: Callable[[], object]


def file_at(path: Path) -> Home:
    def written() -> list[tuple[str, int, int]]:
        stats = [(path.name, path.stat()) for path in sorted(path.parent.glob(f"{path.name}*"))]
        return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]

    return Home(str(path), written)


@contextmanager
def merge_trees(server: Server, name: str) -> Iterator[Home]:
    with closing(clickhouse.client(server)) as db:
        db.command(f"CREATE DATABASE {name}")

        def rows() -> object:
            """Of the data, which come before the positions."""
            parts = "SELECT sum(rows) FROM system.parts WHERE database = {name:String}"
            return db.query(parts, {"name": name}).result_rows

        yield Home(clickhouse.url_of(server, name), rows)


@contextmanager
def database(server: Server, name: str) -> Iterator[Home]:
    with psycopg.connect(url_of(server), autocommit=True) as db:
        db.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        db.execute(f"CREATE DATABASE {name}".encode())

        def writing() -> object:
            return db.execute(
                "SELECT backend_xid FROM pg_stat_activity WHERE query LIKE 'INSERT INTO usage%'"
                " AND backend_xid IS NOT NULL AND application_name = 'switchgear-ledger'"
            ).fetchall()

        yield Home(url_of(server, name), writing)


def ledger_process(bootstrap: str, home: Home, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "observability", "ledger", *arguments],
        env={**os.environ, "SWITCHGEAR_KAFKA": bootstrap, "SWITCHGEAR_LEDGER": home.where},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_while_booking(process: "subprocess.Popen[str]", home: Home, after_s: float) -> None:
    """SIGKILL, `after_s` after the first byte it writes."""
    before = home.mark()
    blocking_until(
        lambda: process.poll() is not None or home.mark() != before,
        pause_s=0.002,
    )
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == -signal.SIGKILL, err


def killed(bootstrap: str, home: Home, again: Home, kills: int) -> None:
    """Kills the ledger that books into `home`; then its totals, and a replay's, are the events'."""
    events = [usage_event(number) for number in range(SLICE * (kills + 1))]
    for kill in range(kills):
        asyncio.run(publish(bootstrap, events[kill * SLICE : (kill + 1) * SLICE]))
        kill_while_booking(ledger_process(bootstrap, home), home, random.random() * 0.3)
    asyncio.run(publish(bootstrap, events[kills * SLICE :]))

    expected = sum((e.cost_micro_usd for e in events if e.cost_micro_usd is not None), Decimal(0))
    for finished in (home, again):
        out, err = ledger_process(bootstrap, finished, "--once").communicate(timeout=120)
        assert out.startswith(f"{len(events)} requests"), err
        totals = ledger_at(finished.where).totals()
        assert (totals.requests, totals.cost) == (len(events), expected)
        assert totals.unreadable == kills + 1


def test_totals_in_a_file_survive_ten_kills_and_a_replay(usage_topic: str, tmp_path: Path) -> None:
    home, again = (file_at(tmp_path / name) for name in ("ledger.duckdb", "replayed.duckdb"))
    killed(usage_topic, home, again, kills=10)


def test_totals_in_postgres_survive_five_kills_and_a_replay(
    usage_topic: str, postgres_server: Server
) -> None:
    with (
        database(postgres_server, "killed") as home,
        database(postgres_server, "replayed") as again,
    ):
        killed(usage_topic, home, again, kills=5)


def test_totals_in_clickhouse_survive_three_kills_and_a_replay(
    usage_topic: str, clickhouse_server: Server
) -> None:
    with (
        merge_trees(clickhouse_server, "killed") as home,
        merge_trees(clickhouse_server, "replayed") as again,
    ):
        killed(usage_topic, home, again, kills=3)
