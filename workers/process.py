"""Worker process: the streams of records that one pool's process handles."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from producers.contract import topics
from producers.kafka.broker import Record
from runtime.consuming.consumer_metrics import Member, unread_queue, update_consumer_gauges
from runtime.consuming.headers import LaneRules
from runtime.consuming.kafka_source import KafkaSource
from runtime.consuming.queue_groups import group_of, queues_of, zones_of
from runtime.consuming.retry_topics import DELAYS_MS
from runtime.consuming.slots import Slots
from runtime.consuming.stream import ConsumerStream, StreamSettings
from runtime.consuming.tenant_shares import ShareRules, TenantShares
from runtime.fleet.pool_watch import PoolWatch, looks_at_queues
from runtime.identity.record_guard import RecordGuard
from runtime.process.control_topics import ControlTopics
from runtime.process.process import ServiceProcess, service_process
from runtime.process.settings import ServiceSettings
from workers.composition import build_pool
from workers.delivery.cancellations import admit_cancellation
from workers.request.dependencies import PoolDependencies
from workers.request.handler import dead_letter_request, serve_one
from workers.request.maintenance import handle_maintenance_record

_CHORES_GROUP: Final = "switchgear-chores"
_CHORES: Final = (
    *(topics.retry_topic_name(delay) for delay in DELAYS_MS),
    topics.CACHE_INVALIDATIONS,
)
WORKER_TOPICS: Final = (
    *_CHORES,
    topics.CANCELLATIONS,
    topics.USAGE,
    topics.FEEDBACK,
    topics.DEAD_LETTERS,
)
"""What it can't begin without. A queue that isn't there yet is read once it is."""
_CANCELLED_BEFORE_S: Final = 3600.0
"""A worker that starts must know what was cancelled while it was away."""
_WAITING_RETRIES: Final = 50_000
_NEW_QUEUES_S: Final = 2.0
"""How often a pool looks whether the configuration has a new zone."""
_OTHER_POOLS_S: Final = 5.0
"""How often a worker looks whether other tiers have a pool that it could hand a request over to."""
_BACKLOG: Final = 10_000
"""Records that wait in a pool's memory, of all its queues."""


@dataclass(frozen=True, slots=True)
class QueueShare:
    """What a pool serves of its tier, as `queues_of` takes it."""

    zones: tuple[str, ...] = ()
    unbound: bool = False


async def serve_tier(
    settings: ServiceSettings, environment: Mapping[str, str], tier: str, share: QueueShare
) -> None:
    """Serves a tier, or a share of it, until SIGTERM. environment: keys and addresses.

    Raises ConfigError or ValueError when it can't begin.
    """
    async with AsyncExitStack() as parts:
        process = await parts.enter_async_context(service_process(settings, "switchgear-workers"))
        if not await process.topics_exist(*WORKER_TOPICS):
            return
        pool = await build_pool(parts, process, environment, tier, lambda: pools.unserved)
        guard = pool.guard
        pools = PoolWatch(lambda: pool.snapshot().catalog, every_s=_OTHER_POOLS_S, every_queue=True)
        look = await parts.enter_async_context(looks_at_queues(settings, "switchgear-workers"))
        parts.enter_context(process.background.running("pool watch", partial(pools.run, look)))
        queues_of(pool.snapshot().catalog, tier, share.zones, unbound=share.unbound)
        declare_worker_control(process.control, pool.cancellations.receive, guard)
        await parts.enter_async_context(process.control)
        async with asyncio.TaskGroup() as streams:
            streams.create_task(_serve_queues(process, pool, share))
            streams.create_task(_chores_stream(process, pool).run(process.stop))


def declare_worker_control(
    control: ControlTopics, cancel: Callable[[Record], None], guard: RecordGuard
) -> None:
    """Every worker hears all cancellations: only one of them knows that the request is its own."""
    admit = partial(admit_cancellation, guard) if guard.strict else None
    control.subscribe_raw(topics.CANCELLATIONS, cancel, since_s=_CANCELLED_BEFORE_S, admit=admit)


async def _serve_queues(process: ServiceProcess, pool: PoolDependencies, share: QueueShare) -> None:
    """One stream a queue, for each has a group of its own; all share the tier's concurrency."""
    catalog = pool.snapshot().catalog
    concurrency = catalog.tiers[pool.tier].concurrency
    number = len(queues_of(catalog, pool.tier, share.zones, unbound=share.unbound))
    settings = StreamSettings(
        concurrency,
        backlog=max(concurrency, _BACKLOG // number),
        backlog_bytes=process.settings.backlog_mb << 20,
        slots=Slots(concurrency),
        shares=TenantShares(partial(_slot_limits, pool, concurrency)),
    )
    members = list[Member]()
    gauges = partial(update_consumer_gauges, process.metrics, members, pool.tier)
    process.health.add(partial(unread_queue, members))
    with process.background.running("consumer gauges", gauges):
        async with asyncio.TaskGroup() as running:
            while not process.stop.is_set():
                for queue in _queues_to_begin(pool, share, members):
                    members.append(_member(process, pool, queue, settings))
                    running.create_task(members[-1].stream.run(process.stop))
                process.health.started()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_NEW_QUEUES_S):
                        await process.stop.wait()


def _queues_to_begin(
    pool: PoolDependencies, share: QueueShare, members: Sequence[Member]
) -> Iterator[str]:
    """Those of the configuration in force that aren't read yet: it may have got a new zone."""
    catalog, begun = pool.snapshot().catalog, {member.source.group for member in members}
    if pool.tier not in catalog.tiers:
        return iter(())
    there = [zone for zone in share.zones if zone in zones_of(catalog, pool.tier)]
    if share.zones and not there and not share.unbound:
        return iter(())
    queues = queues_of(catalog, pool.tier, there, unbound=share.unbound)
    return (queue for queue in queues if group_of(queue) not in begun)


def _slot_limits(
    pool: PoolDependencies, concurrency: int, tenant: str
) -> tuple[ShareRules, int | None]:
    catalog = pool.snapshot().catalog
    section, tier = catalog.tenants.get(tenant), catalog.tiers[pool.tier]
    rules = ShareRules(concurrency, tier.tenant_share, len(catalog.tenants))
    return rules, None if section is None else section.limits.concurrency


def _member(
    process: ServiceProcess, pool: PoolDependencies, queue: str, settings: StreamSettings
) -> Member:
    session_timeout_s = process.settings.session_timeout_s
    source = KafkaSource(process.settings, [queue], group_of(queue), session_timeout_s)
    stream = ConsumerStream(
        source,
        partial(serve_one, pool),
        partial(dead_letter_request, pool.publisher),
        LaneRules(lambda: pool.snapshot().catalog).lane,
        settings,
    )
    return Member(stream, source)


def _chores_stream(process: ServiceProcess, pool: PoolDependencies) -> ConsumerStream:
    """What any pool does for all: retries that are due, answers to forget."""
    return ConsumerStream(
        KafkaSource(
            process.settings,
            _CHORES,
            _CHORES_GROUP,
            process.settings.session_timeout_s,
            by_tenant=pool.guard.strict,
        ),
        partial(handle_maintenance_record, pool),
        partial(dead_letter_request, pool.publisher),
        LaneRules(lambda: pool.snapshot().catalog).lane,
        StreamSettings(
            concurrency=_WAITING_RETRIES,
            backlog_bytes=process.settings.backlog_mb << 20,
            revoke_grace_s=0,
            stop_grace_s=0,
        ),
    )
