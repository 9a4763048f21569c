"""Consumer stream: a group's member that handles many records at once and loses none.

Records are received, wait their turn (`admission`), run up to `concurrency` at a time, and are
committed up to the contiguous watermark. A record whose handler returns is done; one whose handler
raises is handed to `on_crash`, so that no failure goes unseen or repeats for ever. Slow records
block nobody: polling goes on, and a full backlog pauses the partitions instead of growing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeAlias

from observability.retry import RetryPolicy
from producers.kafka.broker import Partition, Record
from runtime.consuming.fair_queue import FairQueue, Lane, Ticket
from runtime.consuming.slots import Slots
from runtime.consuming.tenant_shares import TenantShares
from runtime.consuming.watermark import Watermark

_log: Final = logging.getLogger(__name__)
_IDLE_POLL_S: Final = 0.5
_PAUSED_POLL_S: Final = 0.02
_UNTIL_BURIED: Final = RetryPolicy(pause_s=0.5, longest_pause_s=30)
_LEAVE_S: Final = 5.0

Handler: TypeAlias = Callable[[Record], Awaitable[None]]
CrashHandler: TypeAlias = Callable[[Record, BaseException], Awaitable[None]]


class RebalanceListener(Protocol):
    """Who must know what this member owns."""

    async def assigned(self, partitions: Collection[Partition]) -> None:
        """This is all the member owns now."""
        ...

    async def revoked(self) -> None:
        """The member is about to lose what it owns; `assigned` says what it gets (back)."""
        ...


class RecordSource(Protocol):
    """A consumer group's member, as the stream needs it."""

    async def start(self, listener: RebalanceListener) -> None:
        """Joins the group."""
        ...

    async def poll(self, timeout_s: float) -> Sequence[Record]:
        """The next records, in order within each partition; none when `timeout_s` has passed."""
        ...

    async def commit(self, offsets: Mapping[Partition, int]) -> bool:
        """Whether the group's offsets are stored; False when the member has been fenced off."""
        ...

    async def position(self, partition: Partition) -> int | None:
        """The offset up to which `poll` has returned what there is; None while that is unclear.

        It may lie beyond the last record: marks of transactions take offsets too, and what was
        aborted is passed over. Returns at once: a look, no wait.
        """
        ...

    def pause(self) -> None:
        """No more records until `resume`."""
        ...

    def resume(self) -> None:
        """Records again."""
        ...

    async def stop(self) -> None:
        """Leaves the group."""
        ...


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Limits of one stream, in records and seconds. What a grace cuts off is redelivered."""

    concurrency: int
    """Records that run at once."""

    backlog: int = 10_000
    """Records that may wait; more pauses the partitions."""

    backlog_bytes: int = 268_435_456
    """As `backlog`, of the keys, values and headers of all records in hand."""

    commit_every_s: float = 0.2
    revoke_grace_s: float = 2.0
    """How long a rebalance waits for running records."""

    stop_grace_s: float = 20.0
    """How long a stop waits for running records."""

    slots: Slots | None = None
    """Shared with other streams, in the place of `concurrency` slots of the stream's own."""

    shares: TenantShares | None = None
    """What one tenant may hold of the slots, of all streams that share them; None: all."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """A look at the stream for metrics: counts of records."""

    running: int
    waiting: int
    uncommitted: int
    paused: bool


@dataclass(frozen=True, slots=True)
class _Work:
    """A record, stamped with the assignment under which it was received."""

    record: Record
    watermark: Watermark
    size: int
    """Bytes."""


class ConsumerStream:
    """One member of one consumer group."""

    def __init__(
        self,
        source: RecordSource,
        handle: Handler,
        on_crash: CrashHandler,
        lane_of: Callable[[Record], Lane],
        settings: StreamSettings,
    ) -> None:
        """lane_of must be cheap and must not raise: it runs before anything else."""
        self._source = source
        self._handle = handle
        self._on_crash = on_crash
        self._lane_of = lane_of
        self._settings = settings
        self._slots = settings.slots or Slots(settings.concurrency)
        self._slots.join(self._fill)
        self._admission: FairQueue[_Work] = FairQueue()
        self._watermarks: dict[Partition, Watermark] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._committing = asyncio.Lock()
        self._in_hand: dict[tuple[Partition, int], _Work] = {}
        self._bytes_in_hand = 0
        self._held = False
        self._begun = False
        self._stopping = False
        self._paused = False

    @property
    def begun(self) -> bool:
        """Whether the member has joined its group: it may own nothing, but it is there."""
        return self._begun

    def state(self) -> StreamState:
        """What is under way now."""
        uncommitted = sum(watermark.in_flight for watermark in self._watermarks.values())
        return StreamState(len(self._running), len(self._admission), uncommitted, self._paused)

    def done(self) -> Mapping[Partition, int]:
        """By partition, the first offset that isn't done; without those that had no record yet."""
        reached = ((name, mark.reached) for name, mark in self._watermarks.items())
        return {name: offset for name, offset in reached if offset is not None}

    def oldest_ms(self, since_ms: float) -> Mapping[str, int]:
        """By topic, the Unix milliseconds of the oldest record that waits or runs here.

        Without those stamped before `since_ms`: a stamp is its sender's word.
        """
        oldest: dict[str, int] = {}
        for (partition, _), work in self._in_hand.items():
            at_ms = work.record.timestamp_ms
            if at_ms >= since_ms:
                oldest[partition.topic] = min(at_ms, oldest.get(partition.topic, at_ms))
        return oldest

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set: then what runs gets its grace, and the offsets are committed."""
        await self._source.start(self)
        self._begun = True
        committing = asyncio.create_task(self._commit_regularly())
        try:
            while not stop.is_set():
                await self._receive()
                if committing.done():
                    committing.result()
        finally:
            # commits go on meanwhile: if we are killed during the grace, little is redelivered
            self._stopping = True
            await self._drain(self._settings.stop_grace_s)
            committing.cancel()
            await self._leave()

    async def assigned(self, partitions: Collection[Partition]) -> None:
        """What stays keeps its state; of what is lost, the waiting records are dropped."""
        owned = set(partitions)
        for work in self._admission.remove(lambda work: work.record.partition not in owned):
            self._put_down(work.record)
        self._watermarks = {
            partition: self._watermarks.get(partition) or Watermark() for partition in owned
        }
        self._held = False
        self._paused = False
        self._fill()

    async def revoked(self) -> None:
        """Nothing new begins; what runs gets its grace; what is done is committed."""
        self._held = True
        await self._drain(self._settings.revoke_grace_s)
        await self._commit()

    async def _receive(self) -> None:
        records = await self._source.poll(_PAUSED_POLL_S if self._paused else _IDLE_POLL_S)
        for record in records:
            # a record of a partition that was lost while it was being fetched is not ours
            if record.partition in self._watermarks:
                self._take_in(record)
        self._fill()
        self._balance()

    def _take_in(self, record: Record) -> None:
        watermark = self._watermarks[record.partition]
        if watermark.rewound(record.offset):
            watermark = self._watermarks[record.partition] = Watermark()
        if watermark.received(record.offset):
            self._put_down(record)
            work = _Work(record, watermark, _size(record))
            self._in_hand[record.partition, record.offset] = work
            self._bytes_in_hand += work.size
            self._admission.offer(self._lane_of(record), work)

    def _fill(self) -> None:
        while not self._held and not self._stopping and self._slots.take():
            ticket = self._admission.take(self._settings.shares, self._slots.may_be_batch)
            if ticket is None:
                self._slots.give_back()
                return
            self._slots.began(interactive=ticket.lane.interactive)
            if self._settings.shares is not None:
                self._settings.shares.began(ticket.lane.tenant)
            task = asyncio.create_task(self._run(ticket))
            self._running.add(task)
            task.add_done_callback(partial(self._ended, ticket.lane))

    def _ended(self, lane: Lane, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._settings.shares is not None:
            self._settings.shares.ended(lane.tenant)
        self._slots.release(interactive=lane.interactive)

    def _put_down(self, record: Record) -> None:
        in_hand = self._in_hand.pop((record.partition, record.offset), None)
        if in_hand is not None:
            self._bytes_in_hand -= in_hand.size

    def _balance(self) -> None:
        most, most_bytes = self._settings.backlog, self._settings.backlog_bytes
        waiting, held_bytes = len(self._admission), self._bytes_in_hand
        if not self._paused and (waiting >= most or held_bytes >= most_bytes):
            self._source.pause()
            self._paused = True
        elif self._paused and waiting < most // 2 and held_bytes < most_bytes // 2:
            self._source.resume()
            self._paused = False

    async def _run(self, ticket: Ticket[_Work]) -> None:
        record = ticket.item.record
        try:
            try:
                await self._handle(record)
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and self._stopping:
                    raise
                _log.exception("handler failed: %s offset %d", record.partition, record.offset)
                await self._bury(record, error)
            ticket.item.watermark.finished(record.offset)
        finally:
            self._put_down(record)
            self._admission.finished(ticket)

    async def _bury(self, record: Record, error: BaseException) -> None:
        """Until it succeeds: meanwhile the record isn't committed, so it can't be lost."""

        def report(failure: Exception, _: float) -> None:
            place = record.partition, record.offset
            _log.error("can't bury %s offset %d", *place, exc_info=failure)

        await _UNTIL_BURIED.run(
            lambda: self._on_crash(record, error), transient=lambda _: True, on_retry=report
        )

    async def _drain(self, grace_s: float) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)

    async def _leave(self) -> None:
        """Stops what still runs, and goes; a broker that is away holds nobody up for long."""
        for task in self._running:
            task.cancel()
        await self._drain(_LEAVE_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                await self._commit()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                await self._source.stop()

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._settings.commit_every_s)
            await self._commit()

    async def _commit(self) -> None:
        # one at a time: an older commit that arrives last would take the group back
        async with self._committing:
            await self._pass_over()
            watermarks = dict(self._watermarks)
            offsets = {
                partition: offset
                for partition, watermark in watermarks.items()
                if (offset := watermark.committable()) is not None
            }
            if offsets and await self._source.commit(offsets):
                for partition, offset in offsets.items():
                    watermarks[partition].committed(offset)

    async def _pass_over(self) -> None:
        """What holds no record needs no handling, and must not look like lag for ever."""
        for partition, watermark in tuple(self._watermarks.items()):
            if not watermark.in_flight:
                offset = await self._source.position(partition)
                # a rebalance meanwhile has brought another watermark: this one counts no more
                if offset is not None:
                    watermark.passed(offset)


def _size(record: Record) -> int:
    """Bytes of what the sender wrote."""
    size = len(record.value) + len(record.key or b"")
    for name, value in record.headers:
        size += len(name) + len(value or b"")
    return size
