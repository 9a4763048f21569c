"""Pool watch: which queues has nobody to take a request from them?

A tier's own queue waits for its pool as long as it takes: that is what a queue is for. What would
go to a zone's queue that no pool has ever read, or that none has read for a minute, is refused at
once, since no other pool may take it. So is what would go to a queue that isn't there, such as that
of a zone which the configuration has just got.

Whoever holds a request and could answer its sender now looks closer: it hands nothing over to a
tier's own queue either, when no pool reads it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, TypeAlias

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from producers.contract import topics
from producers.kafka.connection import connection_options
from producers.settings import KafkaSettings
from runtime.config.catalog import Catalog
from runtime.consuming.queue_groups import batch_queues, group_of, group_of_batch_queue, queues_of

_log: Final = logging.getLogger(__name__)
_EVERY_S: Final = 2.0
_FIRST_LOOK_S: Final = 10.0
AWAY_S: Final = 60.0
"""So long a pool may be away, for a restart, while its queue goes on to fill."""
_ERROR_FIELD: Final = 0
_MEMBERS_FIELD: Final = 5
"""Of a described group, in every version of Kafka's response that aiokafka reads."""


class QueueState(NamedTuple):
    """A queue that there is. members: of its group; consumed: the group has committed offsets."""

    members: int
    consumed: bool


class Queue(NamedTuple):
    """A queue that requests are routed to.

    zone: the one that it is bound to; waits: whether what lies there may wait for a pool.
    """

    topic: str
    group: str
    zone: str | None
    waits: bool


LookAtQueues: TypeAlias = Callable[[Sequence[Queue]], Awaitable[Mapping[str, QueueState | None]]]
"""By topic; None: it isn't there. Raises KafkaError, OSError."""


class PoolWatch:
    """The queues of the configuration in force."""

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        clock: Callable[[], float] = time.monotonic,
        *,
        every_s: float = _EVERY_S,
        every_queue: bool = False,
    ) -> None:
        """every_queue: a tier's own queue needs a pool, too."""
        self._catalog = catalog
        self._every_s = every_s
        self._every_queue = every_queue
        self._clock = clock
        self._known: dict[str, str | None] = {}
        self._empty_since: dict[str, float] = {}
        self._asked = asyncio.Event()
        self.unserved: Mapping[str, str] = {}
        """By topic: why nobody would take a request from there."""

    async def begin(self, look: LookAtQueues) -> None:
        """The first look, before anything is routed; a Kafka that can't be asked delays nothing."""
        try:
            async with asyncio.timeout(_FIRST_LOOK_S):
                await self.look(look)
        except (KafkaError, OSError) as error:
            _log.warning("the workers' pools can't be looked at: %s", error)

    async def run(self, look: LookAtQueues) -> None:
        """Until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._every_s):
                    await self._asked.wait()
            except TimeoutError:
                pass
            self._asked.clear()
            try:
                await self.look(look)
            except (KafkaError, OSError) as error:
                _log.info("the workers' pools can't be looked at: %s", error)

    async def look(self, look: LookAtQueues) -> None:
        """One look at all queues. Raises KafkaError, OSError."""
        queues = list(self._queues())
        states = await look(queues)
        known = {queue.topic: self._obstacle(queue, states.get(queue.topic)) for queue in queues}
        for topic, reason in known.items():
            if reason is not None and self._known.get(topic) != reason:
                _log.warning("%s: %s", topic, reason)
        self._known = known
        self._tell()

    def reconfigured(self) -> None:
        """The configuration is another one: what is new isn't served until it was looked at."""
        self._tell()
        self._asked.set()

    def _tell(self) -> None:
        if not self._known:
            return  # it couldn't be looked at yet: nothing is held against a queue
        new = "its queue is new and wasn't looked at yet"
        reasons = {queue.topic: self._known.get(queue.topic, new) for queue in self._queues()}
        self.unserved = {topic: why for topic, why in reasons.items() if why is not None}

    def _queues(self) -> Iterator[Queue]:
        return queues_in(self._catalog(), every_queue=self._every_queue)

    def _obstacle(self, queue: Queue, state: QueueState | None) -> str | None:
        if state is None:
            return f"the queue {queue.topic} isn't there: `switchgear topics` makes it"
        if queue.waits:
            return None
        if state.members:
            self._empty_since.pop(queue.topic, None)
            return None
        since = self._empty_since.setdefault(queue.topic, self._clock())
        if state.consumed and self._clock() - since < AWAY_S:
            return None
        whose = queue.topic if queue.zone is None else f"its zone {queue.zone}"
        return f"no worker pool serves {whose} now"


def queues_in(catalog: Catalog, *, every_queue: bool = False) -> Iterator[Queue]:
    """All queues that a router may write to. every_queue: as `PoolWatch` takes it."""
    kinds = [
        (topics.tier_topic(tier), queues_of(catalog, tier), group_of) for tier in catalog.tiers
    ]
    if any(deployment.batch is not None for deployment in catalog.deployments.values()):
        kinds.append((topics.batch_topic(), batch_queues(catalog), group_of_batch_queue))
    for shared, queues, group in kinds:
        for topic in queues:
            zone = None if topic == shared else topic.removeprefix(f"{shared}.")
            yield Queue(topic, group(topic), zone, waits=zone is None and not every_queue)


@asynccontextmanager
async def looks_at_queues(settings: KafkaSettings, client_id: str) -> AsyncIterator[LookAtQueues]:
    """Looks over one admin client, until the context is left. Raises KafkaError."""
    admin = AIOKafkaAdminClient(**connection_options(settings), client_id=client_id)
    await admin.start()

    async def look(queues: Sequence[Queue]) -> Mapping[str, QueueState | None]:
        there = set(await admin.list_topics())
        # of a queue that waits it is enough to know that it is there
        in_need = [queue for queue in queues if not queue.waits and queue.topic in there]
        states: dict[str, QueueState | None] = {
            queue.topic: QueueState(0, consumed=False) if queue.topic in there else None
            for queue in queues
        }
        for queue in in_need:
            states[queue.topic] = await _state(admin, queue)
        return states

    try:
        yield look
    finally:
        await admin.close()


async def _state(admin: AIOKafkaAdminClient, queue: Queue) -> QueueState:
    (described,) = await admin.describe_consumer_groups([queue.group])
    group: Any = described.groups[0]
    if group[_ERROR_FIELD]:  # a broker that can't or won't say holds nothing against the queue
        return QueueState(1, consumed=True)
    members = len(group[_MEMBERS_FIELD])
    if members:
        return QueueState(members, consumed=True)
    committed = await admin.list_consumer_group_offsets(queue.group)
    return QueueState(0, any(place.topic == queue.topic for place in committed))
