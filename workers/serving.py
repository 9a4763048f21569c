"""Which streams of records does the process of one worker pool handle?"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from producers import topics
from runtime.config.catalog import Catalog
from runtime.process.settings import ServiceSettings

from .building import build_pool
from .chores import do_chore
from .gauges import show
from .handover import DELAYS_MS
from .job import lane_of
from .kafka_source import KafkaSource
from .parts import Pool
from .pool import bury, serve_one
from .service_process import Process, background, service_process
from .stream import Stream, StreamSettings

_CHORES_GROUP: Final = "switchgear-chores"
_CANCELLED_BEFORE_S: Final = 3600.0
"""A worker that starts must know what was cancelled while it was away."""
_WAITING_RETRIES: Final = 50_000


async def serve(
    settings: ServiceSettings, environment: Mapping[str, str], tier: str, zone: str | None
) -> None:
    """Serves a tier, or one zone of it, until SIGTERM. environment: keys and addresses.

    Raises ConfigError or ValueError when it can't begin.
    """
    async with AsyncExitStack() as parts:
        process = await parts.enter_async_context(service_process(settings, "switchgear-workers"))
        pool = await build_pool(parts, process, environment, tier)
        queues = queues_of(pool.world().catalog, tier, zone)
        await parts.enter_async_context(
            process.broker.tail(
                topics.CANCELLATIONS, pool.cancellations.receive, since_s=_CANCELLED_BEFORE_S
            )
        )
        async with asyncio.TaskGroup() as streams:
            streams.create_task(_serve_queues(process, pool, queues, zone))
            streams.create_task(_chores_stream(process, pool).run(process.stop))


async def _serve_queues(process: Process, pool: Pool, queues: list[str], zone: str | None) -> None:
    group = f"switchgear-{pool.tier}" + (f"-{zone}" if zone else "")
    source = KafkaSource(process.settings, queues, group, process.settings.session_timeout_s)
    stream = Stream(
        source,
        partial(serve_one, pool),
        partial(bury, process.publisher),
        partial(lane_of, weight_of=lambda name: _weight(pool.world().catalog, name)),
        StreamSettings(concurrency=pool.world().catalog.tiers[pool.tier].concurrency),
    )
    with background(show(process.metrics, stream, source, pool.tier)):
        await stream.run(process.stop)


def _chores_stream(process: Process, pool: Pool) -> Stream:
    """What any pool does for all: retries that are due, answers to forget."""
    chores = [*(topics.retry_topic(delay) for delay in DELAYS_MS), topics.CACHE_INVALIDATIONS]
    return Stream(
        KafkaSource(process.settings, chores, _CHORES_GROUP, process.settings.session_timeout_s),
        partial(do_chore, process.publisher, pool.tracer, pool.lookup),
        partial(bury, process.publisher),
        partial(lane_of, weight_of=lambda _: 1),
        StreamSettings(concurrency=_WAITING_RETRIES, revoke_grace_s=0, stop_grace_s=0),
    )


def queues_of(catalog: Catalog, tier: str, zone: str | None) -> list[str]:
    """The topics that a pool consumes. Raises ValueError for a tier or zone that isn't there."""
    if tier not in catalog.tiers:
        raise ValueError(f"there is no tier {tier!r}; there are: {', '.join(catalog.tiers)}")
    zones = sorted({deployment.zone for _, deployment in catalog.deployments_of(tier)})
    if zone is None:
        return [topics.tier_topic(tier), *(topics.tier_topic(tier, name) for name in zones)]
    if zone not in zones:
        raise ValueError(f"tier {tier!r} has no deployment in zone {zone!r}, only in {zones}")
    return [topics.tier_topic(tier, zone)]


def _weight(catalog: Catalog, name: str) -> int:
    tenant = catalog.tenant(name)
    return 1 if tenant is None else tenant.weight
