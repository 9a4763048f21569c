"""Topic log: a topic read whole from some time back, then followed; its records read by place.

For what every process must know and Kafka keeps: a process needs no state of its own.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from producers.kafka.aiokafka_broker import to_record
from producers.kafka.broker import Record
from producers.kafka.connection import start_consumer
from producers.kafka.loop_turns import LoopTurns
from producers.settings import KafkaSettings

_log: Final = logging.getLogger(__name__)
_POLL_MS: Final = 1000
_LOOK_S: Final = 30.0
"""Between two looks for partitions that were added."""
_READ_S: Final = 10.0


@dataclass(eq=False)
class TopicLog:
    """One topic, from `since_s` seconds before the start."""

    settings: KafkaSettings
    topic: str
    client_id: str
    receive: Callable[[Record], None]
    """Gets every record, in each partition's order; what it raises is logged."""
    since_s: float
    report_skipped: Callable[[str], None] = lambda _: None
    """Gets the topic of a record for which `receive` has raised."""

    def __post_init__(self) -> None:
        self._since_ms = int((time.time() - self.since_s) * 1000)
        self._reading = asyncio.Lock()
        self._ends: dict[TopicPartition, int] = {}

    @asynccontextmanager
    async def following(self) -> AsyncIterator["TopicLog"]:
        """Entered once all that was there has been received. Raises KafkaError."""
        follower = await self._consumer()
        self._reader = await self._consumer()
        try:
            await self._assign(follower)
            self._ends = await follower.end_offsets(sorted(follower.assignment()))
            while not await self._caught_up(follower):
                await self._poll(follower)
            task = asyncio.create_task(self._follow(follower))
            try:
                yield self
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        finally:
            await follower.stop()
            await self._reader.stop()

    async def read(self, partition: int, offset: int) -> Record | None:
        """The record at that place; None: it is gone. Raises KafkaError, TimeoutError."""
        where = TopicPartition(self.topic, partition)
        async with self._reading, asyncio.timeout(_READ_S):
            self._reader.assign([where])
            first = (await self._reader.beginning_offsets([where]))[where]
            end = (await self._reader.end_offsets([where]))[where]
            if not first <= offset < end:
                return None
            self._reader.seek(where, offset)
            record = to_record(await self._reader.getone(where))
            return record if record.offset == offset else None

    async def _consumer(self) -> AIOKafkaConsumer:
        return await start_consumer(self.settings, begin="earliest", client_id=self.client_id)

    async def _assign(self, follower: AIOKafkaConsumer) -> None:
        """All partitions; a new one from its time, the others where they are."""
        numbers = follower.partitions_for_topic(self.topic)
        if numbers is None:
            cluster = await follower._client.fetch_all_metadata()  # noqa: SLF001 no public way
            numbers = cluster.partitions_for_topic(self.topic)
        if not numbers:
            raise KafkaError(f"the topic {self.topic} doesn't exist: `switchgear topics`")
        have = follower.assignment()
        every = {TopicPartition(self.topic, number) for number in numbers}
        if every <= have:
            return
        positions = {where: await follower.position(where) for where in have}
        follower.assign(sorted(every))
        begin = await follower.offsets_for_times(dict.fromkeys(every - have, self._since_ms))
        ends = await follower.end_offsets(sorted(every - have))
        for where, offset in positions.items():
            follower.seek(where, offset)
        for where, found in begin.items():
            # nothing so young: from the end on
            late = found is None or found.offset < 0
            follower.seek(where, ends[where] if late else found.offset)

    async def _caught_up(self, follower: AIOKafkaConsumer) -> bool:
        for where, end in self._ends.items():
            if await follower.position(where) < end:
                return False
        return True

    async def _follow(self, follower: AIOKafkaConsumer) -> None:
        looked = time.monotonic()
        while True:
            try:
                await self._poll(follower)
                if time.monotonic() - looked > _LOOK_S:
                    looked = time.monotonic()
                    await self._assign(follower)
            except Exception as error:  # noqa: BLE001 whatever it is, the process must go on reading
                _log.warning("reading %s failed, trying again: %s", self.topic, error)
                await asyncio.sleep(1)

    async def _poll(self, follower: AIOKafkaConsumer) -> None:
        polled = await follower.getmany(timeout_ms=_POLL_MS)
        turns = LoopTurns()
        for records in polled.values():
            for raw in records:
                if turns.over():
                    await asyncio.sleep(0)
                self._receive_one(to_record(raw))

    def _receive_one(self, record: Record) -> None:
        try:
            self.receive(record)
        except Exception as error:  # noqa: BLE001 one bad record must not end the rest
            self.report_skipped(self.topic)
            _log.warning("a record of %s was passed over: %s", self.topic, type(error).__name__)
