"""A broker in memory that keeps both seams, `Broker` (producers) and `RecordSource` (runtime).

Deterministic: a key always gets the same partition, partitions are dealt out in the order in which
members joined, and nothing happens by time alone. What can go wrong with a real one is asked for:
`refuse`, `skip`, `cut`, `Member.die`, `Member.expelled`.
"""

import asyncio
import time
import zlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import Final

from producers.kafka.broker import (
    Outgoing,
    Partition,
    PublishFailedError,
    Record,
    RecordBatch,
    WriteRefusal,
)
from runtime.consuming.stream import RebalanceListener

_MOST: Final = 500
PATIENCE_S: Final = 20.0


class MemoryBroker:
    """Topics are there when they are first used, with `partitions` each."""

    def __init__(self, partitions: int = 4) -> None:
        self.partitions = partitions
        self._logs: dict[Partition, list[Record]] = {}
        self._next: defaultdict[Partition, int] = defaultdict(int)
        self._written: defaultdict[str, list[Record]] = defaultdict(list)
        self._tails: defaultdict[str, list[Callable[[Record], None]]] = defaultdict(list)
        self._groups: dict[str, _Group] = {}
        self._refused: dict[str, WriteRefusal | None] = {}
        self._turn = count()
        self.changed = asyncio.Event()
        self.closing = False
        self.missing: set[str] = set()
        """Topics that don't exist."""
        self.largest: dict[str, int] = {}
        """By topic, the bytes of a value that it takes."""

    # --------------------------------------------------------------------- producers.broker.Broker

    async def publish(self, *outgoing: Outgoing) -> None:
        """Raises PublishFailedError for a topic that is refused now."""
        await asyncio.sleep(0)
        for one in outgoing:
            self._append(one)

    def _append(self, outgoing: Outgoing) -> None:
        if outgoing.topic in self._refused:
            refusal = self._refused[outgoing.topic]
            raise PublishFailedError(outgoing.topic, "refused by the test", refusal=refusal)
        if len(outgoing.value) > self.largest.get(outgoing.topic, 2**31):
            refusal = WriteRefusal.TOO_LARGE
            raise PublishFailedError(outgoing.topic, "refused by the test", refusal=refusal)
        partition = self._partition_of(outgoing)
        record = Record(
            partition,
            self._next[partition],
            outgoing.key,
            outgoing.value,
            tuple(outgoing.headers),
            int(time.time() * 1000),
        )
        self._next[partition] += 1
        self.log(partition).append(record)
        self._written[outgoing.topic].append(record)
        for receive in tuple(self._tails[outgoing.topic]):
            receive(record)
        self.wake()

    @asynccontextmanager
    async def tail(
        self, topic: str, receive: Callable[[Record], None], partition: int | None = None
    ) -> AsyncIterator[None]:
        """Calls `receive` for every record written from now on."""

        def hear(record: Record) -> None:
            if partition in (None, record.partition.number):
                receive(record)

        self._tails[topic].append(hear)
        try:
            yield
        finally:
            self._tails[topic].remove(hear)

    async def partitions_of(self, topic: str, at_least: int = 0) -> int | None:  # noqa: ARG002 nothing is old here
        """As many as every topic has, unless the test says that it isn't there."""
        return None if topic in self.missing else self.partitions

    async def consume(self, topic: str, group: str) -> AsyncIterator[RecordBatch]:
        """Batches for a new member of `group`."""
        member = self.member([topic], group)
        await member.start(_Indifferent())
        try:
            while True:
                if records := await member.poll(1):
                    yield RecordBatch(records, partial(member.commit_all, records))
        finally:
            await member.stop()

    # ------------------------------------------------------------------------ for the consumer side

    def member(self, topics: Sequence[str], group: str) -> "Member":
        """A member of `group` that hasn't joined yet: a `RecordSource`."""
        return Member(self, topics, self._groups.setdefault(group, _Group()))

    def committed(self, group: str) -> Mapping[Partition, int]:
        """The group's offsets."""
        return self._groups[group].committed

    def reset(self, group: str, partition: Partition, offset: int) -> None:
        """An operator sets the group's offset."""
        self._groups[group].committed[partition] = offset

    def log(self, partition: Partition) -> list[Record]:
        """The records of a partition, oldest first."""
        return self._logs.setdefault(partition, [])

    def of_topic(self, topic: str) -> list[Partition]:
        return [Partition(topic, number) for number in range(self.partitions)]

    # ------------------------------------------------------------------------------- for the tests

    def written(self, topic: str) -> list[Record]:
        """Every record ever written to `topic`, in the order of writing."""
        return self._written[topic]

    def topics(self) -> list[str]:
        """Those that anything was ever written to."""
        return list(self._written)

    async def until(self, happened: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Returns once something that depends on what is written or committed has happened."""
        async with asyncio.timeout(patience_s):
            while not happened():
                await self.changed.wait()

    async def has(self, topic: str, number: int) -> list[Record]:
        """The records of `topic`, once there are so many."""
        await self.until(lambda: len(self.written(topic)) >= number)
        return self.written(topic)

    def refuse(self, topic: str, refusal: WriteRefusal | None) -> None:
        """From now on nobody can write to `topic`; None: for now."""
        self._refused[topic] = refusal

    def accept(self, topic: str) -> None:
        """The end of `refuse`."""
        self._refused.pop(topic, None)

    def skip(self, partition: Partition, offsets: int) -> None:
        """A gap, as compaction and transactions leave."""
        self._next[partition] += offsets

    def cut(self, partition: Partition) -> None:
        """The log is lost and begins anew at offset 0."""
        self.log(partition).clear()
        self._next[partition] = 0

    def end(self, partition: Partition) -> int:
        """The offset of the next record."""
        return self._next[partition]

    def wake(self) -> None:
        """Something has changed: whoever waits looks again."""
        self.changed.set()
        self.changed = asyncio.Event()

    def close(self) -> None:
        """The test is over: nobody waits for more records."""
        self.closing = True
        self.wake()

    def _partition_of(self, outgoing: Outgoing) -> Partition:
        if outgoing.partition is not None and outgoing.partition < self.partitions:
            return Partition(outgoing.topic, outgoing.partition)
        number = next(self._turn) if outgoing.key is None else zlib.crc32(outgoing.key)
        return Partition(outgoing.topic, number % self.partitions)


class _Indifferent:
    async def assigned(self, partitions: Collection[Partition]) -> None:
        """Nobody needs to know."""

    async def revoked(self) -> None:
        """Nobody needs to know."""


class _Group:
    """A consumer group: who is in it, and how far it has come."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.committed: dict[Partition, int] = {}
        self.generation = 0
        self._rebalancing = asyncio.Lock()

    async def join(self, member: "Member") -> None:
        async with self._rebalancing:
            self.members.append(member)
            await self._deal()

    async def leave(self, member: "Member") -> None:
        async with self._rebalancing:
            if member in self.members:
                self.members.remove(member)
                await self._deal()

    async def _deal(self) -> None:
        """Eagerly, as Kafka's range and round-robin assignors do: all lose all first."""
        for member in self.members:
            await member.give_up()
        self.generation += 1
        hands: dict[Member, list[Partition]] = {member: [] for member in self.members}
        partitions = sorted({part for member in self.members for part in member.subscribed()})
        for number, partition in enumerate(partitions):
            takers = [member for member in self.members if partition in member.subscribed()]
            hands[takers[number % len(takers)]].append(partition)
        for member, hand in hands.items():
            await member.take_over(hand, self.generation)


class Member:
    """A `RecordSource`: one member of one group."""

    def __init__(self, broker: MemoryBroker, topics: Sequence[str], group: _Group) -> None:
        self._broker = broker
        self._topics = topics
        self._group = group
        self._listener: RebalanceListener = _Indifferent()
        self._positions: dict[Partition, int] = {}
        self._generation = 0
        self._dead = False
        self.paused = False

    async def start(self, listener: RebalanceListener) -> None:
        """Joins the group."""
        self._listener = listener
        await self._group.join(self)

    async def poll(self, timeout_s: float) -> Sequence[Record]:
        """The next records, in order within each partition; none when `timeout_s` has passed."""
        until = time.monotonic() + timeout_s
        while not (records := self._next_records()) and not self._broker.closing:
            changed, left_s = self._broker.changed, until - time.monotonic()
            try:
                async with asyncio.timeout(max(0.0, left_s)):
                    await changed.wait()
            except TimeoutError:
                return ()
        await asyncio.sleep(0)
        return records

    async def commit(self, offsets: Mapping[Partition, int]) -> bool:
        """False when the group has moved on without this member."""
        await asyncio.sleep(0)
        if self._dead or self._generation != self._group.generation:
            return False
        if not offsets.keys() <= self._positions.keys():
            return False
        self._group.committed.update(offsets)
        self._broker.wake()
        return True

    async def commit_all(self, records: Sequence[Record]) -> None:
        """Commits up to the last of `records` in each partition."""
        await self.commit({record.partition: record.offset + 1 for record in records})

    async def position(self, _: Partition) -> int | None:
        """Unclear: here every offset has its record."""
        return None

    def pause(self) -> None:
        """No more records until `resume`."""
        self.paused = True

    def resume(self) -> None:
        """Records again."""
        self.paused = False
        self._broker.wake()

    async def stop(self) -> None:
        """Leaves the group."""
        if not self._dead:
            self._dead = True
            await self._group.leave(self)

    async def die(self) -> None:
        """Without a word: it can do nothing any more, and the others take over."""
        await self.stop()

    @asynccontextmanager
    async def expelled(self) -> AsyncIterator[None]:
        """The group moves on without this member, which only hears of it at the end."""
        await self._group.leave(self)
        yield
        await self.give_up()
        await self._group.join(self)

    def subscribed(self) -> list[Partition]:
        """All partitions it might get."""
        return [part for topic in self._topics for part in self._broker.of_topic(topic)]

    async def give_up(self) -> None:
        """It is about to lose what it has."""
        if self._positions:
            await self._listener.revoked()
            self._positions = {}

    async def take_over(self, partitions: Sequence[Partition], generation: int) -> None:
        """It gets these, to go on from what the group has committed."""
        self._generation = generation
        self.paused = False
        self._positions = {part: self._group.committed.get(part, 0) for part in partitions}
        await self._listener.assigned(partitions)
        self._broker.wake()

    def _next_records(self) -> list[Record]:
        """Of what it owns; a dead or expelled member's positions no longer move the group's."""
        if self.paused or self._dead:
            return []
        found: list[Record] = []
        for partition, position in self._positions.items():
            if position > self._broker.end(partition):
                position = 0  # noqa: PLW2901 out of range: from the beginning, as configured
            log = self._broker.log(partition)
            first = bisect_left(log, position, key=lambda record: record.offset)
            more = log[first : first + _MOST - len(found)]
            self._positions[partition] = more[-1].offset + 1 if more else position
            found += more
        return found
