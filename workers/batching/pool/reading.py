"""Reading: the results of a batch that has ended, streamed, each settled by its id alone.

The requests are read again from their queue, at most a batch's bytes; of the results a few lines
are in memory. How far it has come is written now and then: who takes over skips what is settled.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from typing import Final

from producers.contract import Request
from producers.contract.batch_record import BatchRecord
from producers.contract.codec import DecodeError
from producers.kafka.broker import Record
from workers.batching.gathering.turn_back import return_at
from workers.batching.pool.batch_pool import BatchPool
from workers.batching.pool.settling import BatchedItem
from workers.batching.pool.writing import places_of, write_batch
from workers.batching.providers.adapter import Away, ResultsUnreadableError
from workers.batching.wires.batch_status import BatchStatus, ResultLine, UnreadableLine
from workers.delivery.request_identity import identity_of
from workers.delivery.work_item import read_work_item
from workers.request.handler import dead_lettered_if_it_breaks

_log: Final = logging.getLogger(__name__)
_TOGETHER: Final = 32
_PROGRESS_EVERY: Final = 512
_BOUGHT: Final = frozenset({"answered", "inadequate", "late"})
"""Outcomes of requests that the provider answered."""
_SHORT_READ_S: Final = 30.0
_READ_S: Final = 1_800.0
"""Of one reading; the next one goes on where it was cut."""


async def read_batch(pool: BatchPool, record: BatchRecord) -> BatchRecord | None:
    """The record once each request has its ending, or went to its tier. None: no interface."""
    adapter = pool.adapters(record.deployment)
    if adapter is None:
        return None
    status = await adapter.status(record)
    if isinstance(status, Away):
        return await _later(pool, record, status.reason)
    raw = {place: one async for place, one in pool.log.read(record.queue, places_of(record))}
    reader = _Reader(pool, record, raw)
    try:
        async with asyncio.timeout(_time_left_s(pool, record)) as limit:
            return await reader.read(adapter.results(status), status)
    except ResultsUnreadableError as error:
        return await _later(pool, reader.record, str(error))
    except TimeoutError:
        if not limit.expired():
            raise
        return await _later(pool, reader.record, "its results come too slowly")


def _time_left_s(pool: BatchPool, record: BatchRecord) -> float:
    """Until its requests must go to their tiers; a short reading is tried even then."""
    if record.deadline_ms is None or record.returned_ms is not None:
        return _READ_S
    tokens = record.prompt_tokens + record.output_tokens
    turn_back = pool.rules(record.deployment).turn_back
    left_s = return_at(record.deadline_ms / 1000, tokens, turn_back) - time.time()
    return min(_READ_S, max(_SHORT_READ_S, left_s))


class _Reader:
    """One pass over the results of one batch."""

    def __init__(self, pool: BatchPool, record: BatchRecord, raw: dict[int, Record]) -> None:
        self.record = record
        self._pool = pool
        self._raw = raw
        self._seen: set[int] = set()
        self._bought = 0
        self._number = count()
        self._written = record.results

    async def read(self, lines: AsyncIterator[ResultLine], status: BatchStatus) -> BatchRecord:
        together = list[tuple[int, ResultLine]]()
        done = 0
        async for line in lines:
            done += 1
            place = self._place(line)
            if place is None or place in self._seen:
                self._pool.metrics.count(
                    "switchgear_batch_items_total", self.record.deployment, "unreadable"
                )
                if self.record.unproven and not self._seen and not isinstance(line, UnreadableLine):
                    return await self._disown(status)
                continue
            self._seen.add(place)
            if done > self.record.results:
                together.append((place, line))
            if len(together) == _TOGETHER:
                await self._settle(together)
                await self._progress(done)
        await self._settle(together)
        await self._progress(done, last=True)
        return await self._close()

    def _place(self, line: ResultLine) -> int | None:
        return None if isinstance(line, UnreadableLine) else self.record.place_of(line.custom_id)

    async def _settle(self, together: list[tuple[int, ResultLine]]) -> None:
        work, together[:] = list(together), []
        await asyncio.gather(*(self._settle_one(place, line) for place, line in work))

    async def _settle_one(self, place: int, line: ResultLine | None) -> None:
        raw = self._raw.get(place)
        if raw is None or isinstance(line, UnreadableLine):
            _log.error("batch %s: request %d has left the log", self.record.key, place)
            return
        try:
            item = read_work_item(raw)
        except DecodeError:
            return  # it was left out before the batch was sent
        async with dead_lettered_if_it_breaks(self._pool.requests.publisher, raw):
            outcome = await BatchedItem(self._pool, self.record, item).settle(line)
            self._bought += outcome in _BOUGHT

    async def _progress(self, done: int, *, last: bool = False) -> None:
        if done - self._written >= _PROGRESS_EVERY or (last and done > self._written):
            self._written = done
            self.record = await write_batch(self._pool, self.record, results=done)

    async def _close(self) -> BatchRecord:
        """What the results don't have goes to its tier; then nothing is left to do."""
        absent = [place for place in self.record.sent_places if place not in self._seen]
        for first in range(0, len(absent), _TOGETHER):
            some = absent[first : first + _TOGETHER]
            await asyncio.gather(*(self._settle_one(place, None) for place in some))
        requests = list[Request]()
        for raw in self._raw.values():
            with suppress(DecodeError):
                requests.append(read_work_item(raw).request)
        identities = [identity_of(request).key for request in requests]
        await self._pool.guard.release(identities, self.record.key)
        closed = await write_batch(
            self._pool, self.record, state="closed", unproven=False, answered=self._bought
        )
        await self._pool.forget_charges({request.tenant for request in requests}, closed.key)
        return closed

    async def _disown(self, status: BatchStatus) -> BatchRecord:
        """Its first result is of another batch: ours was never created."""
        return await write_batch(
            self._pool,
            self.record,
            state="formed",
            provider_id=None,
            unproven=False,
            submitted_ms=None,
            ended_ms=None,
            strangers=(*self.record.strangers, status.id),
        )


async def _later(pool: BatchPool, record: BatchRecord, reason: str) -> BatchRecord:
    until = int((time.time() + pool.snapshot.catalog.batches.poll_s) * 1000)
    return await write_batch(pool, record, not_before_ms=until, problem=reason[:400])
