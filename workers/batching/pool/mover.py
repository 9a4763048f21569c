"""Mover: does for each batch of this process what is to be done next.

A batch belongs to whoever has the partition of its record in the group of the batch pool. When a
process dies, another gets its partitions, finds the batches in its table, and goes on.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from producers.contract.batch_record import BatchRecord
from producers.kafka.broker import Partition, PublishFailedError
from runtime.consuming.stream import RecordSource
from workers.batching.pool.batch_pool import BatchPool
from workers.batching.pool.reading import read_batch
from workers.batching.pool.refusing import answer_refusal
from workers.batching.pool.returning import return_batch
from workers.batching.pool.sending import look_up_batch, send_batch
from workers.batching.pool.writing import write_batch
from workers.batching.providers.adapter import Away
from workers.batching.state.batch_table import TableEntry
from workers.batching.state.next_deed import Deed, is_last_moment, next_deed
from workers.batching.state.primer import waits_for_primer
from workers.batching.wires.batch_status import BatchRefusal

_log: Final = logging.getLogger(__name__)
_TICK_S: Final = 0.5
_AT_ONCE: Final = {Deed.SEND: 1, Deed.READ: 2}
"""Batches of a deployment."""
_FORGET_S: Final = 30.0
_AWAY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Step:
    """What is under way for a batch."""

    deployment: str
    deed: Deed
    task: asyncio.Task[None]


class Mover:
    """The batches of one process. It is the listener of its source, whose records it passes by."""

    def __init__(
        self,
        pool: BatchPool,
        source: RecordSource,
        group_of: Callable[[str], str],
        tick_s: float = _TICK_S,
    ) -> None:
        """group_of: queue → the consumer group that reads it. tick_s: between two looks at all."""
        self._pool = pool
        self._tick_s = tick_s
        self._source = source
        self._group_of = group_of
        self._owned: frozenset[int] = frozenset()
        self._busy: dict[str, _Step] = {}
        self._rest: dict[str, float] = {}
        self._forgot = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: what is under way is cut, and whoever comes next goes on with it."""
        await self._source.start(self)
        try:
            while not stop.is_set():
                await self._source.poll(self._tick_s)
                self.tick(time.time() * 1000)
                # a source that has records at once must not make this a busy loop
                await asyncio.sleep(self._tick_s / 5)
        finally:
            tasks = [step.task for step in self._busy.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._source.stop()

    async def assigned(self, partitions: Collection[Partition]) -> None:
        """These are ours, once the table knows all that was written."""
        await self._pool.log.caught_up()
        self._owned = frozenset(partition.number for partition in partitions)

    async def revoked(self) -> None:
        """Nothing new begins."""
        self._owned = frozenset()

    def tick(self, now_ms: float) -> None:
        """Begins what is due."""
        for entry in sorted(self._pool.table.entries(), key=_deadline):
            record = entry.record
            if entry.home not in self._owned or self._rest.get(record.key, 0.0) > now_ms:
                continue
            rules = self._pool.rules(record.deployment)
            deed = next_deed(record, rules, now_ms)
            busy = self._busy.get(record.key)
            if busy is not None:
                if deed is Deed.RETURN and busy.deed is Deed.SEND:
                    # as if the process had died there: what the provider has is looked up later
                    busy.task.cancel()
            elif deed is not Deed.NOTHING and self._has_its_turn(deed, record):
                self._begin(record, deed)
            elif deed is Deed.READ and is_last_moment(record, rules, now_ms):
                # too many results wait to be read: a deadline is kept, even if it is paid twice
                self._begin(record, Deed.RETURN)

    def _has_its_turn(self, deed: Deed, record: BatchRecord) -> bool:
        """Of a deployment few batches are sent or read at a time.

        Their requests are in memory, and a provider that hangs holds up its own batches alone.
        """
        if deed is Deed.SEND and self._must_wait(record):
            return False
        most = _AT_ONCE.get(deed)
        turn = record.deployment, deed
        same = sum((busy.deployment, busy.deed) == turn for busy in self._busy.values())
        return most is None or same < most

    def _must_wait(self, record: BatchRecord) -> bool:
        primer = None if record.primer is None else self._pool.table.get(record.primer)
        written = None if primer is None else primer.record
        if waits_for_primer(record, written, time.time() * 1000):
            return True
        return self._same_size_under_way(record)

    def _same_size_under_way(self, record: BatchRecord) -> bool:
        """Whether another creation of the deployment could be taken for this one."""
        return any(
            other.record.state == "submitting"
            and other.record.deployment == record.deployment
            and other.record.sent == record.sent
            and other.record.key != record.key
            for other in self._pool.table.entries()
        )

    def _begin(self, record: BatchRecord, deed: Deed) -> None:
        task = asyncio.create_task(self._do(deed, record))
        self._busy[record.key] = _Step(record.deployment, deed, task)

        def ended(done: asyncio.Task[None]) -> None:
            self._busy.pop(record.key, None)
            if not done.cancelled() and done.exception() is not None:
                self._rest[record.key] = (time.time() + _AWAY_S) * 1000
                _log.error("batch %s: its step failed", record.key, exc_info=done.exception())

        task.add_done_callback(ended)

    async def _do(self, deed: Deed, record: BatchRecord) -> None:
        deeds: Mapping[Deed, Callable[[BatchRecord], Awaitable[None]]] = {
            Deed.SEND: self._send,
            Deed.LOOK_UP: self._look_up,
            Deed.POLL: self._poll,
            Deed.CANCEL: self._cancel,
            Deed.RETURN: self._return,
            Deed.READ: self._read,
            Deed.FORGET: self._forget,
        }
        try:
            await deeds[deed](record)
        except (PublishFailedError, TimeoutError) as error:
            _log.warning("batch %s waits: %s", record.key, error)
            self._rest[record.key] = (time.time() + _AWAY_S) * 1000

    async def _send(self, record: BatchRecord) -> None:
        await self._or_return(record, await send_batch(self._pool, record))

    async def _look_up(self, record: BatchRecord) -> None:
        await self._or_return(record, await look_up_batch(self._pool, record))

    async def _read(self, record: BatchRecord) -> None:
        await self._or_return(record, await read_batch(self._pool, record))

    async def _return(self, record: BatchRecord) -> None:
        why = "its deadline came near before its batch had ended"
        await return_batch(self._pool, record, why, closes=record.state == "formed")

    async def _or_return(self, record: BatchRecord, done: BatchRecord | None) -> None:
        """A batch whose deployment has left the configuration can't be asked after any more."""
        if done is None:
            why = "its deployment has no batches any more"
            await return_batch(self._pool, record, why, closes=True)

    async def _poll(self, record: BatchRecord) -> None:
        adapter, now_ms = self._pool.adapters(record.deployment), int(time.time() * 1000)
        if adapter is None:
            await self._or_return(record, None)
            return
        status = await adapter.status(record)
        if isinstance(status, Away):
            await write_batch(self._pool, record, polled_ms=now_ms, problem=status.reason)
            return
        told = {"polled_ms": now_ms, "word": status.word, "done": status.done}
        match status.state:
            case "running" if (status.word, status.done) == (record.word, record.done):
                pause_s = self._pool.rules(record.deployment).poll_s
                self._rest[record.key] = now_ms + pause_s * 1000
            case "running":
                await write_batch(self._pool, record, **told)
            case "ended":
                self._pool.refusals.pop(record.deployment, None)
                await write_batch(self._pool, record, **told, state="ended", ended_ms=now_ms)
            case "refused":
                await self._refused(record, status.refusal)

    async def _refused(self, record: BatchRecord, refusal: BatchRefusal | None) -> None:
        if record.returned_ms is None:
            await answer_refusal(self._pool, record, refusal)
        else:
            await write_batch(self._pool, record, state="closed")

    async def _cancel(self, record: BatchRecord) -> None:
        adapter = self._pool.adapters(record.deployment)
        if adapter is not None:
            now_ms = int(time.time() * 1000)
            heard = await adapter.cancel(record) is None
            await write_batch(
                self._pool,
                record,
                cancel_ms=now_ms if heard else None,
                polled_ms=0 if heard else record.polled_ms,
            )

    async def _forget(self, record: BatchRecord) -> None:
        """Once its requests lie below what the queue's group has committed."""
        self._rest[record.key] = (time.time() + _FORGET_S) * 1000
        entries = self._pool.table.entries()
        if any(
            each.record.primer == record.key and each.record.state == "formed" for each in entries
        ):
            return
        committed = await self._pool.log.committed(record.queue, self._group_of(record.queue))
        places = zip(record.partitions, record.offsets, strict=True)
        if all(offset < committed.get(partition, 0) for partition, offset in places):
            await self._pool.log.forget(record.key)
            self._rest.pop(record.key, None)


def _deadline(entry: TableEntry) -> float:
    deadline_ms = entry.record.deadline_ms
    return math.inf if deadline_ms is None else deadline_ms
