import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from producers.kafka.broker import Outgoing, Record
from runtime.consuming.fair_queue import Lane
from runtime.consuming.stream import ConsumerStream, StreamSettings
from tests.memory_broker import Member, MemoryBroker
from tests.waiting import until

FAST = StreamSettings(8, commit_every_s=0.01, revoke_grace_s=0.05, stop_grace_s=0.05)


class Stage:
    """One stream on a broker in memory, whose handler does what the test says."""

    def __init__(self) -> None:
        self.broker = MemoryBroker(partitions=1)
        self.member: Member = self.broker.member(["t"], "g")
        self.handled: list[bytes] = []
        self.buried: list[bytes] = []
        self.act: Callable[[Record], None] = lambda _: None
        self.hold: set[bytes] = set()
        self.held = asyncio.Event()
        self.let = asyncio.Event()
        self.stop = asyncio.Event()
        self.stream: ConsumerStream

    async def handle(self, record: Record) -> None:
        self.act(record)
        if record.value in self.hold:
            self.held.set()
            await self.let.wait()
        self.handled.append(record.value)

    async def bury(self, record: Record, _error: BaseException) -> None:
        self.buried.append(record.value)
        if self.buried.count(record.value) < 2:
            raise RuntimeError("the dead-letter topic is away")

    async def publish(self, *values: bytes) -> None:
        for value in values:
            await self.broker.publish(Outgoing("t", value))

    async def committed(self, offset: int) -> None:
        (partition,) = self.broker.of_topic("t")
        await self.broker.until(lambda: self.broker.committed("g").get(partition) == offset)


@asynccontextmanager
async def running(
    settings: StreamSettings = FAST, lane_of: Callable[[Record], Lane] = lambda _: Lane("t")
) -> AsyncIterator[Stage]:
    stage = Stage()
    stream = ConsumerStream(stage.member, stage.handle, stage.bury, lane_of, settings)
    stage.stream = stream
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stream.run(stage.stop))
        try:
            yield stage
        finally:
            stage.stop.set()
            stage.broker.close()


async def test_a_slow_record_blocks_nobody_and_holds_the_watermark() -> None:
    async with running() as stage:
        stage.hold = {b"b"}
        await stage.publish(b"a", b"b", b"c", b"d")
        await stage.committed(1)
        assert stage.handled == [b"a", b"c", b"d"]
        stage.let.set()
        await stage.committed(4)


async def test_a_broken_handlers_record_is_buried_until_that_succeeds() -> None:
    def act(record: Record) -> None:
        if record.value == b"bad":
            raise KeyError

    async with running() as stage:
        stage.act = act
        await stage.publish(b"a", b"bad", b"c")
        await stage.committed(3)
        assert stage.buried == [b"bad", b"bad"]
        assert stage.handled == [b"a", b"c"]


async def test_a_stray_cancellation_is_a_crash_like_any_other() -> None:
    def act(record: Record) -> None:
        if record.value == b"bad":
            raise asyncio.CancelledError

    async with running() as stage:
        stage.act = act
        await stage.publish(b"bad", b"b")
        await stage.committed(2)


async def test_a_log_that_begins_anew_is_read_from_its_beginning() -> None:
    async with running() as stage:
        await stage.publish(b"a", b"b", b"c")
        await stage.committed(3)
        (partition,) = stage.broker.of_topic("t")
        stage.broker.cut(partition)
        await stage.publish(b"x")
        await stage.committed(1)
        assert stage.handled == [b"a", b"b", b"c", b"x"]


async def test_gaps_are_passed_over() -> None:
    async with running() as stage:
        (partition,) = stage.broker.of_topic("t")
        await stage.publish(b"a")
        stage.broker.skip(partition, 5)
        await stage.publish(b"b")
        await stage.committed(7)


async def test_what_runs_at_a_stop_is_left_to_the_next() -> None:
    async with running() as stage:
        stage.hold = {b"b"}
        await stage.publish(b"a", b"b", b"c")
        await stage.held.wait()
    (partition,) = stage.broker.of_topic("t")
    assert stage.broker.committed("g")[partition] == 1


async def test_a_member_that_was_expelled_commits_nothing_until_it_is_back() -> None:
    async with running() as stage:
        await stage.publish(b"a")
        await stage.committed(1)
        async with stage.member.expelled():
            await stage.publish(b"b")
            await stage.broker.until(lambda: True)
            (partition,) = stage.broker.of_topic("t")
            assert stage.broker.committed("g")[partition] == 1
        await stage.committed(2)
        assert set(stage.handled) == {b"a", b"b"}


async def test_large_records_pause_the_partitions_long_before_there_are_many() -> None:
    small = replace(FAST, concurrency=1, backlog_bytes=50_000)
    async with running(small) as stage:
        stage.hold.add(b"first")
        await stage.publish(b"first", *(b"%05d" % n * 2_000 for n in range(100)))
        await stage.held.wait()
        await stage.broker.until(lambda: stage.stream.state().paused)
        assert stage.stream.state().waiting < 10
        await stage.publish(b"last")
        stage.let.set()
        await stage.committed(102)
        assert stage.handled[0] == b"first"
        assert stage.handled[-1] == b"last"


async def test_batch_records_fill_what_is_idle_and_interactive_ones_find_a_slot() -> None:
    def lane_of(record: Record) -> Lane:
        return Lane("t", interactive=record.value.startswith(b"i"))

    async with running(lane_of=lane_of) as stage:
        stage.hold = {b"b%d" % number for number in range(50)}
        await stage.publish(*sorted(stage.hold))
        await until(lambda: stage.stream.state().running == 7)
        # none of the batch records ends, and yet each interactive one is handled at once
        await stage.publish(*(b"i%d" % number for number in range(100)))
        await until(lambda: len(stage.handled) == 100)
        assert stage.stream.state().running == 7
        stage.let.set()
        await until(lambda: len(stage.handled) == 150)


async def test_a_stamp_from_before_any_record_is_kept_makes_no_queue_old() -> None:
    async with running() as stage:
        stage.hold = {b"a"}
        await stage.publish(b"a")
        await asyncio.wait_for(stage.held.wait(), 5)
        (stamp,) = stage.stream.oldest_ms(since_ms=0).values()
        assert stage.stream.oldest_ms(since_ms=stamp) == {"t": stamp}
        assert stage.stream.oldest_ms(since_ms=stamp + 1) == {}
        stage.let.set()
