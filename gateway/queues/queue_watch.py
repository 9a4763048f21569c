"""Queue watch: looks at the tiers' queues every few seconds and answers for a request."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from gateway.queues.queue_history import QueueEstimate, QueueHistory, QueueSample
from producers.contract import Done
from producers.kafka.connection import connection_options, consuming
from producers.settings import KafkaSettings
from runtime.config.catalog import Catalog
from runtime.consuming.queue_groups import group_of, queues_of

_log: Final = logging.getLogger(__name__)
_EVERY_S: Final = 2.0
_MEMBERS_FIELD: Final = 5
"""Of a described group, in every version of Kafka's response that aiokafka reads."""

LookAtQueue: TypeAlias = Callable[[str], Awaitable[QueueSample | None]]
"""A sample of one queue; None: nobody has consumed it yet."""


class QueueWatch:
    """The queues of every tier."""

    def __init__(
        self, catalog: Callable[[], Catalog], clock: Callable[[], float] = time.time
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._tiers: dict[str, QueueHistory] = {}

    async def run(self, look: LookAtQueue) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look(look)
            except (KafkaError, OSError) as error:
                _log.info("the queues can't be looked at: %s", error)
            await asyncio.sleep(_EVERY_S)

    async def look(self, look: LookAtQueue) -> None:
        """One sample of each tier. Raises KafkaError, OSError."""
        catalog = self._catalog()
        for tier in catalog.tiers:
            samples = [await look(queue) for queue in queues_of(catalog, tier)]
            there = [sample for sample in samples if sample is not None]
            total = QueueSample(
                self._clock(),
                sum(sample.written for sample in there),
                sum(sample.committed for sample in there),
                sum(sample.members for sample in there),
            )
            self._of(tier).add(total)

    def replied(self, done: Done) -> None:
        """A reply says how long its request waited."""
        self._of(done.route.tier).add_wait(self._clock(), done.timings.queued_ms / 1000)

    def estimate(self, tier: str | None, created_ms: int) -> Mapping[str, float | int | None]:
        """What is before a request; of one that may go to any tier, the longest queue counts."""
        histories = self._histories(tier)
        found = [history.estimate(created_ms / 1000) for history in histories]
        known = [estimate for estimate in found if estimate is not None]
        if not known:
            return {"position": None, "estimate_s": None}
        longest: QueueEstimate = max(known, key=lambda estimate: estimate.position)
        seconds = longest.seconds
        shown = None if seconds is None else round(seconds, 1)
        return {"position": longest.position, "estimate_s": shown}

    def wait_s(self, tier: str | None) -> float:
        """Seconds that a request would wait; one that may go to any tier, in the shortest queue."""
        waits = [history.wait_s(self._clock()) for history in self._histories(tier)]
        return min(waits, default=0.0)

    def _histories(self, tier: str | None) -> list[QueueHistory]:
        names = self._catalog().tiers if tier is None else [tier]
        return [self._tiers[name] for name in names if name in self._tiers]

    def _of(self, tier: str) -> QueueHistory:
        return self._tiers.setdefault(tier, QueueHistory())


@asynccontextmanager
async def queue_looks(settings: KafkaSettings, client_id: str) -> AsyncIterator[LookAtQueue]:
    """Looks at queues over one admin client and one consumer, until the context is left."""
    admin = AIOKafkaAdminClient(**connection_options(settings), client_id=client_id)
    await admin.start()
    try:
        async with consuming(settings, begin="latest", client_id=client_id) as consumer:

            async def look(queue: str) -> QueueSample | None:
                return await _look(admin, consumer, queue)

            yield look
    finally:
        await admin.close()


async def _look(
    admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, queue: str
) -> QueueSample | None:
    group = group_of(queue)
    committed = {
        where: commit.offset
        for where, commit in (await admin.list_consumer_group_offsets(group)).items()
        if where.topic == queue
    }
    if not committed:
        return None
    ends = await consumer.end_offsets(list(committed))
    (described,) = await admin.describe_consumer_groups([group])
    members = len(described.groups[0][_MEMBERS_FIELD])
    return QueueSample(time.time(), sum(ends.values()), sum(committed.values()), members)
