"""Composition root of a worker process: the pool and all that it is built from."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cache.composition import open_lookup
from cache.lookup import CacheLookup
from observability.grounding.groundedness import FLAGGED_SHARE
from observability.logs import logger
from observability.metrics.genai_metrics import observe_call
from observability.metrics.registry import MetricsRegistry
from observability.metrics.usage_metrics import UsageMetrics
from observability.price_lists import load_price_book
from runtime.budgets.reservations import BudgetLedger
from runtime.config.catalog import Catalog
from runtime.config.pricing import Pricing
from runtime.config.reload import ReloadedConfig
from runtime.fleet.speed_reports import FleetSpeeds
from runtime.identity.opening import record_guard, report_identity_change
from runtime.process.cell_publisher import publisher_of_cell
from runtime.process.process import ServiceProcess
from runtime.redis.connection import RedisLink, connect_redis
from runtime.redis.connection_pool import connection_pool
from runtime.redis.pipelining import PipelineLane
from workers.accounting.llm_judge import LlmJudge
from workers.calling.answer_source import AnswerSource
from workers.calling.cached_call import PromptCaching
from workers.calling.config_snapshot import ConfigSnapshot
from workers.calling.prefix_counts import SharedCounts
from workers.calling.provider_call import CallReporter, ProviderCaller
from workers.checks.validators import load_checks
from workers.delivery.cancellations import Cancellations
from workers.delivery.idempotency import IdempotencyRecords, IdempotencySettings
from workers.health.admission import DeploymentAdmission
from workers.health.breaker_registry import Transition
from workers.health.health_metrics import update_health_gauges
from workers.health.shared_state import SharedFleetState
from workers.planning.request_state import PlanRules
from workers.providers.registry import connect_providers
from workers.providers.rotation import rotation_of
from workers.request.dependencies import PoolDependencies
from workers.tokens.estimate import TokenFactors

_CONNECTIONS: Final = 32
"""So many commands at once; more wait their turn rather than open a connection each."""
_TURN_S: Final = 2.0
_SILENCE_S: Final = 30.0
"""Of a connection, by the clock. Callers give up earlier, but forgive a loop that was held up."""
_CONNECT_S: Final = 10.0
"""For a connection to a provider, with its TLS."""


async def build_pool(
    parts: AsyncExitStack,
    process: ServiceProcess,
    environment: Mapping[str, str],
    tier: str,
    unserved: Callable[[], Mapping[str, str]] = dict,
) -> PoolDependencies:
    """The pool of `tier`; closed by `parts`. environment: keys and addresses of the providers.

    unserved: by queue, why nobody would take a request from there.
    Raises ConfigError or ValueError when the configuration can't be used.
    """
    session = await parts.enter_async_context(_session())
    live = ReloadedConfig(process.settings.config, partial(_snapshot, session, environment))
    catalog = live().catalog
    redis, link = _redis(parts, process.settings.redis)
    writes = PipelineLane(redis)  # an ending and the answer that is kept leave together
    await (
        writes.open()
    )  # before the group hands out records: without a claim they may be paid twice
    lookup = await _lookup(parts, catalog, writes, session, environment)
    pricing = Pricing(load_price_book())
    admission = _admission(process, catalog, link)
    process.metrics.reserve(catalog.tenants)

    def configure(snapshot: ConfigSnapshot) -> None:
        admission.configure(snapshot.catalog)
        process.metrics.reserve(snapshot.catalog.tenants)
        report_identity_change(catalog.identity, snapshot.catalog.identity)

    follow = partial(live.watch, configure)
    for name, work in (
        ("fleet state", admission.share_with_fleet),
        ("health gauges", partial(update_health_gauges, admission, process.metrics)),
        ("configuration", follow),
    ):
        parts.enter_context(process.background.running(name, work))
    budgets = BudgetLedger(partial(datetime.now, UTC), link)
    report = partial(observe_call, process.metrics)
    caller = _caller(admission, pricing, link, report, environment.get("TIKTOKEN_CACHE_DIR"))
    cancellations = Cancellations(without_tenant=process.settings.cancel_without_tenant)
    return PoolDependencies(
        tier=tier,
        snapshot=live,
        answers=AnswerSource(caller, admission, budgets, cancellations, PlanRules(), unserved),
        price_of=pricing.price_of,
        lookup=lookup,
        idempotency=_idempotency(parts, process, writes),
        cancellations=cancellations,
        publisher=publisher_of_cell(
            process.publisher, process.settings.zone, lambda: live().catalog
        ),
        partitions_of=process.broker.partitions_of,
        tracer=process.tracer,
        zone=process.settings.zone,
        judge=LlmJudge(process.metrics, caller, budgets),
        guard=await parts.enter_async_context(
            record_guard(catalog.identity, process.signer, environment)
        ),
        reporter=UsageMetrics(process.metrics, logger(role="workers"), flagged_share=FLAGGED_SHARE),
    )


def _snapshot(
    session: ClientSession, environment: Mapping[str, str], catalog: Catalog
) -> ConfigSnapshot:
    """What requests are served by from now on; what lacks a key or an address is told once."""
    rotation = rotation_of(catalog, environment)
    if rotation.missing:
        logger(role="workers").warning("out of rotation", missing=dict(rotation.missing))
    providers = connect_providers(catalog, session, environment)
    return ConfigSnapshot(rotation.catalog, providers, load_checks(catalog.checks))


async def _lookup(
    parts: AsyncExitStack,
    catalog: Catalog,
    writes: PipelineLane,
    session: ClientSession,
    environment: Mapping[str, str],
) -> CacheLookup:
    lookup = await open_lookup(catalog.cache, writes, session=session, environment=environment)
    parts.push_async_callback(lookup.close)
    return lookup


def _caller(
    admission: DeploymentAdmission,
    pricing: Pricing,
    link: RedisLink,
    report: CallReporter,
    encodings: str | None,
) -> ProviderCaller:
    caching = PromptCaching(SharedCounts(link), pricing.rates_of)
    files = None if encodings is None else Path(encodings)
    return ProviderCaller(admission, pricing.price, caching, TokenFactors(), report, files)


def _idempotency(
    parts: AsyncExitStack, process: ServiceProcess, writes: PipelineLane
) -> IdempotencyRecords:
    unguarded = partial(process.metrics.count, "switchgear_shared_state_errors_total", "once")
    records = IdempotencyRecords(writes, IdempotencySettings(), unguarded)
    parts.push_async_callback(records.close)
    return records


def _redis(parts: AsyncExitStack, url: str) -> tuple[Redis, RedisLink]:
    """A client for what is worth a second attempt, and a link for what can go on alone."""
    # neither a connection that Redis closed when it restarted, nor a busy moment, is a lost Redis
    redis = Redis.from_pool(
        connection_pool(
            url,
            max_connections=_CONNECTIONS,
            timeout=_TURN_S,
            socket_timeout=_SILENCE_S,
            retry=Retry(NoBackoff(), 1),
        )
    )
    parts.push_async_callback(redis.aclose)
    link = RedisLink(connect_redis(url))
    parts.push_async_callback(link.redis.aclose)
    return redis, link


def _admission(process: ServiceProcess, catalog: Catalog, link: RedisLink) -> DeploymentAdmission:
    unreadable = partial(
        process.metrics.count, "switchgear_shared_state_errors_total", "unreadable news"
    )
    state = SharedFleetState(link, f"{socket.gethostname()}:{os.getpid()}", unreadable)
    now = asyncio.get_running_loop().time
    fleet = FleetSpeeds(link, without=state.worker)
    heard = partial(_heard, process.metrics)
    return DeploymentAdmission(catalog, now, heard, shared=state, fleet=fleet)


def _session() -> ClientSession:
    # no total timeout: every call brings its own, but a connection that can't be made says sooner
    # that the fault isn't the request's; no limit: the stream bounds the concurrency
    return ClientSession(
        connector=TCPConnector(limit=0, ttl_dns_cache=60),
        timeout=ClientTimeout(total=None, sock_connect=_CONNECT_S),
        # no provider's cookie comes back with another tenant's request
        cookie_jar=DummyCookieJar(),
    )


def _heard(metrics: MetricsRegistry, transition: Transition) -> None:
    metrics.count("switchgear_breaker_transitions_total", transition.breaker, transition.after)
    logger(role="workers").warning(
        "breaker",
        breaker=transition.breaker,
        before=transition.before,
        after=transition.after,
        origin=transition.origin,
        reason=transition.reason,
        tenant=transition.tenant,
    )
