"""What is the pool of a worker process built from?"""

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, ClientTimeout, TCPConnector
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cache.lookup import Lookup
from cache.opening import open_lookup
from cache.round_trips import RoundTrips
from cache.settings import CacheSettings
from observability.logs import logger
from observability.metrics import Metrics
from observability.outcome import Outcomes
from observability.price_lists import load_price_book
from runtime.config.catalog import Catalog

from .breakers import Transition
from .budget_state import Budgets
from .calling import Means
from .cancellations import Cancellations
from .fleet import Fleet
from .fleet_gauges import keep_gauges
from .fleet_state import FleetState
from .live import Live
from .once import Once, OnceSettings
from .parts import Pool
from .prefix_counts import SharedCounts
from .pricing import Pricing
from .prompt_caching import PromptCaching
from .providers import connect
from .redis_link import Link
from .redis_link import connect as connect_redis
from .second_opinion import SecondOpinion
from .service_process import Process, background
from .situation import PlanRules
from .tokens import TokenFactors
from .validators import named_checks
from .world import World

_CONNECTIONS: Final = 32
"""So many commands at once; more wait their turn rather than open a connection each."""
_TURN_S: Final = 2.0


async def build_pool(
    parts: AsyncExitStack, process: Process, environment: Mapping[str, str], tier: str
) -> Pool:
    """The pool of `tier`; closed by `parts`. environment: keys and addresses of the providers.

    Raises ConfigError or ValueError when the configuration can't be used.
    """
    session = await parts.enter_async_context(_session())
    live = Live(
        process.settings.config,
        lambda c: World(c, connect(c, session, environment), named_checks(c.checks)),
    )
    catalog = live().catalog
    redis, link = _redis(parts, process.settings.redis)
    lookup = await _lookup(parts, catalog, redis, session, environment)
    pricing = Pricing(load_price_book())
    fleet = _fleet(process, catalog, link)
    follow = live.follow(lambda world: fleet.configure(world.catalog))
    for work in (fleet.run(), keep_gauges(fleet, process.metrics), follow):
        parts.enter_context(background(work))
    budgets = Budgets(partial(datetime.now, UTC), link)
    means = _means(fleet, pricing, link, environment.get("TIKTOKEN_CACHE_DIR"))
    return Pool(
        tier=tier,
        world=live,
        means=means,
        budgets=budgets,
        lookup=lookup,
        once=_once(process, redis),
        cancellations=Cancellations(),
        publisher=process.publisher,
        tracer=process.tracer,
        rules=PlanRules(),
        opinion=SecondOpinion(process.metrics, means, budgets),
        reporter=Outcomes(process.metrics, logger(role="workers")),
    )


async def _lookup(
    parts: AsyncExitStack,
    catalog: Catalog,
    redis: Redis,
    session: ClientSession,
    environment: Mapping[str, str],
) -> Lookup:
    settings = CacheSettings.model_validate(catalog.cache)
    lookup = await open_lookup(settings, redis, session=session, environment=environment)
    parts.push_async_callback(lookup.close)
    return lookup


def _means(fleet: Fleet, pricing: Pricing, link: Link, encodings: str | None) -> Means:
    caching = PromptCaching(SharedCounts(link), pricing.rates_of)
    files = None if encodings is None else Path(encodings)
    return Means(fleet, pricing.price, caching, TokenFactors(), files)


def _once(process: Process, redis: Redis) -> Once:
    unguarded = partial(process.metrics.count, "switchgear_shared_state_errors_total", "once")
    return Once(RoundTrips(redis), OnceSettings(), unguarded)


def _redis(parts: AsyncExitStack, url: str) -> tuple[Redis, Link]:
    """A client for what is worth a second attempt, and a link for what can go on alone."""
    # neither a connection that Redis closed when it restarted, nor a busy moment, is a lost Redis
    redis = Redis.from_pool(
        BlockingConnectionPool.from_url(
            url, max_connections=_CONNECTIONS, timeout=_TURN_S, retry=Retry(NoBackoff(), 1)
        )
    )
    parts.push_async_callback(redis.aclose)
    link = Link(connect_redis(url))
    parts.push_async_callback(link.redis.aclose)
    return redis, link


def _fleet(process: Process, catalog: Catalog, link: Link) -> Fleet:
    state = FleetState(link, f"{socket.gethostname()}:{os.getpid()}")
    now = asyncio.get_running_loop().time
    return Fleet(catalog, now, partial(_heard, process.metrics), state=state)


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
