"""What every broker must do for the client and for the stream."""

import asyncio
import uuid
import zlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from producers.kafka.broker import Outgoing, Record
from runtime.consuming.fair_queue import Lane
from runtime.consuming.stream import ConsumerStream, RecordSource, StreamSettings
from runtime.process.settings import ServiceSettings
from tests.contract.broker.clusters import Cluster, InMemory, Mortal, over_the_wire
from tests.waiting import until

BROKERS = [
    "memory",
    pytest.param("embedded", marks=pytest.mark.kafka),
    pytest.param("kafka", marks=pytest.mark.kafka),
]
PATIENCE_S = 60


@pytest.fixture(params=BROKERS)
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    match request.param:
        case "memory":
            yield InMemory()
        case "embedded":
            settings = ServiceSettings(
                kafka=request.getfixturevalue("embedded_broker"),
                kafka_idempotence=False,
                kafka_fetch_max_wait_ms=5,
            )
            async with over_the_wire(settings, 6) as wired:
                yield wired
        case _:
            settings = ServiceSettings(kafka=request.getfixturevalue("kafka"))
            async with over_the_wire(settings, 6) as wired:
                yield wired


async def publish(cluster: Cluster, topic: str, values: Sequence[str], keys: int = 7) -> None:
    """Each value under one of `keys` keys, in order."""
    for start in range(0, len(values), 500):
        part = values[start : start + 500]
        records = (Outgoing(topic, text.encode(), _key(text, keys)) for text in part)
        await asyncio.gather(*map(cluster.broker.publish, records))


def _key(text: str, keys: int) -> bytes:
    return str(zlib.crc32(text.encode()) % keys).encode()


def named(count: int) -> list[str]:
    return [f"{number:06}" for number in range(count)]


