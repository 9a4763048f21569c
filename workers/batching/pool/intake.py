"""Intake: one queue of waiting requests, read as a consumer group's member.

A record is looked at once: what the cache or an earlier delivery answers is answered, what no
batch can take goes to its tier, of the rest an offset and some sizes stay. Offsets are committed up
to the first request that is neither in a written batch nor has its ending.
"""

import asyncio
import logging
import time
from collections.abc import Collection, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final

from observability.tracing.semconv import queue_attributes
from observability.tracing.tracer import QueueWait
from producers.contract.codec import DecodeError
from producers.kafka.broker import Partition, PublishFailedError, Record
from runtime.consuming.stream import RecordSource
from runtime.process.dead_letters import bury
from workers.batching.gathering.turn_back import return_at
from workers.batching.gathering.waiting import WaitingRequest, WaitingRequests
from workers.batching.pool.batch_pool import BatchPool
from workers.batching.pool.group_choice import (
    Ungroupable,
    group_of_item,
    prefix_number,
    shared_prefix,
)
from workers.batching.pool.returning import return_item, to_its_tier
from workers.delivery.work_item import WorkItem, read_work_item, with_lawful_reply
from workers.request.handler import (
    FORGED,
    dead_lettered_if_it_breaks,
    refuse_unreadable,
    refused_before_call,
)
from workers.request.lifecycle import RequestLifecycle

_log: Final = logging.getLogger(__name__)
_POLL_S: Final = 0.5
_COMMIT_S: Final = 1.0
_RETRY_S: Final = 1.0
_AT_ONCE: Final = 32
_PENDING: Final = 1_000
MOST_WAITING: Final = 2_000_000
"""Requests that wait in one process; more wait in Kafka, unread."""


