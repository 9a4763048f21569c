"""Batch log: `llm.batches` written and followed, and the queues' records read again by offset.

`KafkaBatchLog` implements it; the tests have one in memory.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from producers.contract import codec, topics
from producers.contract.batch_record import BatchRecord
from producers.kafka.aiokafka_broker import to_record
from producers.kafka.broker import Outgoing, Publisher, Record
from producers.kafka.connection import connection_options, consuming, start_consumer
from producers.kafka.loop_turns import LoopTurns
from producers.settings import KafkaSettings

_log: Final = logging.getLogger(__name__)
_CLIENT: Final = "switchgear-batches"
_POLL_MS: Final = 500
_RETRY_S: Final = 0.5
_READ_S: Final = 120.0
_LOOK_S: Final = 0.02


class BatchLog(Protocol):
    """What the pool needs of Kafka beside its queues."""

    def following(self, receive: Callable[[Record], None]) -> AbstractAsyncContextManager[None]:
        """Calls `receive` for every record of `llm.batches`; entered once those there now came."""
        ...

    async def caught_up(self) -> None:
        """Returns once all that lies in `llm.batches` now has been received."""
        ...

    async def write(self, record: BatchRecord) -> None:
        """Returns once Kafka has it. Raises PublishFailedError."""
        ...

    async def forget(self, key: str) -> None:
        """The tombstone of a batch. Raises PublishFailedError."""
        ...

    def read(
        self, queue: str, places: Sequence[tuple[int, int]]
    ) -> AsyncIterator[tuple[int, Record]]:
        """The records at these (partition, offset), each with its number in `places`, in no order.

        What has left the log is left out. Raises TimeoutError.
        """
        ...

    async def committed(self, queue: str, group: str) -> Mapping[int, int]:
        """By partition, the offset up to which the group is done."""
        ...


def batch_outgoing(record: BatchRecord) -> Outgoing:
    """The record on its topic."""
    return Outgoing(topics.BATCHES, codec.encode(record), record.key.encode())


def tombstone(key: str) -> Outgoing:
    """An empty value: compaction removes it in the end, and readers forget the batch at once."""
    return Outgoing(topics.BATCHES, b"", key.encode())


class KafkaBatchLog:
    """The batch log on Apache Kafka."""

    def __init__(self, settings: KafkaSettings, publisher: Publisher) -> None:
        self._settings = settings
        self._publisher = publisher
        self._consumer: AIOKafkaConsumer | None = None

    @asynccontextmanager
    async def following(self, receive: Callable[[Record], None]) -> AsyncIterator[None]:
        """A consumer of its own, of all partitions, without a group."""
        async with consuming(
            self._settings, topics.BATCHES, begin="earliest", client_id=_CLIENT
        ) as consumer:
            self._consumer = consumer
            following = asyncio.create_task(_follow(consumer, receive))
            try:
                await self.caught_up()
                yield
            finally:
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following

    async def caught_up(self) -> None:
        """Against the ends of the log at this moment."""
        assert self._consumer is not None  # noqa: S101 it is entered first
        partitions = self._consumer.assignment()
        ends: Mapping[TopicPartition, int] = await self._consumer.end_offsets(partitions)
        for place, end in ends.items():
            # a position moves only when records are handed over, without a pause between
            while await self._consumer.position(place) < end:  # noqa: ASYNC110 nothing tells it
                await asyncio.sleep(_LOOK_S)

    async def write(self, record: BatchRecord) -> None:
        """With all replicas' word."""
        await self._publisher.publish(batch_outgoing(record))

    async def forget(self, key: str) -> None:
        """With all replicas' word."""
        await self._publisher.publish(tombstone(key))

    async def read(
        self, queue: str, places: Sequence[tuple[int, int]]
    ) -> AsyncIterator[tuple[int, Record]]:
        """All partitions at once, each from its first wanted offset to its last."""
        wanted: dict[TopicPartition, dict[int, int]] = {}
        for number, (partition, offset) in enumerate(places):
            wanted.setdefault(TopicPartition(queue, partition), {})[offset] = number
        if not wanted:
            return
        consumer = await start_consumer(self._settings, begin="earliest", client_id=_CLIENT)
        try:
            async for place, raw in _wanted_records(consumer, wanted):
                yield wanted[place][raw.offset], to_record(raw)
        finally:
            await consumer.stop()

    async def committed(self, queue: str, group: str) -> Mapping[int, int]:
        """As the group's coordinator knows it; nothing while that is away."""
        admin = AIOKafkaAdminClient(**connection_options(self._settings))
        try:
            await admin.start()
            offsets = await admin.list_consumer_group_offsets(group)
        except KafkaError as error:
            _log.info("the offsets of %s aren't known: %s", group, error)
            return {}
        finally:
            await admin.close()
        return {
            place.partition: meta.offset for place, meta in offsets.items() if place.topic == queue
        }


async def _follow(consumer: AIOKafkaConsumer, receive: Callable[[Record], None]) -> None:
    turns = LoopTurns()
    while True:
        try:
            polled = await consumer.getmany(timeout_ms=_POLL_MS)
        except Exception as error:  # noqa: BLE001 the pool must go on knowing its batches
            _log.warning("reading %s failed, trying again: %s", topics.BATCHES, error)
            await asyncio.sleep(_RETRY_S)
            continue
        turns.begin()
        for records in polled.values():
            for raw in records:
                if turns.over():
                    await asyncio.sleep(0)
                receive(to_record(raw))


async def _wanted_records(
    consumer: AIOKafkaConsumer, wanted: Mapping[TopicPartition, Mapping[int, int]]
) -> "AsyncIterator[tuple[TopicPartition, ConsumerRecord[bytes | None, bytes | None]]]":
    """wanted: by partition, the offsets. Raises TimeoutError when nothing comes for a while."""
    places = list(wanted)
    consumer.assign(places)
    begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    last: dict[TopicPartition, int] = {}
    for place, offsets in wanted.items():
        last[place] = min(max(offsets), ends[place] - 1)
        consumer.seek(place, max(min(offsets), begins[place]))
    clock = asyncio.get_running_loop().time
    heard = clock()
    while unread := [place for place in places if await consumer.position(place) <= last[place]]:
        polled = await consumer.getmany(*unread, timeout_ms=_POLL_MS)
        if not polled and clock() > heard + _READ_S:
            raise TimeoutError(f"{unread[0].topic} can't be read")
        for place, records in polled.items():
            for raw in records:
                if raw.offset in wanted[place]:
                    yield place, raw
        # from here on: whoever takes the records may be slow
        heard = clock() if polled else heard
