"""Return to the tier: a request that its batch doesn't answer is called there, at once."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from observability.tracing.semconv import queue_attributes
from observability.tracing.tracer import QueueWait
from producers.contract import codec, topics
from producers.contract.batch_record import BatchRecord, BatchState
from producers.contract.codec import DecodeError
from producers.kafka.broker import Outgoing, PublishFailedError, Record
from runtime.config.references import AUTO
from workers.accounting.request_accounting import unbooked
from workers.batching.pool.batch_pool import BatchPool, Bought
from workers.batching.pool.writing import places_of, write_batch
from workers.calling.answer_source import Obtained
from workers.delivery.claims import FinalRecords
from workers.delivery.request_identity import identity_of
from workers.delivery.work_item import WorkItem, read_work_item, zone_in_tier
from workers.planning.next_step import Delay, GiveUp, Reroute
from workers.request.handler import dead_lettered_if_it_breaks, refuse_unreadable
from workers.request.lifecycle import RequestLifecycle
from workers.request.requeue import RequeueProgress, requeue_record
from workers.request.separate_bill import broken_by

_URGENT_S: Final = 3_600.0
_TOGETHER: Final = 100
"""Records that are published at once."""


async def return_item(
    pool: BatchPool,
    item: WorkItem,
    step: Reroute | Delay,
    now_s: float,
    bought: Bought | None = None,
) -> bool:
    """Returns once the record is on its tier's queue, or on a retry queue.

    Where no pool takes it from there, and none of a tier above, its failure is with Kafka instead.
    False: it had ended before, and that account doesn't tell what was bought. Raises
    PublishFailedError.
    """
    attempts = () if bought is None else bought.attempts
    if isinstance(step, Reroute):
        served = _served(pool, item, step)
        if isinstance(served, GiveUp):
            return await _give_up(pool, item, served, bought)
        step = served
    waited = QueueWait(
        queue=item.record.partition.topic,
        since_ms=item.record.timestamp_ms,
        submitted_ms=item.submitted_ms,
        attributes=lambda: queue_attributes(*item.record.partition, item.record.offset),
    )
    trace = pool.requests.tracer.begin_trace(
        "leave the batch", item.record.headers, tenant=item.request.tenant, waited=waited
    )
    progress = RequeueProgress((*item.attempts, *attempts), 0, int(now_s * 1000))
    record = requeue_record(item, step, progress, trace.headers(), pool.snapshot.catalog)
    if _is_urgent(item, now_s):
        record = _before_batches(record)
    if bought is not None:  # before its tier reserves the same place anew
        await pool.settle_budget(item.request, bought)
    try:
        await pool.requests.publisher.publish(record)
    except PublishFailedError as error:
        if error.permanent:  # nobody else will tell what was bought for it
            paid = replace(item, attempts=progress.attempts)
            lifecycle = RequestLifecycle(pool.requests, paid, trace, pool.snapshot)
            await lifecycle.book_earlier_calls(broken_by(error))
        raise
    trace.end({"switchgear.handover": step.reason})
    pool.metrics.count("switchgear_batch_returned_total", item.route.tier)
    return True


def _served(pool: BatchPool, item: WorkItem, step: Reroute) -> Reroute | GiveUp:
    """The step, or one to the next tier up whose queue has a pool and that may serve it."""
    unserved = pool.unserved()
    if not unserved:
        return step
    snapshot, obstacles = pool.snapshot, dict[str, str]()
    routing = item.request.routing
    pinned = routing.tier is not None or item.request.body.model != AUTO
    tier: str | None = step.tier
    while tier is not None and tier not in obstacles:
        catalog = snapshot.catalog
        why = unserved.get(topics.tier_topic(tier, zone_in_tier(item, tier, catalog)))
        if why is None and tier == step.tier:
            return step
        if why is None and snapshot.eligible.names(tier, item.route.demands):
            return replace(step, tier=tier, reason=f"{step.reason}; {_in_words(obstacles)}")
        obstacles[tier] = why or "none of its deployments may serve it"
        tier = None if pinned or tier not in catalog.tiers else catalog.tiers[tier].next
    message = f"{step.reason}, and it can't go back to {_in_words(obstacles)}"
    return GiveUp("providers_exhausted", message, retryable=True)


def _in_words(obstacles: Mapping[str, str]) -> str:
    return "; ".join(f"{tier}: {why}" for tier, why in obstacles.items())


async def _give_up(pool: BatchPool, item: WorkItem, why: GiveUp, bought: Bought | None) -> bool:
    """Whether its ending tells what was bought."""
    trace = pool.requests.tracer.begin_trace(
        "leave the batch", item.record.headers, tenant=item.request.tenant
    )
    made = () if bought is None else bought.attempts
    every = (*item.attempts, *made)
    obtained = Obtained(result=why, item=item, attempts=every, made=made, tries=len(made))
    lifecycle = RequestLifecycle(pool.requests, item, trace, pool.snapshot)
    earlier = await lifecycle.conclude(obtained)
    if isinstance(earlier, FinalRecords):
        # it has its ending from an earlier delivery, which may have died before it was published
        await lifecycle.channel.publish(earlier)
        trace.end({"switchgear.redelivered": True})
    account = earlier.usage if isinstance(earlier, FinalRecords) else None
    told = earlier is None or not unbooked(made, account)
    await pool.settle_budget(item.request, bought if told else None)
    return told


def _is_urgent(item: WorkItem, now_s: float) -> bool:
    return item.deadline_ms is not None and item.deadline_ms / 1000 - now_s < _URGENT_S


def _before_batches(record: Outgoing) -> Outgoing:
    """Among the interactive ones of its tier: behind them it would miss its deadline."""
    others = [pair for pair in record.headers if pair[0] != codec.LATENCY]
    headers = [*others, *codec.to_headers({codec.LATENCY: "interactive"})]
    return replace(record, headers=headers)


async def return_record(pool: BatchPool, record: Record, reason: str, now_s: float) -> str | None:
    """As `return_item`, of a record that wasn't read yet. Its identity, if it is a request."""
    try:
        item = read_work_item(record)
    except DecodeError as error:
        await refuse_unreadable(pool.requests.publisher, record, error)
        return None
    async with dead_lettered_if_it_breaks(pool.requests.publisher, record):
        await return_item(pool, item, to_its_tier(item, reason), now_s)
    return identity_of(item.request).key