class Intake:
    """One member of one queue's group. It is the listener of its source."""

    def __init__(self, pool: BatchPool, queue: str, source: RecordSource) -> None:
        self._pool = pool
        self._queue = queue
        self._source = source
        self._next: dict[int, int] = {}
        self._first: dict[int, int] = {}
        self._pending: set[tuple[int, int]] = set()
        self._forming: set[tuple[int, int]] = set()
        self._committed: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._fresh = False
        self._paused = False
        self.begun = False
        """Whether the member has joined its group: it may own nothing, but it is there."""
        self.held = False
        """Whether it is about to lose partitions: nothing is formed of its requests meanwhile."""

    @property
    def queue(self) -> str:
        """The topic that it reads."""
        return self._queue

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then what was taken in gets a moment, and the offsets are committed."""
        await self._source.start(self)
        self.begun = True
        committed = time.monotonic()
        try:
            while not stop.is_set():
                await self._receive()
                if time.monotonic() - committed > _COMMIT_S:
                    committed = time.monotonic()
                    await self.commit()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await self.commit()
            await self._source.stop()

    async def assigned(self, partitions: Collection[Partition]) -> None:
        """What stays is still known; what others have now is forgotten."""
        kept = frozenset(partition.number for partition in partitions)
        for key, waiting in self._groups():
            waiting.drop_partitions(kept)
            if not waiting.count:
                self._pool.groups.pop(key, None)
        self._next = {number: at for number, at in self._next.items() if number in kept}
        self._first = {number: at for number, at in self._first.items() if number in kept}
        self._committed.clear()
        self._fresh = True
        self._paused = False
        self.held = False

    async def revoked(self) -> None:
        """Others begin where we have come to."""
        self.held = True
        await self.commit()

    def forming(self, places: Collection[tuple[int, int]]) -> None:
        """Their batch is on its way to Kafka: (partition, offset)."""
        self._forming.update(places)

    def formed(self, places: Collection[tuple[int, int]]) -> None:
        """It is there, or they wait again."""
        self._forming.difference_update(places)

    async def commit(self) -> None:
        """The first offset of each partition that isn't done."""
        offsets = {
            Partition(self._queue, number): offset
            for number, offset in self._done().items()
            if self._committed.get(number) != offset
        }
        if offsets and await self._source.commit(offsets):
            self._committed |= {place.number: offset for place, offset in offsets.items()}

    def _done(self) -> Mapping[int, int]:
        done = dict(self._next)
        for number, offset in (*self._pending, *self._forming):
            if number in done:
                done[number] = min(done[number], offset)
        for _, waiting in self._groups():
            for number, offset in waiting.lowest_offsets().items():
                if number in done:
                    done[number] = min(done[number], offset)
        return done

    def _groups(self) -> list[tuple[Any, WaitingRequests]]:
        return [pair for pair in self._pool.groups.items() if pair[0].queue == self._queue]

    async def _receive(self) -> None:
        records = await self._source.poll(_POLL_S)
        if records and self._fresh:
            # what the former owner gathered must be known before anything is gathered again
            self._fresh = False
            await self._pool.log.caught_up()
        for record in records:
            number, offset = record.partition.number, record.offset
            if offset < self._next.get(number, 0):
                if offset >= self._first.get(number, 0):
                    continue
                self._first[number] = offset
            self._first.setdefault(number, offset)
            self._next[number] = offset + 1
            if not self._pool.table.holds(self._queue, number, offset):
                self._pending.add((number, offset))
                await self._places.acquire()
                self._begin(self._take_in_surely(record), (number, offset))
        self._balance()

    def _begin(self, work: Coroutine[Any, Any, None], place: tuple[int, int]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)

        def ended(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            self._places.release()
            if not done.cancelled() and done.exception() is None:
                self._pending.discard(place)

        task.add_done_callback(ended)

    def _balance(self) -> None:
        full = self._pool.waiting() >= MOST_WAITING
        if full and not self._paused:
            self._source.pause()
        elif self._paused and not full:
            self._source.resume()
        self._paused = full

    async def _take_in_surely(self, record: Record) -> None:
        """Also while Kafka takes no records: nobody else would look at this one again."""
        while True:
            try:
                await self._take_in(record)
            except PublishFailedError as error:
                _log.warning("a waiting request is taken in again later: %s", error)
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def _take_in(self, record: Record) -> None:
        """Returns when the record waits, or needs no redelivery."""
        requests = self._pool.requests
        if not requests.guard.genuine(record):
            await bury(requests.publisher, record, "forbidden", FORGED)
            return
        try:
            item = read_work_item(record)
        except DecodeError as error:
            await refuse_unreadable(requests.publisher, record, error)
            return
        catalog = requests.snapshot().catalog
        item = with_lawful_reply(item, catalog)
        if await refused_before_call(requests, item, catalog):
            return
        async with dead_lettered_if_it_breaks(requests.publisher, record):
            await self._settle_or_keep(item)

    async def _settle_or_keep(self, item: WorkItem) -> None:
        pool, now_s = self._pool, time.time()
        if await self._settled(item):
            return
        choice = group_of_item(pool, item, now_s)
        why = choice.reason if isinstance(choice, Ungroupable) else self._too_late(item, now_s)
        if isinstance(choice, Ungroupable) or why is not None:
            await return_item(pool, item, to_its_tier(item, why or ""), now_s)
            return
        record, demands = item.record, item.route.demands
        waiting = pool.groups.setdefault(choice.key, WaitingRequests())
        waiting.add(
            WaitingRequest(
                partition=record.partition.number,
                offset=record.offset,
                size=len(choice.body) + 256,
                prompt=demands.prompt_tokens,
                output=demands.output_tokens,
                deadline=None if item.deadline_ms is None else item.deadline_ms // 1000,
                arrived=record.timestamp_ms // 1000,
                prefix=prefix_number(shared_prefix(item), self._wire_model(choice.key.deployment)),
            )
        )

    def _wire_model(self, deployment: str) -> str:
        entry = self._pool.snapshot.deployment(deployment)
        return entry.wire_model or entry.model

    def _too_late(self, item: WorkItem, now_s: float) -> str | None:
        if item.deadline_ms is None:
            return None
        demands, rules = item.route.demands, self._pool.rules("").turn_back
        tokens = demands.prompt_tokens + demands.output_tokens
        if now_s < return_at(item.deadline_ms / 1000, tokens, rules):
            return None
        return "its deadline is too near for a batch"

    async def _settled(self, item: WorkItem) -> bool:
        """By the cache, or by an earlier delivery."""
        pool = self._pool.requests
        waited_s = max(0.0, time.time() - item.record.timestamp_ms / 1000)
        pool.reporter.began(item.record.partition.topic, waited_s)
        waited = QueueWait(
            queue=item.record.partition.topic,
            since_ms=item.record.timestamp_ms,
            submitted_ms=item.submitted_ms,
            attributes=lambda: queue_attributes(*item.record.partition, item.record.offset),
        )
        trace = pool.tracer.begin_trace(
            "take in for a batch", item.record.headers, tenant=item.request.tenant, waited=waited
        )
        lifecycle = RequestLifecycle(pool, item, trace, pool.snapshot())
        settled = await lifecycle.settle_without_call()
        if not settled:
            trace.end()
        return settled
