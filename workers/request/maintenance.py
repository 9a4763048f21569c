"""Maintenance records: due retries and cache invalidations, which any worker may take."""

import logging
from typing import Final

from pydantic import ValidationError

from observability.retry import RetryPolicy
from producers.contract import codec, topics
from producers.contract.invalidation import Invalidation
from producers.json_values import too_many_values
from producers.kafka.broker import Record
from runtime import limits
from runtime.config.residency import Standing, standing
from runtime.identity.record_guard import ForbiddenError
from runtime.process.dead_letters import bury
from runtime.redis.errors import REDIS_UNAVAILABLE, is_junk_in_a_key
from workers.request.delayed_retry import return_when_due
from workers.request.dependencies import PoolDependencies
from workers.request.handler import FORGED, refuse_misplaced

_log: Final = logging.getLogger(__name__)
_WHILE_REDIS_IS_AWAY: Final = RetryPolicy(pause_s=1)


async def handle_maintenance_record(pool: PoolDependencies, record: Record) -> None:
    """Returns when the record needs no redelivery."""
    if topics.is_beside(record.partition.topic, topics.CACHE_INVALIDATIONS):
        await _forget(pool, record)
    elif not pool.guard.genuine(record):
        await bury(pool.publisher, record, "forbidden", FORGED)
    elif _misplaced(pool, record):
        await refuse_misplaced(pool, record)
    else:
        await return_when_due(pool.publisher, pool.tracer, record)


def _misplaced(pool: PoolDependencies, record: Record) -> bool:
    """Whether it would bring to another queue of this cell what may not be here."""
    if pool.zone is None:
        return False
    tenant, catalog = codec.header(record.headers, codec.TENANT_HEADER), pool.snapshot().catalog
    return standing(record.value, tenant, catalog, pool.zone) is not Standing.ALLOWED


async def _forget(pool: PoolDependencies, record: Record) -> None:
    try:
        if too_many_values(record.value, limits.MESSAGE_VALUES.value):
            words = f"it has more than {limits.MESSAGE_VALUES.value:,} values"
            await bury(pool.publisher, record, "invalid_request", words)
            return
        order = Invalidation.model_validate_json(record.value)
        await pool.guard.require(record, topics.CACHE_INVALIDATIONS, order.tenant)
    except ValidationError as error:
        problems = "; ".join(problem["msg"] for problem in error.errors(include_input=False))
        await bury(pool.publisher, record, "invalid_request", problems)
        return
    except ForbiddenError as error:
        await bury(pool.publisher, record, "forbidden", str(error))
        return
    # a wrong answer that stays is worse than a chore that waits for Redis
    forgotten = await _WHILE_REDIS_IS_AWAY.run(
        lambda: pool.lookup.invalidate(order), transient=_redis_is_away, on_retry=_report
    )
    _log.info("forgot %d answers of %s", forgotten, order.tenant)


def _redis_is_away(error: Exception) -> bool:
    """Not where somebody has written junk under a key: to wait for its end stops the others."""
    return isinstance(error, REDIS_UNAVAILABLE) and not is_junk_in_a_key(error)


def _report(error: Exception, _: float) -> None:
    _log.warning("can't invalidate while Redis is away: %s", error)
