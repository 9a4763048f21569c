"""What is done with the records that any worker may take?"""

import asyncio
import logging
from typing import Final

from pydantic import ValidationError

from cache.invalidation import Invalidation
from observability.tracing import Tracer
from producers import topics
from producers.broker import Publisher, Record
from runtime.redis.errors import REDIS_UNAVAILABLE

from .dead_letters import dead_letter
from .parts import Answers
from .retries import return_when_due

_log: Final = logging.getLogger(__name__)
_PAUSE_S: Final = 1.0


async def do_chore(publisher: Publisher, tracer: Tracer, lookup: Answers, record: Record) -> None:
    """Returns when the record needs no redelivery."""
    if record.partition.topic == topics.CACHE_INVALIDATIONS:
        await _forget(publisher, lookup, record)
    else:
        await return_when_due(publisher, tracer, record)


async def _forget(publisher: Publisher, lookup: Answers, record: Record) -> None:
    try:
        order = Invalidation.model_validate_json(record.value)
    except ValidationError as error:
        problems = "; ".join(problem["msg"] for problem in error.errors(include_input=False))
        await publisher.publish(dead_letter(record, "invalid_request", problems))
        return
    while True:
        try:
            forgotten = await lookup.forget(order)
        except REDIS_UNAVAILABLE as error:
            # a wrong answer that stays is worse than a chore that waits for Redis
            _log.warning("can't invalidate while Redis is away: %s", error)
            await asyncio.sleep(_PAUSE_S)
        else:
            _log.info("forgot %d answers of %s", forgotten, order.tenant)
            return
