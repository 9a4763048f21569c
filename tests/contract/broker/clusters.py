"""Three brokers under one contract: in memory, embedded, and Apache Kafka."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Broker, Partition, Record
from runtime.consuming.kafka_source import KafkaSource
from runtime.consuming.stream import RebalanceListener, RecordSource
from runtime.process.settings import ServiceSettings
from tests.memory_broker import Member, MemoryBroker
from tests.waiting import until

PARTITIONS = 4


class Cluster(Protocol):
    """What the contract needs of a broker, besides its seams."""

    @property
    def broker(self) -> Broker:
        """The client's side."""
        ...

    async def topic(self) -> str:
        """A fresh topic of four partitions."""
        ...

    def member(self, topics: Sequence[str], group: str) -> RecordSource:
        """A member that hasn't joined yet."""
        ...

    async def kill(self, member: RecordSource) -> None:
        """Its connections end without a word; it does nothing any more."""
        ...


@dataclass
class Mortal:
    """A member that can be struck dead: then nothing it does reaches the broker, no goodbye."""

    source: RecordSource
    dead: bool = False

    async def start(self, listener: RebalanceListener) -> None:
        """As the source does."""
        await self.source.start(listener)

    async def poll(self, timeout_s: float) -> Sequence[Record]:
        """As the source does."""
        return () if self.dead else await self.source.poll(timeout_s)

    async def commit(self, offsets: Mapping[Partition, int]) -> bool:
        """As the source does."""
        return not self.dead and await self.source.commit(offsets)

    async def position(self, partition: Partition) -> int | None:
        """As the source does."""
        return None if self.dead else await self.source.position(partition)

    def pause(self) -> None:
        """As the source does."""
        self.source.pause()

    def resume(self) -> None:
        """As the source does."""
        self.source.resume()

    async def stop(self) -> None:
        """As the source does."""
        if not self.dead:
            await self.source.stop()


@dataclass
class InMemory:
    """The one of the flow tests."""

    broker: MemoryBroker = field(default_factory=lambda: MemoryBroker(PARTITIONS))

    async def topic(self) -> str:
        """It is there when it is used."""
        return f"t-{uuid.uuid4().hex}"

    def member(self, topics: Sequence[str], group: str) -> RecordSource:
        """As the stream takes it."""
        return self.broker.member(topics, group)

    async def kill(self, member: RecordSource) -> None:
        """The group hears of it at once."""
        assert isinstance(member, Member)
        await member.die()


@dataclass
class OverTheWire:
    """Any broker that speaks Kafka's protocol."""

    settings: ServiceSettings
    broker: KafkaBroker
    admin: AIOKafkaAdminClient
    session_timeout_s: float

    async def topic(self) -> str:
        """Created; each of its partitions has a leader."""
        name = f"t-{uuid.uuid4().hex}"
        await self.admin.create_topics([NewTopic(name, PARTITIONS, 1)])

        async def is_led() -> bool:
            (shown,) = await self.admin.describe_topics([name])
            leaders = [partition["leader"] for partition in shown["partitions"]]
            return len(leaders) == PARTITIONS and min(leaders) >= 0

        await until(is_led)
        return name

    def member(self, topics: Sequence[str], group: str) -> RecordSource:
        """As the services join."""
        return KafkaSource(self.settings, topics, group, self.session_timeout_s)

    async def kill(self, member: RecordSource) -> None:
        """Its connections end, and nothing of it runs on: the broker isn't told."""
        assert isinstance(member, KafkaSource)
        consumer = member._consumer  # noqa: SLF001 no public way to die
        coordinator = consumer._coordinator  # noqa: SLF001
        for task in (coordinator._coordination_task, coordinator._heartbeat_task):  # noqa: SLF001
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        await consumer._fetcher.close()  # noqa: SLF001
        await consumer._client.close()  # noqa: SLF001
        consumer._closed = True  # noqa: SLF001 so it leaves no group when the rest is tidied up
        await member.stop()


@asynccontextmanager
async def over_the_wire(
    settings: ServiceSettings, session_timeout_s: float
) -> AsyncIterator[OverTheWire]:
    """Connected to a broker that runs."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        async with KafkaBroker(settings, "contract") as broker:
            yield OverTheWire(settings, broker, admin, session_timeout_s)
    finally:
        await admin.close()
