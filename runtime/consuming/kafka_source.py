"""Consumer group member on Apache Kafka (aiokafka), as the stream's source of records.

Records are polled from the consumer directly. A framework's handler would cost 0.7 ms a batch,
sleep after every empty poll, and swallow whatever fails before the handler runs (a header that
isn't UTF-8 does): a batch lost in silence.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from producers.contract.topics import with_tenant_topics
from producers.kafka.aiokafka_broker import to_record
from producers.kafka.broker import Partition, Record
from producers.kafka.connection import start_consumer
from producers.settings import KafkaSettings
from runtime.consuming.stream import RebalanceListener

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

_log: Final = logging.getLogger(__name__)
_RETRY_S: Final = 0.5
_MAX_RECORDS: Final = 500


class KafkaSource:
    """`topics` as one member of `group` sees them."""

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Sequence[str],
        group: str,
        session_timeout_s: float = 10,
        *,
        by_tenant: bool = False,
    ) -> None:
        """session_timeout_s: after how long a member that died without a word is replaced.

        by_tenant: also tenants' own topics beside these, as they are created.
        """
        self._settings = settings
        self._topics = topics
        self._pattern = with_tenant_topics(*topics) if by_tenant else None
        self.group = group
        self._session_timeout_ms = int(session_timeout_s * 1000)
        self._consumer: AIOKafkaConsumer
        self._joined = False
        self._inherited: dict[TopicPartition, _Inherited] = {}

    async def start(self, listener: RebalanceListener) -> None:
        """Joins the group; a new group begins at the oldest record."""
        self._consumer = await start_consumer(
            self._settings,
            *(self._topics if self._pattern is None else ()),
            pattern=self._pattern,
            begin="earliest",
            client_id=self.group,
            group=self.group,
            listener=_Listener(listener, self._assigned),
            session_timeout_ms=self._session_timeout_ms,
            heartbeat_interval_ms=self._session_timeout_ms // 4,
            max_partition_fetch_bytes=8_388_608,
            # what a producer has aborted was never sent
            isolation_level="read_committed",
        )
        self._joined = True

    async def poll(self, timeout_s: float) -> Sequence[Record]:
        """The next records; a broker that is away yields none until it is back."""
        try:
            polled = await self._consumer.getmany(
                timeout_ms=int(timeout_s * 1000), max_records=_MAX_RECORDS
            )
        except Exception as error:  # noqa: BLE001 the next member would stumble over the same
            _log.warning("polling %s failed, trying again: %s", self._topics, error)
            # no retry in here: between two polls the stream looks whether it is to stop
            await asyncio.sleep(_RETRY_S)
            return ()
        if self._inherited:
            self._measure()
        return [record for place, raw in polled.items() for record in self._records(place, raw)]

    async def commit(self, offsets: Mapping[Partition, int]) -> bool:
        """False when the group has moved on or the broker is away: a later commit covers it."""
        try:
            await self._consumer.commit(
                {TopicPartition(*partition): offset for partition, offset in offsets.items()}
            )
        except (CommitFailedError, IllegalStateError, KafkaError) as error:
            _log.info("offsets of %s not committed: %s", self.group, error)
            return False
        return True

    async def position(self, partition: Partition) -> int | None:
        """The offset that is read next; None while the group decides, or before the first fetch."""
        with suppress(TimeoutError, IllegalStateError):
            async with asyncio.timeout(0):
                offset: int = await self._consumer.position(TopicPartition(*partition))
                return offset
        return None

    def ends(self) -> Mapping[Partition, int]:
        """The end of each assigned partition's log, as the last fetch told it."""
        assigned = self._consumer.assignment() if self._joined else ()
        ends = ((Partition(*place), self._consumer.highwater(place)) for place in assigned)
        return {partition: end for partition, end in ends if end is not None}

    def _assigned(self, places: Iterable[TopicPartition]) -> None:
        now_s = time.monotonic()
        self._inherited = {Partition(*place): _Inherited(now_s) for place in places}

    def _measure(self) -> None:
        """Where what is inherited ends: as a first fetch tells it, so later if anything."""
        unmeasured = {place: it for place, it in self._inherited.items() if it.end is None}
        ends = self.ends() if unmeasured else {}
        for place in unmeasured.keys() & ends.keys():
            self._inherited[place] = replace(unmeasured[place], end=ends[place])

    def _records(
        self, place: TopicPartition, raw: Sequence["ConsumerRecord[bytes | None, bytes | None]"]
    ) -> Iterator[Record]:
        inherited = self._inherited.get(Partition(*place))
        if inherited is None:
            return map(to_record, raw)
        if inherited.end is not None and raw[-1].offset >= inherited.end - 1:
            del self._inherited[Partition(*place)]
        return (to_record(one, inherited.since_of(one.offset)) for one in raw)

    def pause(self) -> None:
        """No more records of what is assigned now."""
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        """Records again."""
        self._consumer.resume(*self._consumer.paused())

    async def stop(self) -> None:
        """Leaves the group at once, so that others take over without waiting for a timeout."""
        if self._joined:
            await self._consumer.stop()


@dataclass(frozen=True, slots=True)
class _Inherited:
    """What lay in a partition when it was assigned. end: the first offset after it, once known."""

    since_s: float
    end: int | None = None

    def since_of(self, offset: int) -> float | None:
        """As in `Record`."""
        return self.since_s if self.end is None or offset < self.end else None


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    def __init__(
        self, listener: RebalanceListener, on_assigned: Callable[[Iterable[TopicPartition]], None]
    ) -> None:
        self._listener = listener
        self._on_assigned = on_assigned

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        if revoked:
            await self._listener.revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._on_assigned(assigned)
        await self._listener.assigned([Partition(*partition) for partition in assigned])
