"""Refused batches: their requests are sent again, halved, or returned to their tier."""

import logging
import time
from typing import Final, assert_never

from producers.contract.batch_record import BatchRecord
from producers.contract.codec import DecodeError
from producers.kafka.broker import Record
from workers.batching.gathering.batch_limits import batch_limits_of
from workers.batching.pool.batch_pool import BatchPool
from workers.batching.pool.returning import return_batch, return_records
from workers.batching.pool.writing import places_of, write_batch
from workers.batching.state.batch_key import batch_key
from workers.batching.state.refused_batch import (
    Halve,
    LeaveOut,
    ReturnAll,
    WaitForRoom,
    refusal_answer,
)
from workers.batching.wires.batch_status import BatchRefusal
from workers.delivery.request_identity import identity_of
from workers.delivery.work_item import read_work_item

_log: Final = logging.getLogger(__name__)


async def answer_refusal(
    pool: BatchPool, record: BatchRecord, refusal: BatchRefusal | None
) -> BatchRecord:
    """The record after it, written. Raises PublishFailedError, TimeoutError."""
    why = "no reason told" if refusal is None else (refusal.message or refusal.code)[:200]
    _log.warning("batch %s was refused: %s", record.key, why)
    in_a_row = pool.refusals.get(record.deployment, 0) + 1
    answer = refusal_answer(record, refusal, in_a_row, fewest_of(pool, record))
    if not isinstance(answer, WaitForRoom):
        pool.refusals[record.deployment] = in_a_row
    match answer:
        case WaitForRoom():
            pause_s = pool.snapshot.catalog.batches.retry_s * 2 ** min(record.attempt, 5)
            later = int((time.time() + pause_s) * 1000)
            return await _send_again(pool, record, why, record.left_out, not_before_ms=later)
        case LeaveOut(places=places):
            raw = await _requests(pool, record, places)
            line = f"its batch's provider refused its line: {why}"
            await pool.guard.release(await return_records(pool, raw, line), record.key)
            return await _send_again(pool, record, why, (*record.left_out, *places))
        case Halve(places=places):
            await _split_off(pool, record, places, why)
            return await _send_again(pool, record, why, (*record.left_out, *places))
        case ReturnAll():
            return await return_batch(pool, record, f"its batch was refused: {why}", closes=True)
        case _:
            assert_never(answer)


def fewest_of(pool: BatchPool, record: BatchRecord) -> int:
    """Requests below which the provider of its deployment takes no batch."""
    entry = pool.snapshot.catalog.deployments.get(record.deployment)
    limits = None if entry is None else batch_limits_of(entry.provider)
    return 1 if limits is None else limits.fewest


async def _send_again(
    pool: BatchPool,
    record: BatchRecord,
    why: str,
    left_out: tuple[int, ...],
    not_before_ms: int = 0,
) -> BatchRecord:
    # what was refused lies at the provider under our key: it must not be taken for the next one
    refused = () if record.provider_id is None else (record.provider_id,)
    return await write_batch(
        pool,
        record,
        state="formed",
        provider_id=None,
        submitted_ms=None,
        word="",
        done=0,
        left_out=tuple(sorted(left_out)),
        strangers=(*record.strangers, *refused),
        not_before_ms=not_before_ms,
        problem=why,
    )


async def _split_off(
    pool: BatchPool, record: BatchRecord, places: tuple[int, ...], why: str
) -> None:
    """Written before the rest is: a crash between leaves both, and the same half is found again."""
    half = _part(record, places, why)
    if pool.table.get(half.key) is None:
        raw = await _requests(pool, record, places)
        await pool.guard.move(_identities(raw), half.key)
        await pool.log.write(half)


def _part(record: BatchRecord, places: tuple[int, ...], why: str) -> BatchRecord:
    every = places_of(record)
    chosen = [every[place] for place in places]
    share = len(chosen) / max(1, record.sent)
    return BatchRecord(
        key=batch_key(record.deployment, record.queue, chosen),
        deployment=record.deployment,
        tier=record.tier,
        queue=record.queue,
        partitions=tuple(partition for partition, _ in chosen),
        offsets=tuple(offset for _, offset in chosen),
        reason="half of a batch that was refused",
        formed_ms=int(time.time() * 1000),
        deadline_ms=record.deadline_ms,
        size_bytes=int(record.size_bytes * share),
        prompt_tokens=int(record.prompt_tokens * share),
        output_tokens=int(record.output_tokens * share),
        headers=record.headers,
        problem=why,
    )


async def _requests(pool: BatchPool, record: BatchRecord, places: tuple[int, ...]) -> list[Record]:
    every = places_of(record)
    wanted = [every[place] for place in places]
    return [raw async for _, raw in pool.log.read(record.queue, wanted)]


def _identities(requests: list[Record]) -> list[str]:
    identities = list[str]()
    for raw in requests:
        try:
            identities.append(identity_of(read_work_item(raw).request).key)
        except DecodeError:
            continue
    return identities