async def return_records(pool: BatchPool, records: Sequence[Record], reason: str) -> list[str]:
    """As `return_record`, all at once: their deadlines are near. The identities of the requests."""
    now_s = time.time()
    work = (return_record(pool, record, reason, now_s) for record in records)
    returned = await asyncio.gather(*work, return_exceptions=True)
    failed = [each for each in returned if isinstance(each, BaseException)]
    if failed:
        raise failed[0]
    return [identity for identity in returned if isinstance(identity, str)]


async def return_batch(
    pool: BatchPool, record: BatchRecord, reason: str, *, closes: bool
) -> BatchRecord:
    """All its requests go to their tiers, and the record says so.

    closes: nothing of it is at the provider; else what comes of it is booked when it ends.
    """
    gone, identities, together = set(record.left_out), list[str](), list[Record]()
    async for place, raw in pool.log.read(record.queue, places_of(record)):
        if place not in gone:
            together.append(raw)
        if len(together) == _TOGETHER:
            identities += await return_records(pool, together, reason)
            together.clear()
    identities += await return_records(pool, together, reason)
    await pool.guard.release(identities, record.key)
    now_ms = int(time.time() * 1000)
    state: BatchState = "closed" if closes else record.state
    return await write_batch(pool, record, state=state, returned_ms=now_ms, problem=reason)


def to_its_tier(item: WorkItem, reason: str) -> Reroute:
    """The step to the queue of its own tier."""
    return Reroute(item.route.tier, reason)
