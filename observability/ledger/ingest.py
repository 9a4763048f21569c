"""Ingest of usage events from Kafka into the ledger.

The ledger's own positions are the truth, not a consumer group's: the consumer has no group, gets
every partition, and reads from where the last booked transaction ended.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from observability.health import ProcessHealth
from observability.ledger.ledger import Booked, Ledger, Unreadable, UsageBatch
from observability.ledger.schema import problem_of
from observability.metrics.registry import MetricsRegistry
from producers.contract import UsageEvent
from producers.contract.codec import DecodeError, decode_usage
from producers.contract.residency import excludes
from producers.kafka.aiokafka_broker import to_record
from producers.kafka.broker import Record

Genuine: TypeAlias = Callable[[Record], bool]
"""Whether a process of the engine wrote the record. Must not raise."""
MAX_RECORDS: Final = 10_000
_POLL_MS: Final = 500
_A_TRICKLE: Final = 1_000
"""Fewer events at once are no backlog."""
_RESTS: Final = 4
"""Times of a booking, between it and the next."""
_LONGEST_REST_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Feed:
    """Books what `consumer` brings; it subscribes to the usage topic, without a group, started."""

    consumer: AIOKafkaConsumer
    ledger: Ledger
    metrics: MetricsRegistry
    measure_every_s: float = 2
    genuine: Genuine | None = None
    health: ProcessHealth = field(default_factory=ProcessHealth)
    """Hears when the feed has begun, and when Kafka is away."""
    zone: str | None = None
    """Of the ledger's cell: an event whose residency excludes it isn't kept."""
    booked: dict[TopicPartition, int] = field(default_factory=dict, init=False)
    """The offset after the last booked record, by partition."""

    async def run(self, stop: asyncio.Event, *, until_caught_up: bool = False) -> None:
        """Book until `stop`, or until every partition is read to its present end."""
        await asyncio.to_thread(self.ledger.create)
        measuring = asyncio.create_task(self._measure())
        try:
            await self._feed(stop, until_caught_up=until_caught_up)
        finally:
            measuring.cancel()

    async def _feed(self, stop: asyncio.Event, *, until_caught_up: bool) -> None:
        sought: set[TopicPartition] = set()
        # what was polled is booked before the end
        while not stop.is_set():
            if self.consumer.assignment() != sought:
                sought = await self._seek()
                self.health.started()
            polled = await self.consumer.getmany(timeout_ms=_POLL_MS, max_records=MAX_RECORDS)
            if polled:
                began_s = time.monotonic()
                await self._book(polled)
                if not until_caught_up and sum(map(len, polled.values())) < _A_TRICKLE:
                    await _rest(stop, time.monotonic() - began_s)
            elif until_caught_up and sought and await self._lag() == 0:
                return

    async def _seek(self) -> set[TopicPartition]:
        partitions = set(self.consumer.assignment())
        positions = await asyncio.to_thread(self.ledger.positions)
        for partition in partitions:
            offset = positions.get((partition.topic, partition.partition))
            if offset is not None:
                self.consumer.seek(partition, offset)
            self.booked[partition] = offset or 0
        return partitions

    async def _book(self, polled: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        batch = await asyncio.to_thread(batch_of, polled, self.genuine, self.zone)
        booked = await asyncio.to_thread(self.ledger.book, batch)
        self._count(booked, len(batch.unreadable))
        self.booked.update({p: records[-1].offset + 1 for p, records in polled.items() if records})

    async def _measure(self) -> None:
        """Beside the booking, which may wait for its store: that is when the lag must be seen."""
        while True:
            try:
                await self._show_lag()
            except KafkaError:  # the broker is away: the next measurement tells
                self.health.report("queue", "Kafka doesn't answer")
            else:
                self.health.report("queue", None)
            await asyncio.sleep(self.measure_every_s)

    async def _show_lag(self) -> None:
        partitions = list(self.booked)
        if not partitions:
            return
        begins = await self.consumer.beginning_offsets(partitions)
        ends = await self.consumer.end_offsets(partitions)
        for partition, end in ends.items():
            lag = max(0, end - max(begins[partition], self.booked[partition]))
            self.metrics.set("switchgear_ledger_lag", str(partition.partition), to=lag)

    def _count(self, booked: Booked, unreadable: int) -> None:
        results = {"booked": booked.new, "duplicate": booked.duplicate, "unreadable": unreadable}
        for result, number in results.items():
            self.metrics.count("switchgear_ledger_events_total", result, by=number)

    async def _lag(self) -> int:
        ends = await self.consumer.end_offsets(list(self.consumer.assignment()))
        behind = [end - await self.consumer.position(p) for p, end in ends.items()]
        return sum(behind)


async def _rest(stop: asyncio.Event, booking_s: float) -> None:
    """Events gather meanwhile: to book one takes a store as long as to book hundreds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(min(_RESTS * booking_s, _LONGEST_REST_S)):
            await stop.wait()


def batch_of(
    polled: Mapping[TopicPartition, Sequence[ConsumerRecord]],
    genuine: Genuine | None = None,
    zone: str | None = None,
) -> UsageBatch:
    """What was polled, decoded; a record that isn't a usage event becomes an Unreadable.

    So does one that isn't genuine, and one whose residency excludes the zone, without its bytes.
    """
    decoded = [_decode(record, genuine, zone) for record in _all(polled.values())]
    return UsageBatch(
        events=[entry for entry in decoded if isinstance(entry, UsageEvent)],
        positions={(p.topic, p.partition): rs[-1].offset + 1 for p, rs in polled.items() if rs},
        unreadable=[entry for entry in decoded if isinstance(entry, Unreadable)],
    )


def _all(lists: Iterable[Sequence[ConsumerRecord]]) -> Iterable[ConsumerRecord]:
    return (record for records in lists for record in records)


def _decode(
    record: ConsumerRecord, genuine: Genuine | None, zone: str | None
) -> UsageEvent | Unreadable:
    raw = record.value or b""
    try:
        event = decode_usage(raw)
        problem = problem_of(event)
        if problem is None and genuine is not None and not genuine(to_record(record)):
            problem = "it doesn't bear the signature of a worker"
        if excludes(event.residency, zone):
            problem, raw = f"its residency excludes zone {zone}", b""
    except DecodeError as error:
        problem = str(error)
    if problem is None:
        return event
    return Unreadable(record.topic, record.partition, record.offset, problem, raw)
