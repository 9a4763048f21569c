"""Maintenance records: due retries and cache invalidations, which any worker may take."""

import asyncio
import logging
from typing import Final

from pydantic import ValidationError

from cache.storage.invalidation import Invalidation
from observability.tracing.tracer import Tracer
from producers.contract import topics
from producers.kafka.broker import Publisher, Record
from runtime.process.dead_letters import dead_letter
from runtime.redis.errors import REDIS_UNAVAILABLE
from workers.request.delayed_retry import return_when_due
from workers.request.dependencies import AnswerCache

_log: Final = logging.getLogger(__name__)
_PAUSE_S: Final = 1.0


async def handle_maintenance_record(
    publisher: Publisher, tracer: Tracer, lookup: AnswerCache, record: Record
) -> None:
    """Returns when the record needs no redelivery."""
    if record.partition.topic == topics.CACHE_INVALIDATIONS:
        await _forget(publisher, lookup, record)
    else:
        await return_when_due(publisher, tracer, record)


async def _forget(publisher: Publisher, lookup: AnswerCache, record: Record) -> None:
    try:
        order = Invalidation.model_validate_json(record.value)
    except ValidationError as error:
        problems = "; ".join(problem["msg"] for problem in error.errors(include_input=False))
        await publisher.publish(dead_letter(record, "invalid_request", problems))
        return
    while True:
        try:
            forgotten = await lookup.invalidate(order)
        except REDIS_UNAVAILABLE as error:
            # a wrong answer that stays is worse than a chore that waits for Redis
            _log.warning("can't invalidate while Redis is away: %s", error)
            await asyncio.sleep(_PAUSE_S)
        else:
            _log.info("forgot %d answers of %s", forgotten, order.tenant)
            return
