"""Former: asks of each group of waiting requests whether it becomes a batch now, and writes it.

The batch's record is written before its requests leave the memory, and their offsets are committed
after it: a crash at any point leaves them in the queue or in the table.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

from producers.contract.batch_record import BatchRecord
from producers.kafka.broker import PublishFailedError
from runtime.config.catalog import Deployment
from workers.batching.gathering.batch_limits import batch_limits_of
from workers.batching.gathering.priming import primed_group
from workers.batching.gathering.submission import (
    FormBatch,
    GroupState,
    KeepGathering,
    SubmissionRules,
    ToTheTier,
    submission_decision,
)
from workers.batching.gathering.turn_back import drain_s
from workers.batching.gathering.waiting import WaitingRequest, WaitingRequests
from workers.batching.pool.batch_pool import BatchPool, GroupKey
from workers.batching.pool.group_choice import deadline_class
from workers.batching.pool.intake import Intake
from workers.batching.pool.returning import return_records
from workers.batching.state.batch_key import batch_key

_log: Final = logging.getLogger(__name__)
_TICK_S: Final = 0.5
_PATIENT_CLASS: Final = deadline_class(43_200.0)
_AT_ONCE: Final = 500
"""Requests that go to their tiers together: their records are in memory."""


class Former:
    """The groups of one process."""

    def __init__(self, pool: BatchPool, intakes: Sequence[Intake], tick_s: float = _TICK_S) -> None:
        """tick_s: between two looks at all groups."""
        self._pool = pool
        self._tick_s = tick_s
        self._intakes = {intake.queue: intake for intake in intakes}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            await self.tick(time.time())
            await asyncio.sleep(self._tick_s)

    async def tick(self, now: float) -> None:
        """Forms what is due. now: Unix seconds."""
        for key, waiting in tuple(self._pool.groups.items()):
            intake = self._intakes[key.queue]
            entry = self._pool.snapshot.catalog.deployments.get(key.deployment)
            if intake.held:
                continue
            try:
                await self._decide(key, waiting, entry, now)
            except (PublishFailedError, TimeoutError) as error:
                _log.warning("the requests for %s wait on: %s", key.deployment, error)
            if not waiting.count:
                self._pool.groups.pop(key, None)

    async def _decide(
        self, key: GroupKey, waiting: WaitingRequests, entry: Deployment | None, now: float
    ) -> None:
        turn_back = self._pool.rules(key.deployment).turn_back
        late = now + turn_back.margin_s + drain_s(waiting.prompt, turn_back)
        if waiting.tightest is not None and waiting.tightest < late:
            due = waiting.take_before(int(late) + 1, _AT_ONCE)
            await self._to_their_tier(key, waiting, due, "its deadline came near before its batch")
        rules = None if entry is None else submission_rules(self._pool, entry)
        if rules is None:
            left = waiting.take(_AT_ONCE, 2**62, 2**62)
            await self._to_their_tier(key, waiting, left, "its deployment has no batches any more")
            return
        match submission_decision(self._state(key, waiting), rules, now):
            case FormBatch() as decision:
                await self._form(key, waiting, decision, now)
            case ToTheTier(reason=reason):
                left = waiting.take(_AT_ONCE, 2**62, 2**62)
                await self._to_their_tier(key, waiting, left, reason)
            case KeepGathering():
                pass

    def _state(self, key: GroupKey, waiting: WaitingRequests) -> GroupState:
        _, requests, tokens = self._pool.table.open_of(key.deployment)
        return GroupState(
            waiting.count,
            waiting.size,
            waiting.prompt,
            waiting.oldest,
            waiting.tightest,
            open_requests=requests,
            open_tokens=tokens,
        )

    async def _form(
        self, key: GroupKey, waiting: WaitingRequests, decision: FormBatch, now: float
    ) -> None:
        taken = waiting.take(decision.most, decision.most_size, decision.most_tokens)
        places = [(request.partition, request.offset) for request in taken]
        intake = self._intakes[key.queue]
        intake.forming(places)
        try:
            for record in self._records(key, taken, decision.reason, now):
                await self._pool.log.write(record)
        except BaseException:
            # it may be written all the same: then the table has them, and the guard behind it
            _put_back(waiting, taken)
            raise
        finally:
            intake.formed(places)
        await intake.commit()

    def _records(
        self, key: GroupKey, taken: list[WaitingRequest], reason: str, now: float
    ) -> list[BatchRecord]:
        """The batch; or what goes ahead of it to write its prefixes, and the rest of it."""
        tier = self._tier_of(key)
        group = primed_group(taken) if self._may_be_primed(key) else None
        if group is None:
            return [_record(key, taken, tier, reason, now)]
        shared = {"prefixes": group.prefixes}
        ahead = _record(key, group.ahead, tier, reason, now).model_copy(update=shared)
        others = _record(key, group.others, tier, reason, now)
        return [ahead, others.model_copy(update={**shared, "primer": ahead.key})]

    def _may_be_primed(self, key: GroupKey) -> bool:
        """Where it pays, and the deadlines leave time to wait for a primer."""
        entry = self._pool.snapshot.catalog.deployments.get(key.deployment)
        patient = key.deadline_class < 0 or key.deadline_class >= _PATIENT_CLASS
        return entry is not None and entry.provider == "anthropic" and patient

    def _tier_of(self, key: GroupKey) -> str:
        tiers = self._pool.snapshot.catalog.tiers.items()
        named = (name for name, tier in tiers if key.deployment in tier.deployments)
        return next(named, next(iter(self._pool.snapshot.catalog.tiers)))

    async def _to_their_tier(
        self, key: GroupKey, waiting: WaitingRequests, taken: list[WaitingRequest], reason: str
    ) -> None:
        places = [(request.partition, request.offset) for request in taken]
        intake = self._intakes[key.queue]
        intake.forming(places)
        try:
            records = [record async for _, record in self._pool.log.read(key.queue, places)]
            await return_records(self._pool, records, reason)
        except BaseException:
            # some may have gone: their tier answers each once
            _put_back(waiting, taken)
            raise
        finally:
            intake.formed(places)


def submission_rules(pool: BatchPool, entry: Deployment) -> SubmissionRules | None:
    """The narrower of the provider's limits and the operator's; None: it has no batches."""
    limits, offer = batch_limits_of(entry.provider), entry.batch
    if limits is None or offer is None:
        return None
    waiting = pool.snapshot.catalog.policy.waiting
    return SubmissionRules(
        most=min(limits.requests, offer.max_requests),
        most_size=min(limits.size, offer.max_mb << 20),
        fewest=limits.fewest,
        queued_requests=limits.queued_requests,
        queued_tokens=offer.enqueued_tokens,
        window_s=offer.window_h * 3600.0,
        oldest_s=offer.oldest_min * 60,
        margin_s=waiting.margin_h * 1800,
        short_deadlines=waiting.short_deadlines,
    )


def _record(
    key: GroupKey, taken: Sequence[WaitingRequest], tier: str, reason: str, now: float
) -> BatchRecord:
    deadlines = [request.deadline for request in taken if request.deadline is not None]
    places = [(request.partition, request.offset) for request in taken]
    return BatchRecord(
        key=batch_key(key.deployment, key.queue, places),
        deployment=key.deployment,
        tier=tier,
        queue=key.queue,
        partitions=tuple(request.partition for request in taken),
        offsets=tuple(request.offset for request in taken),
        reason=reason,
        formed_ms=int(now * 1000),
        deadline_ms=min(deadlines) * 1000 if deadlines else None,
        size_bytes=sum(request.size for request in taken),
        prompt_tokens=sum(request.prompt for request in taken),
        output_tokens=sum(request.output for request in taken),
        headers=dict(key.headers),
    )


def _put_back(waiting: WaitingRequests, taken: Sequence[WaitingRequest]) -> None:
    for request in taken:
        waiting.add(request)
