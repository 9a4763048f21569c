"""Batch process: intake of each batch queue, the former, the mover, and what they run on."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Final

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from producers.contract import topics
from producers.contract.batch_record import BatchRecord
from producers.json_values import too_many_values
from producers.kafka.broker import Record
from runtime import limits
from runtime.budgets.reservations import BudgetLedger
from runtime.config.config_file import read_config
from runtime.consuming.kafka_source import KafkaSource
from runtime.consuming.queue_groups import batch_queues, group_of_batch_queue
from runtime.fleet.pool_watch import PoolWatch, looks_at_queues
from runtime.identity.record_guard import RecordGuard
from runtime.process.process import ServiceProcess, service_process
from runtime.process.settings import ServiceSettings
from runtime.redis.connection import RedisLink, connect_redis
from workers.batching.pool.batch_log import KafkaBatchLog
from workers.batching.pool.batch_metrics import update_batch_gauges
from workers.batching.pool.batch_pool import BatchPool
from workers.batching.pool.former import Former
from workers.batching.pool.intake import Intake
from workers.batching.pool.item_guard import RedisItemGuard
from workers.batching.pool.mover import Mover
from workers.batching.providers.batch_adapters import BatchAdapters
from workers.batching.state.batch_table import BatchTable
from workers.composition import build_pool
from workers.delivery.cancellations import admit_cancellation

BATCHES_GROUP: Final = "switchgear-batches"
_ROLE: Final = "batch"
BATCH_POOL_TOPICS: Final = (topics.BATCHES, topics.CANCELLATIONS, topics.USAGE, topics.DEAD_LETTERS)
"""What it can't begin without, beside its queues."""
_POOLS_S: Final = 5.0
"""How often it looks whether the tiers have pools that requests can go back to."""
_RESERVED_S: Final = 30 * 3600
"""Of a reservation: a window of 24 hours, and what comes before and after it."""
_CANCELLED_BEFORE_S: Final = 3600.0


async def serve_batches(settings: ServiceSettings, environment: Mapping[str, str]) -> None:
    """Serves all batch queues until SIGTERM. environment: keys and addresses.

    Raises ConfigError or ValueError when it can't begin.
    """
    async with AsyncExitStack() as parts:
        process = await parts.enter_async_context(service_process(settings, "switchgear-batches"))
        if not await process.topics_exist(*BATCH_POOL_TOPICS, *await _queues(process)):
            return
        pool = await _batch_pool(parts, process, environment, lambda: pools.unserved)
        # as in the router, a tier's own queue waits for its pool: what comes back may start one
        pools = PoolWatch(lambda: pool.snapshot.catalog, every_s=_POOLS_S)
        look = await parts.enter_async_context(looks_at_queues(settings, "switchgear-batches"))
        parts.enter_context(process.background.running("pool watch", partial(pools.run, look)))
        guard, cancellations = pool.requests.guard, pool.requests.cancellations
        process.control.subscribe_raw(
            topics.CANCELLATIONS,
            cancellations.receive,
            since_s=_CANCELLED_BEFORE_S,
            admit=partial(admit_cancellation, guard) if guard.strict else None,
        )
        await parts.enter_async_context(process.control)
        skipped = partial(process.metrics.count, "switchgear_control_skipped_total")
        await parts.enter_async_context(
            pool.log.following(partial(receive_genuine, guard, pool.table, skipped))
        )
        queues = batch_queues(pool.snapshot.catalog)
        intakes = [Intake(pool, queue, _source(process, queue)) for queue in queues]
        mover = Mover(
            pool,
            KafkaSource(settings, [topics.BATCHES], BATCHES_GROUP, settings.session_timeout_s),
            group_of_batch_queue,
        )
        parts.enter_context(
            process.background.running("batch gauges", partial(update_batch_gauges, pool))
        )
        process.health.add(partial(_unread_queue, intakes))
        process.health.started()
        async with asyncio.TaskGroup() as running:
            for intake in intakes:
                running.create_task(intake.run(process.stop))
            running.create_task(Former(pool, intakes).run(process.stop))
            running.create_task(mover.run(process.stop))


async def _queues(process: ServiceProcess) -> list[str]:
    """Of the configuration. Raises ConfigError, and ValueError where nothing ever went by batch."""
    catalog = read_config(process.settings.config)
    offered = any(deployment.batch is not None for deployment in catalog.deployments.values())
    # batches that were sent before the last `batch` went are still settled
    if not offered and await process.broker.partitions_of(topics.BATCHES) is None:
        raise ValueError("no deployment has `batch`, so there is nothing for a batch pool to do")
    return batch_queues(catalog)


def _unread_queue(intakes: Sequence[Intake]) -> str | None:
    """What is still missing before all queues are read; None if nothing is."""
    waiting = [group_of_batch_queue(intake.queue) for intake in intakes if not intake.begun]
    return f"not yet a member of {', '.join(waiting)}" if waiting else None


def receive_genuine(
    guard: RecordGuard, table: BatchTable, report_skipped: Callable[[str], None], record: Record
) -> None:
    """A record of `llm.batches`. Never raises.

    What can't be read, or no process of ours wrote, is passed over. report_skipped: gets its topic.
    """
    if not (guard.genuine(record) and receive_batch(table, record)):
        report_skipped(record.partition.topic)


def receive_batch(table: BatchTable, record: Record) -> bool:
    """Whether the record of `llm.batches` could be read. Never raises."""
    key = (record.key or b"").decode(errors="replace")
    if not record.value:
        table.forget(key)
        return True
    if too_many_values(record.value, limits.MESSAGE_VALUES.value, numbers_aside=True):
        return False
    try:
        batch = BatchRecord.model_validate_json(record.value)
    except ValueError:
        return False
    table.write(batch, record.partition.number)
    return True


def _source(process: ServiceProcess, queue: str) -> KafkaSource:
    group = group_of_batch_queue(queue)
    return KafkaSource(process.settings, [queue], group, process.settings.session_timeout_s)


async def _batch_pool(
    parts: AsyncExitStack,
    process: ServiceProcess,
    environment: Mapping[str, str],
    unserved: Callable[[], Mapping[str, str]],
) -> BatchPool:
    requests = await build_pool(parts, process, environment, _ROLE)
    # a batch's calls are few and long: they share no connections with a pool's calls
    session = await parts.enter_async_context(
        ClientSession(
            connector=TCPConnector(limit=16, ttl_dns_cache=60), timeout=ClientTimeout(total=None)
        )
    )
    link = RedisLink(connect_redis(process.settings.redis))
    parts.push_async_callback(link.redis.aclose)
    unguarded = partial(process.metrics.count, "switchgear_shared_state_errors_total", "batched")
    adapters = BatchAdapters(session, environment, lambda: requests.snapshot().catalog)
    return BatchPool(
        requests=requests,
        table=BatchTable(),
        log=KafkaBatchLog(process.settings, process.publisher),
        guard=RedisItemGuard(link, unguarded),
        adapters=adapters.of,
        budgets=BudgetLedger(partial(datetime.now, UTC), link, _RESERVED_S),
        metrics=process.metrics,
        unserved=unserved,
    )
