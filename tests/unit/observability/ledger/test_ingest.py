import asyncio
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from observability.ledger.ingest import Feed, batch_of
from observability.ledger.ledger import Booked, UsageBatch
from observability.metrics.registry import MetricsRegistry
from producers.contract import codec
from producers.kafka.broker import Outgoing
from runtime.identity.record_signature import RecordSigner
from tests.unit.observability.usage_events import usage_event
from tests.waiting import until

USAGE = TopicPartition("llm.usage", 0)


class Record:
    topic, partition, value = "llm.usage", 0, b"not a usage event"

    def __init__(self, offset: int) -> None:
        self.offset = offset


class Consumer:
    """A log from offset 100 to 150, read ten at a time; the first look at its end times out."""

    def __init__(self) -> None:
        self.at = 0
        self.asked = 0

    def assignment(self) -> set[TopicPartition]:
        return {USAGE}

    def seek(self, _partition: TopicPartition, offset: int) -> None:
        self.at = offset

    async def getmany(self, **_: int) -> dict[TopicPartition, list[Record]]:
        await asyncio.sleep(0)
        begin, self.at = self.at, min(150, self.at + 10)
        return {USAGE: [Record(n) for n in range(begin, self.at)]} if begin < self.at else {}

    async def position(self, _partition: TopicPartition) -> int:
        return self.at

    async def beginning_offsets(self, _: object) -> dict[TopicPartition, int]:
        return {USAGE: 100}

    async def end_offsets(self, _: object) -> dict[TopicPartition, int]:
        self.asked += 1
        if self.asked == 1:
            raise KafkaTimeoutError
        return {USAGE: 150}


class Books:
    """A ledger that has booked up to 120 and whose store is away until `back`."""

    def __init__(self) -> None:
        self.back = threading.Event()

    def create(self) -> None: ...

    def positions(self) -> dict[tuple[str, int], int]:
        return {("llm.usage", 0): 120}

    def book(self, _batch: UsageBatch) -> Booked:
        self.back.wait(10)
        return Booked(0, 0)


@pytest.fixture
def books() -> Iterator[Books]:
    books = Books()
    yield books
    books.back.set()


async def test_the_lag_is_seen_while_the_ledger_waits_for_its_store(books: Books) -> None:
    metrics = MetricsRegistry()
    feed = Feed(cast("Any", Consumer()), cast("Any", books), metrics, measure_every_s=0.001)
    stop = asyncio.Event()
    running = asyncio.create_task(feed.run(stop))
    async with asyncio.timeout(5):
        await lag_of(metrics, 30)
        books.back.set()
        await lag_of(metrics, 0)
        stop.set()
        await running


async def lag_of(metrics: MetricsRegistry, wanted: int) -> None:
    """Returns once the gauge shows it."""
    await until(lambda: metrics.value("switchgear_ledger_lag", partition="0") == wanted)


def test_what_no_worker_signed_is_kept_but_not_booked() -> None:
    signer = RecordSigner(["k" * 32])
    value = codec.encode(usage_event(1))
    good = signer.sign(Outgoing("llm.usage", value, b"t"))
    forged = signer.sign(Outgoing("llm.dlq", value, b"t"))
    raw = [
        ConsumerRecord("llm.usage", 0, offset, 0, 0, b"t", value, None, 1, len(value), headers)
        for offset, headers in enumerate((good.headers, forged.headers, ()))
    ]
    batch = batch_of({USAGE: raw}, signer.genuine)
    assert [event.id for event in batch.events] == ["r1"]
    assert [(bad.offset, bad.raw) for bad in batch.unreadable] == [(1, value), (2, value)]
    assert len(batch_of({USAGE: raw}).events) == 3


def test_what_may_not_be_in_the_ledgers_zone_is_not_booked_and_its_bytes_are_not_kept() -> None:
    events = [
        usage_event(number).model_copy(update={"residency": zones})
        for number, zones in enumerate([None, ("eu",), ("us", "eu"), ("us",)])
    ]
    raw = [
        ConsumerRecord("llm.usage", 0, offset, 0, 0, b"t", codec.encode(event), None, 1, 1, ())
        for offset, event in enumerate(events)
    ]
    batch = batch_of({USAGE: raw}, None, "us")
    assert batch.events == [events[0], events[2], events[3]]
    assert [(bad.offset, bad.raw) for bad in batch.unreadable] == [(1, b"")]
