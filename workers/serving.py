"""How is the process of one worker pool put together?"""

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Final

from aiohttp import ClientSession, ClientTimeout, TCPConnector
from redis.asyncio import Redis

from cache.lookup import Lookup
from cache.settings import CacheSettings
from observability.logs import logger
from observability.metrics import Metrics
from observability.outcome import Outcomes
from observability.price_lists import load_price_book
from producers import topics

from .breakers import Transition
from .budget_state import Budgets
from .cancellations import Cancellations
from .catalog import Catalog
from .fleet import Fleet
from .fleet_state import FleetState
from .handover import DELAYS_MS
from .job import lane_of
from .kafka_source import KafkaSource
from .live import Live
from .once import Once, OnceSettings
from .parts import Pool
from .pool import bury, serve_one
from .pricing import Pricing
from .providers import connect
from .pursuit import World
from .redis_link import Link
from .redis_link import connect as connect_redis
from .retries import return_when_due
from .service_process import Process, background, service_process
from .settings import ServiceSettings
from .situation import PlanRules
from .stream import Stream, StreamSettings

_RETRY_GROUP: Final = "switchgear-retries"
_WAITING_RETRIES: Final = 50_000


async def serve(
    settings: ServiceSettings, environment: Mapping[str, str], tier: str, zone: str | None
) -> None:
    """Serves a tier, or one zone of it, until SIGTERM. environment: keys and addresses.

    Raises ConfigError or ValueError when it can't begin.
    """
    async with AsyncExitStack() as parts:
        process = await parts.enter_async_context(service_process(settings, "switchgear-workers"))
        session = await parts.enter_async_context(_session())
        live = Live(settings.config, lambda c: World(c, connect(c, session, environment)))
        catalog = live().catalog
        queues = _queues(catalog, tier, zone)
        pool = await _pool(parts, process, live, tier)
        await parts.enter_async_context(
            process.broker.tail(topics.CANCELLATIONS, pool.cancellations.receive)
        )
        parts.enter_context(
            background(live.follow(lambda world: pool.fleet.configure(world.catalog)))
        )
        async with asyncio.TaskGroup() as streams:
            streams.create_task(_queue_stream(process, pool, queues, zone).run(process.stop))
            streams.create_task(_retry_stream(process).run(process.stop))


async def _pool(parts: AsyncExitStack, process: Process, live: Live[World], tier: str) -> Pool:
    catalog = live().catalog
    redis = Redis.from_url(process.settings.redis)
    parts.push_async_callback(redis.aclose)
    lookup = Lookup(CacheSettings.model_validate(catalog.cache), redis)
    parts.push_async_callback(lookup.close)
    link = Link(connect_redis(process.settings.redis))
    parts.push_async_callback(link.redis.aclose)
    unguarded = partial(process.metrics.count, "switchgear_shared_state_errors_total", "once")
    return Pool(
        tier=tier,
        world=live,
        price_of=Pricing(load_price_book()).price_of,
        fleet=_fleet(parts, process, catalog, link),
        budgets=Budgets(partial(datetime.now, UTC), link),
        lookup=lookup,
        once=Once(redis, OnceSettings(), unguarded),
        cancellations=Cancellations(),
        publisher=process.publisher,
        tracer=process.tracer,
        rules=PlanRules(),
        reporter=Outcomes(process.metrics, logger(role="workers")),
    )


def _fleet(parts: AsyncExitStack, process: Process, catalog: Catalog, link: Link) -> Fleet:
    state = FleetState(link, f"{socket.gethostname()}:{os.getpid()}")
    now = asyncio.get_running_loop().time
    fleet = Fleet(catalog, now, partial(_heard, process.metrics), state=state)
    parts.enter_context(background(fleet.run()))
    return fleet


def _queue_stream(process: Process, pool: Pool, queues: list[str], zone: str | None) -> Stream:
    group = f"switchgear-{pool.tier}" + (f"-{zone}" if zone else "")
    return Stream(
        KafkaSource(process.settings, queues, group, process.settings.session_timeout_s),
        partial(serve_one, pool),
        partial(bury, process.publisher),
        partial(lane_of, weight_of=lambda name: _weight(pool.world().catalog, name)),
        StreamSettings(concurrency=pool.world().catalog.tiers[pool.tier].concurrency),
    )


def _retry_stream(process: Process) -> Stream:
    """Any pool hands due retries back to any queue."""
    retries = [topics.retry_topic(delay) for delay in DELAYS_MS]
    return Stream(
        KafkaSource(process.settings, retries, _RETRY_GROUP, process.settings.session_timeout_s),
        partial(return_when_due, process.publisher),
        partial(bury, process.publisher),
        partial(lane_of, weight_of=lambda _: 1),
        StreamSettings(concurrency=_WAITING_RETRIES, revoke_grace_s=0, stop_grace_s=0),
    )


def _queues(catalog: Catalog, tier: str, zone: str | None) -> list[str]:
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


def _session() -> ClientSession:
    # no total timeout: every call brings its own; no limit: the stream bounds the concurrency
    return ClientSession(
        connector=TCPConnector(limit=0, ttl_dns_cache=60), timeout=ClientTimeout(total=None)
    )


def _heard(metrics: Metrics, transition: Transition) -> None:
    metrics.count("switchgear_breaker_transitions_total", transition.breaker, transition.after)
    logger(role="workers").warning(
        "breaker",
        breaker=transition.breaker,
        before=transition.before,
        after=transition.after,
        origin=transition.origin,
        reason=transition.reason,
    )
