"""Sending: a formed batch becomes one creation at its provider, or is found there.

Order: the requests are read again, those that have their ending or may not be paid are left out,
the record says that the provider may be asked from now on and until when, and only then is it
asked, once.
"""

import logging
import time
from dataclasses import dataclass
from typing import Final

from producers.contract.batch_record import BatchRecord
from producers.contract.codec import DecodeError
from runtime.budgets.standing import Exhausted
from runtime.config.catalog import Tenant
from workers.batching.pool.batch_pool import BatchPool
from workers.batching.pool.group_choice import batch_wire, expected_usage, prefix_plan
from workers.batching.pool.refusing import answer_refusal, fewest_of
from workers.batching.pool.returning import return_batch, return_item, to_its_tier
from workers.batching.pool.writing import places_of, write_batch
from workers.batching.providers.adapter import (
    Away,
    BatchAdapter,
    Created,
    CreateOutcome,
    LineItem,
    NotCreated,
    Unclear,
)
from workers.batching.state.primer import marks_prefixes
from workers.delivery.cancellations import RequestCancelled
from workers.delivery.request_identity import identity_of
from workers.delivery.work_item import WorkItem, read_work_item
from workers.planning.next_step import Delay, Reroute
from workers.prompt_cache.policy import CachePlan, Unmarked
from workers.providers.base.call_outcome import RequestRejected
from workers.request.handler import refuse_unreadable

_log: Final = logging.getLogger(__name__)
_LONGEST_RETRY: Final = 1_800.0
_DUPLICATE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Built:
    """What is sent, and what was left out because it has gone elsewhere. By place."""

    items: list[LineItem]
    left_out: tuple[int, ...]


async def send_batch(pool: BatchPool, record: BatchRecord) -> BatchRecord | None:
    """The record after the provider was asked, written. None: it has no interface any more."""
    adapter = pool.adapters(record.deployment)
    if adapter is None:
        return None
    built = await _build(pool, record, adapter)
    if not built.items:
        return await write_batch(pool, record, state="closed", left_out=built.left_out)
    if len(built.items) < fewest_of(pool, record):
        record = record.model_copy(update={"left_out": built.left_out})
        why = f"{len(built.items)} requests were left, fewer than its provider takes"
        return await return_batch(pool, record, why, closes=True)
    now_ms = int(time.time() * 1000)
    pace = pool.snapshot.catalog.batches
    trace = pool.requests.tracer.begin_trace("submit a batch", ())
    record = await write_batch(
        pool,
        record,
        state="submitting",
        attempt=record.attempt + 1,
        submit_until_ms=now_ms + int(pace.submit_s * 1000),
        left_out=built.left_out,
        trace=trace.traceparent,
    )
    if time.time() * 1000 > record.submit_until_ms:
        return record
    outcome = await adapter.create(record, built.items)
    trace.end(
        {"switchgear.batch": record.key, "switchgear.batch_requests": len(built.items)},
        error=None if isinstance(outcome, Created) else outcome.reason,
    )
    return await _after_creation(pool, record, outcome)


async def look_up_batch(pool: BatchPool, record: BatchRecord) -> BatchRecord | None:
    """After an unclear creation: adopted if the provider has it, else to be sent again."""
    adapter = pool.adapters(record.deployment)
    if adapter is None:
        return None
    others = (entry.record for entry in pool.table.entries())
    known = {each.provider_id for each in others if each.provider_id is not None}
    match await adapter.find(record, frozenset(known) | set(record.strangers)):
        case Away(reason=reason):
            pause_ms = int(pool.snapshot.catalog.batches.poll_s * 1000)
            until = int(time.time() * 1000) + pause_ms
            return await write_batch(pool, record, submit_until_ms=until, problem=reason)
        case NotCreated() if record.returned_ms is not None:
            return await write_batch(pool, record, state="closed")
        case outcome:
            return await _after_creation(pool, record, outcome)


