"""Record handler: one record of a tier's queue, from its bytes to its reply.

cache → claim → providers → record → publish → keep. The reply and the usage event are with Kafka
before the record counts as finished, so a crash at any point redelivers and loses nothing.
"""

import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from observability.tracing.semconv import queue_attributes
from observability.tracing.tracer import QueueWait
from observability.tracing.w3c_context import TRACEPARENT
from producers.contract import ChatBody, Failed, Request, Route, codec, topics
from producers.contract.codec import DecodeError
from producers.contract.reply_address import ReplyAddress, read_reply_address
from producers.kafka.broker import Publisher, PublishFailedError, Record
from runtime.config.catalog import Catalog
from runtime.config.residency import excluded_from
from runtime.process.crash_cause import CrashCause, crash_cause
from runtime.process.dead_letters import bury
from runtime.process.failed_reply import tell_failed
from runtime.process.reply_topics import reachable_address, unreachable
from workers.delivery.work_item import WorkItem, read_work_item, with_lawful_reply
from workers.planning.next_step import GiveUp
from workers.request.dependencies import PoolDependencies
from workers.request.lifecycle import RequestLifecycle

_log: Final = logging.getLogger(__name__)
_MISPLACED: Final = GiveUp("wrong_zone", "its residency excludes this cell", retryable=False)
FORGED: Final = "it lay where only our processes write, without their signature"


async def serve_one(pool: PoolDependencies, record: Record) -> None:
    """Returns when the record needs no redelivery."""
    if not pool.guard.genuine(record):
        # nobody is told: the reply would go where whoever forged it wants it to
        await bury(pool.publisher, record, "forbidden", FORGED)
        return
    try:
        item = read_work_item(record)
    except DecodeError as error:
        await refuse_unreadable(pool.publisher, record, error)
        return
    snapshot = pool.snapshot()
    item = with_lawful_reply(item, snapshot.catalog)
    if await refused_before_call(pool, item, snapshot.catalog):
        return
    waited_ms = max(0.0, time.time() * 1000 - record.timestamp_ms)
    pool.reporter.began(record.partition.topic, waited_ms / 1000)
    waited = QueueWait(
        queue=record.partition.topic,
        since_ms=record.timestamp_ms,
        submitted_ms=item.submitted_ms,
        attributes=lambda: queue_attributes(*record.partition, record.offset),
    )
    earlier = codec.header(record.headers, TRACEPARENT) if item.tried_before else None
    links = () if earlier is None else (earlier,)
    trace = pool.tracer.begin_trace(
        f"serve {pool.tier}", record.headers, tenant=item.request.tenant, waited=waited, links=links
    )
    try:
        await RequestLifecycle(pool, item, trace, snapshot).run()
    except Exception:
        trace.end(error="internal_error")
        raise


async def refuse_unreadable(publisher: Publisher, record: Record, error: DecodeError) -> None:
    """What becomes of a record that isn't a request: its bytes are kept, its sender is told."""
    why = CrashCause("invalid_request", str(error), str(error))
    await _refuse(publisher, record, why, _reply_addresses(record))


async def refused_before_call(pool: PoolDependencies, item: WorkItem, catalog: Catalog) -> bool:
    """Whether it may not be served here, or can't be answered; then that is told and booked.

    The router has looked, but a request may have waited for hours since.
    """
    if excluded_from(pool.zone, item.request, catalog, item.route.demands):
        await refuse_misplaced(pool, item.record)
        # without a word of the request's: its content is written nowhere
        bare = replace(item, request=_bare(item.request), route=Route(tier=item.route.tier))
        await _book_earlier_calls(pool, bare, _MISPLACED)
        return True
    message = await unreachable(item.reply, pool.partitions_of)
    if message is None:
        return False
    why = CrashCause("reply_to_not_allowed", message, message)
    address = await reachable_address(item.reply, pool.partitions_of)
    await _refuse(pool.publisher, item.record, why, () if address is None else (address,))
    await _book_earlier_calls(pool, item, GiveUp(why.code, message, retryable=False))
    return True


async def refuse_misplaced(pool: PoolDependencies, record: Record) -> None:
    """What becomes of a record that its residency excludes: its content is written nowhere."""
    message = f"this cell is in zone {pool.zone}, which the data's residency excludes"
    why = CrashCause("wrong_zone", message, message)
    await _refuse(pool.publisher, record, why, _reply_addresses(record))


async def _book_earlier_calls(pool: PoolDependencies, item: WorkItem, why: GiveUp) -> None:
    """The bill of what was called for it before."""
    if item.attempts:
        trace = pool.tracer.begin_trace(f"serve {pool.tier}", (), tenant=item.request.tenant)
        await RequestLifecycle(pool, item, trace, pool.snapshot()).book_earlier_calls(why)
        trace.end(error=why.code)


def _bare(request: Request) -> Request:
    body = ChatBody(messages=[{"role": "user", "content": ""}])
    return Request(id=request.id, tenant=request.tenant, body=body)


async def dead_letter_request(publisher: Publisher, record: Record, error: BaseException) -> None:
    """What becomes of a record whose handler broke: its bytes are kept, its sender is told."""
    why = crash_cause(error, "its worker")
    _log.error("%s: %s, %s", codec.request_id(record.headers), why.code, why.detail)
    await _refuse(publisher, record, why, _reply_addresses(record))


@asynccontextmanager
async def dead_lettered_if_it_breaks(publisher: Publisher, record: Record) -> AsyncIterator[None]:
    """Inside it a record's work may raise anything: no other record waits for it.

    Raises PublishFailedError where Kafka may take the same records later.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, PublishFailedError) and not error.permanent:
            raise
        _log.exception("a waiting request broke its worker")
        await dead_letter_request(publisher, record, error)


async def _refuse(
    publisher: Publisher, record: Record, why: CrashCause, addresses: Iterable[ReplyAddress]
) -> None:
    """Keeps the record and tells its sender, at the first of `addresses` that takes it."""
    await bury(publisher, record, why.code, why.detail)
    request_id = codec.request_id(record.headers)
    if request_id is None:
        return
    failed = Failed(id=request_id, code=why.code, message=why.message, retryable=False)
    tenant = codec.header(record.headers, codec.TENANT_HEADER)
    await tell_failed(publisher, failed, addresses, tenant=tenant)


def _reply_addresses(record: Record) -> Iterable[ReplyAddress]:
    """Where its sender wants to be told, and where else: a missing topic may be what broke us."""
    wanted = read_reply_address(record.headers)
    shared = ReplyAddress(echo=wanted.echo)
    if not topics.may_reply_to(wanted.topic, "*"):
        wanted = shared
    return dict.fromkeys((wanted, shared))