@dataclass
class Handled:
    """What the members of a group have handled, and how to hold them up."""

    values: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    gate: Callable[[Record], bool] = lambda _: True
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, record: Record) -> None:
        """Notes it, when its gate is open."""
        self.begun.append(record.value.decode())
        async with self.changed:
            self.changed.notify_all()
            await self.changed.wait_for(lambda: self.gate(record))
            self.values.append(record.value.decode())
            self.changed.notify_all()

    async def open(self) -> None:
        """Everybody may go on."""
        async with self.changed:
            self.gate = lambda _: True
            self.changed.notify_all()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Returns once something that depends on the records has happened."""
        async with asyncio.timeout(PATIENCE_S), self.changed:
            await self.changed.wait_for(happened)

    async def has(self, values: Sequence[str]) -> None:
        """Returns once all of `values` are handled."""
        await self.until(lambda: set(values) <= set(self.values))


async def no_crash(record: Record, error: BaseException) -> None:
    raise AssertionError(record) from error


def stream_of(source: RecordSource, handled: Handled, backlog: int = 10_000) -> ConsumerStream:
    settings = StreamSettings(
        64, backlog=backlog, commit_every_s=0.05, revoke_grace_s=0.5, stop_grace_s=0.5
    )
    return ConsumerStream(source, handled.handle, no_crash, lambda _: Lane("t"), settings)


@asynccontextmanager
async def running(*streams: ConsumerStream) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for stream in streams:
            tasks.create_task(stream.run(stop))
        try:
            yield
        finally:
            stop.set()


async def strike(cluster: Cluster, member: Mortal, task: "asyncio.Task[None]") -> None:
    """The process of `member`, which runs `task`, dies."""
    member.dead = True
    task.cancel()
    await asyncio.wait({task})
    await cluster.kill(member.source)


class TestBroker:
    async def test_the_tail_hears_what_is_written_from_now_on(self, cluster: Cluster) -> None:
        topic, heard = await cluster.topic(), list[bytes]()
        await publish(cluster, topic, ["before"])
        all_here = asyncio.Event()

        def receive(record: Record) -> None:
            heard.append(record.value)
            if len(heard) == 20:
                all_here.set()

        async with cluster.broker.tail(topic, receive):
            await publish(cluster, topic, named(20))
            async with asyncio.timeout(PATIENCE_S):
                await all_here.wait()
        assert sorted(heard) == [value.encode() for value in named(20)]

    async def test_one_partition_is_written_and_followed_alone(self, cluster: Cluster) -> None:
        topic, heard = await cluster.topic(), list[Record]()
        all_here = asyncio.Event()

        def receive(record: Record) -> None:
            heard.append(record)
            if record.value == b"last":
                all_here.set()

        async with cluster.broker.tail(topic, receive, 2):
            for number in range(4):
                await cluster.broker.publish(Outgoing(topic, b"one", b"key", (), number))
            await cluster.broker.publish(Outgoing(topic, b"last", b"key", (), 2))
            async with asyncio.timeout(PATIENCE_S):
                await all_here.wait()
        assert [record.value for record in heard] == [b"one", b"last"]
        assert {record.partition for record in heard} == {(topic, 2)}

    async def test_a_partition_that_is_not_there_is_any(self, cluster: Cluster) -> None:
        topic = await cluster.topic()

        async def is_known() -> bool:
            return await cluster.broker.partitions_of(topic) == 4

        await until(is_known)
        await cluster.broker.publish(Outgoing(topic, b"value", b"key", (), 99))
        batches = cluster.broker.consume(topic, f"g-{topic}")
        async with asyncio.timeout(PATIENCE_S):
            assert [record.value for record in (await anext(batches)).records] == [b"value"]
        await batches.aclose()  # type: ignore[attr-defined]

    async def test_a_record_comes_as_it_was_written(self, cluster: Cluster) -> None:
        topic = await cluster.topic()
        headers = [("a", b"1"), ("a", b"\xff"), ("b", b"")]
        await cluster.broker.publish(Outgoing(topic, b"value", b"key", headers))
        batches = cluster.broker.consume(topic, f"g-{topic}")
        async with asyncio.timeout(PATIENCE_S):
            batch = await anext(batches)
        (record,) = batch.records
        assert (record.value, record.key, list(record.headers)) == (b"value", b"key", headers)
        assert (record.partition.topic, record.offset) == (topic, 0)
        assert record.timestamp_ms > 1_700_000_000_000
        await batches.aclose()  # type: ignore[attr-defined]

    async def test_a_batch_that_is_not_committed_comes_again(self, cluster: Cluster) -> None:
        topic = await cluster.topic()
        group = f"g-{topic}"
        await publish(cluster, topic, named(10), keys=1)
        for commits in (False, True, True):
            batches = cluster.broker.consume(topic, group)
            seen: list[bytes] = []
            async with asyncio.timeout(PATIENCE_S):
                while len(seen) < 10:
                    batch = await anext(batches)
                    seen += [record.value for record in batch.records]
                    if commits:
                        await batch.commit()
            await batches.aclose()  # type: ignore[attr-defined]
            assert seen == [value.encode() for value in named(10)] or not commits
            if commits:
                await publish(cluster, topic, named(10), keys=1)

    async def test_one_key_keeps_its_order(self, cluster: Cluster) -> None:
        topic, of_key = await cluster.topic(), defaultdict[bytes, list[int]](list)
        source = cluster.member([topic], f"g-{topic}")
        for number in range(60):
            key = str(number % 5).encode()
            await cluster.broker.publish(Outgoing(topic, str(number).encode(), key))
        async with AsyncExitStack() as parts:
            await source.start(_Deaf())
            parts.push_async_callback(source.stop)
            async with asyncio.timeout(PATIENCE_S):
                while sum(map(len, of_key.values())) < 60:
                    for record in await source.poll(0.5):
                        of_key[record.key or b""].append(int(record.value))
        assert all(numbers == sorted(numbers) for numbers in of_key.values())
        assert len(of_key) == 5

    async def test_who_comes_next_goes_on_where_the_last_left_off(self, cluster: Cluster) -> None:
        topic, handled = await cluster.topic(), Handled()
        for part in (named(50), named(100)[50:]):
            await publish(cluster, topic, part)
            async with running(stream_of(cluster.member([topic], f"g-{topic}"), handled)):
                await handled.has(part)
        assert Counter(handled.values) == Counter(named(100))

    async def test_a_dead_members_records_come_to_the_one_that_lives(
        self, cluster: Cluster
    ) -> None:
        topic, group = await cluster.topic(), f"g-{uuid.uuid4().hex}"
        first, second = Handled(gate=lambda _: False), Handled()
        dying = Mortal(cluster.member([topic], group))
        task = asyncio.create_task(stream_of(dying, first).run(asyncio.Event()))
        await publish(cluster, topic, named(40))
        await first.until(lambda: len(first.begun) == 40)
        await strike(cluster, dying, task)
        async with running(stream_of(cluster.member([topic], group), second)):
            await second.has(named(40))
        assert first.values == []

    async def test_a_second_member_takes_its_share_and_nothing_is_lost(
        self, cluster: Cluster
    ) -> None:
        topic, group = await cluster.topic(), f"g-{uuid.uuid4().hex}"
        told = asyncio.Condition()
        one, two = Handled(changed=told), Handled(changed=told)
        await publish(cluster, topic, named(100))
        async with running(stream_of(cluster.member([topic], group), one)):
            await one.has(named(100))
            async with running(stream_of(cluster.member([topic], group), two)):
                wave = 0
                while not two.values:
                    wave += 100
                    more = [f"{wave}-{name}" for name in named(100)]
                    await publish(cluster, topic, more, keys=100)
                    wanted = set(more)
                    await one.until(lambda: wanted <= {*one.values, *two.values})  # noqa: B023 at once
            last = [f"last-{name}" for name in named(100)]
            await publish(cluster, topic, last, keys=100)
            await one.has(last)

    async def test_a_full_backlog_pauses_and_goes_on(self, cluster: Cluster) -> None:
        topic, handled = await cluster.topic(), Handled(gate=lambda _: False)
        await publish(cluster, topic, named(3000))
        stream = stream_of(cluster.member([topic], f"g-{topic}"), handled, backlog=100)
        async with running(stream):
            await handled.until(lambda: len(handled.begun) == 64)
            await until(lambda: stream.state().paused)
            # what one more poll may bring, and no more
            assert stream.state().waiting <= 100 + 500
            await handled.open()
            await handled.has(named(3000))
        assert Counter(handled.values) == Counter(named(3000))

    async def test_of_ten_thousand_none_is_lost_whoever_comes_and_dies(
        self, cluster: Cluster
    ) -> None:
        topic, group = await cluster.topic(), f"g-{uuid.uuid4().hex}"
        handled = Handled()
        dying = Mortal(cluster.member([topic], group))
        task = asyncio.create_task(stream_of(dying, handled).run(asyncio.Event()))
        writing = asyncio.create_task(publish(cluster, topic, named(10_000)[:5000]))
        # one that hasn't joined yet can't die
        await handled.until(lambda: len(handled.values) > 100)
        async with running(stream_of(cluster.member([topic], group), handled)):
            await handled.until(lambda: len(handled.values) > 2000)
            await strike(cluster, dying, task)
            await writing
            await publish(cluster, topic, named(10_000)[5000:])
            await handled.has(named(10_000))


class _Deaf:
    async def assigned(self, partitions: object) -> None:
        """Not of interest."""

    async def revoked(self) -> None:
        """Not of interest."""