async def _after_creation(
    pool: BatchPool, record: BatchRecord, outcome: CreateOutcome
) -> BatchRecord:
    now_ms = int(time.time() * 1000)
    match outcome:
        case Created(id=name, unproven=unproven):
            return await write_batch(
                pool,
                record,
                state="submitted",
                provider_id=name,
                unproven=unproven,
                submitted_ms=now_ms,
                polled_ms=now_ms,
                problem="",
            )
        case NotCreated(retry=True, reason=reason):
            pause_s = pool.snapshot.catalog.batches.retry_s * 2 ** min(record.attempt, 10)
            later = now_ms + int(min(_LONGEST_RETRY, pause_s / 2) * 1000)
            return await write_batch(
                pool, record, state="formed", not_before_ms=later, problem=reason[:400]
            )
        case NotCreated(refusal=refusal) if refusal is not None:
            return await answer_refusal(pool, record, refusal)
        case NotCreated(reason=reason):
            _log.warning("batch %s was refused: %s", record.key, reason)
            why = f"its batch was refused: {reason[:200]}"
            return await return_batch(pool, record, why, closes=True)
        case Unclear(reason=reason):
            _log.warning("batch %s: it isn't clear whether it was created: %s", record.key, reason)
            return await write_batch(pool, record, submit_until_ms=now_ms, problem=reason[:400])


async def _build(pool: BatchPool, record: BatchRecord, adapter: BatchAdapter) -> Built:
    """Reads the requests again and looks at each once more."""
    items, gone = list[tuple[int, WorkItem]](), set(record.left_out)
    seen = set(gone)
    async for place, raw in pool.log.read(record.queue, places_of(record)):
        if place in gone:
            continue
        seen.add(place)
        try:
            items.append((place, read_work_item(raw)))
        except DecodeError as error:
            await refuse_unreadable(pool.requests.publisher, raw, error)
            gone.add(place)
    left_the_log = set(range(record.places)) - seen
    if left_the_log:
        _log.error("batch %s: %d requests have left the log", record.key, len(left_the_log))
    gone |= left_the_log
    items.sort(key=lambda each: each[0])
    identities = [identity_of(item.request).key for _, item in items]
    ours = await _ours(pool, record, identities)
    built, twice = list[LineItem](), set[str]()
    for (place, item), identity, is_ours in zip(items, identities, ours, strict=True):
        first = is_ours and identity not in twice
        twice.add(identity)
        body = await _body(pool, record, adapter, item) if first else _DUPLICATE
        if isinstance(body, bytes):
            built.append(LineItem(record.custom_id(place), body))
        else:
            gone.add(place)
            await return_item(pool, item, body, time.time())
    return Built(built, tuple(sorted(gone)))


async def _ours(pool: BatchPool, record: BatchRecord, identities: list[str]) -> list[bool]:
    """Whether each is this batch's; the mark of a batch that is over doesn't count.

    A mark outlives its batch when Redis was away as it ended: its request would wait for ever.
    """
    holders = await pool.guard.take(identities, record.key)
    over = {holder for holder in holders if holder != record.key and _is_over(pool, holder)}
    freed = [name for name, holder in zip(identities, holders, strict=True) if holder in over]
    await pool.guard.move(freed, record.key)
    return [holder == record.key or holder in over for holder in holders]


def _is_over(pool: BatchPool, batch: str) -> bool:
    entry = pool.table.get(batch)
    return entry is None or entry.record.state == "closed"


_DUPLICATE: Final = Delay(_DUPLICATE_S, "the same request waits in another batch")


def _plan(pool: BatchPool, record: BatchRecord, item: WorkItem) -> CachePlan:
    primer = None if record.primer is None else pool.table.get(record.primer)
    written = None if primer is None else primer.record
    if not marks_prefixes(record, written, time.time() * 1000):
        return Unmarked()
    deployment = pool.snapshot.deployment(record.deployment)
    return prefix_plan(item, deployment.wire_model or deployment.model, record.prefixes)


async def _body(
    pool: BatchPool, record: BatchRecord, adapter: BatchAdapter, item: WorkItem
) -> bytes | Reroute:
    """What is sent for it, or the step to its tier."""
    request = item.request
    try:
        with pool.requests.cancellations.stopping(request.tenant, request.id):
            pass
    except RequestCancelled:
        return to_its_tier(item, "it was cancelled before its batch was sent")
    wire = batch_wire(pool.snapshot, record.deployment, request.body, _plan(pool, record, item))
    if isinstance(wire, RequestRejected) or adapter.refusal(wire.body) is not None:
        return to_its_tier(item, "the configuration has changed: no batch takes it any more")
    tenant = pool.snapshot.catalog.tenant(request.tenant) or Tenant()
    if tenant.has_budget:
        deployment = pool.snapshot.deployment(record.deployment)
        estimate = pool.requests.price_of(deployment, expected_usage(item), "batch")
        held = await pool.reserve_budget(request, estimate)
        if isinstance(held, Exhausted):
            return to_its_tier(item, held.why)
    return wire.body
