"""Router process: its parts, put together and run until SIGTERM."""

import math
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Final

from observability.evaluation.rollout.rollout_record import RolloutRecord
from observability.metrics.registry import MetricsRegistry
from observability.price_lists import load_price_book
from producers.contract import Route, Usage, topics
from producers.contract.feedback import Feedback
from producers.kafka.broker import Record
from router.decide.caller_overrides import RouteRejected
from router.decide.partition_key import PrefixShares
from router.decide.rollout_arm import ActiveRollouts
from router.decide.success_model import SuccessModel
from router.decide.tenant_rates import TenantRates
from router.decide.tier_candidates import RoutingConfig
from router.decide.warm_prefixes import WarmPrefixes
from router.learn.estimate import prior_only
from router.learn.outcome_store import OutcomeStore
from router.serve.begun_requests import BegunRequests
from router.serve.budget_usage import BudgetUsage
from router.serve.dependencies import RouterDependencies
from router.serve.handler import bury_request, route_record
from router.serve.model_file import default_model
from router.text.languages import SCRIPT_CLASSES, ScriptClass
from runtime.budgets.reservations import BudgetLedger
from runtime.config.catalog import Catalog
from runtime.config.pricing import Pricing
from runtime.config.reload import ReloadedConfig
from runtime.consuming.consumer_metrics import Member, unread_queue, update_consumer_gauges
from runtime.consuming.headers import LaneRules
from runtime.consuming.kafka_source import KafkaSource
from runtime.consuming.stream import ConsumerStream, StreamSettings
from runtime.fleet.pool_watch import PoolWatch, looks_at_queues
from runtime.fleet.speed_reports import FleetSpeeds
from runtime.identity.opening import record_guard, report_identity_change
from runtime.identity.record_guard import ForbiddenError, RecordGuard
from runtime.known.tables import known_tables
from runtime.process.cell_publisher import publisher_of_cell
from runtime.process.control_topics import ControlTopics
from runtime.process.process import ServiceProcess, service_process
from runtime.process.settings import ServiceSettings
from runtime.redis.connection import RedisLink, connect_redis

_GROUP: Final = "switchgear-router"
ROUTER_TOPICS: Final = (topics.REQUESTS, topics.FEEDBACK, topics.ROLLOUTS, topics.DEAD_LETTERS)
"""What it can't begin without. A request whose queue or reply topic isn't there is refused."""
_LEARNS_FROM_S: Final = 30 * 86_400.0
"""The feedback that a router reads when it starts: all that the topic keeps."""

_ALL_S: Final = math.inf
"""Seconds back: all that a compacted topic holds."""

_OF_PEOPLE: Final = frozenset({"user", "escalation"})
"""Who rates an answer from outside the engine."""

_CONCURRENCY: Final = 512
"""A record waits for Kafka's acknowledgement most of its time here, so many may be under way."""


async def serve_router(settings: ServiceSettings, environment: Mapping[str, str]) -> None:
    """Routes until SIGTERM. environment: shared token keys.

    Raises ConfigError, ValueError or OSError when it can't begin.
    """
    async with AsyncExitStack() as parts:
        process = await parts.enter_async_context(service_process(settings, "switchgear-router"))
        if not await process.topics_exist(*ROUTER_TOPICS):
            return
        pricing, model, outcomes = Pricing(load_price_book()), default_model(), OutcomeStore()
        live = ReloadedConfig(
            settings.config, lambda catalog: routing_config(catalog, pricing, model, outcomes)
        )
        process.metrics.reserve(live().catalog.tenants)
        identity = live().catalog.identity
        pools = PoolWatch(lambda: live().catalog)

        def changed(now: RoutingConfig) -> None:
            pools.reconfigured()
            process.metrics.reserve(now.catalog.tenants)
            report_identity_change(identity, now.catalog.identity)

        watch = partial(live.watch, changed)
        parts.enter_context(process.background.running("configuration", watch))
        guard = await parts.enter_async_context(record_guard(identity, process.signer, environment))
        budget_usage, speeds, begun = _read_from_redis(parts, process, live)
        rollouts = ActiveRollouts()
        declare_router_control(
            process.control,
            lambda feedback: outcomes.record_feedback(feedback, live().settings.learning),
            guard,
            rollouts.take,
        )
        await parts.enter_async_context(process.control)
        look = await parts.enter_async_context(looks_at_queues(settings, "switchgear-router"))
        await pools.begin(look)
        parts.enter_context(process.background.running("pool watch", partial(pools.run, look)))
        router = RouterDependencies(
            config=live,
            publisher=publisher_of_cell(process.publisher, settings.zone, lambda: live().catalog),
            tracer=process.tracer,
            partitions=settings.partitions,
            partitions_of=process.broker.partitions_of,
            prefix_shares=PrefixShares(),
            warm_prefixes=WarmPrefixes(),
            budget_used=budget_usage.used_share,
            report_decision=partial(count_decision, process.metrics),
            guard=guard,
            zone=settings.zone,
            unserved=lambda: pools.unserved,
            rates=TenantRates(),
            begun=begun.include,
            rollouts=rollouts,
            speeds=lambda: speeds.observed,
        )
        source = KafkaSource(
            settings, [topics.REQUESTS], _GROUP, settings.session_timeout_s, by_tenant=True
        )
        stream = _stream(source, router, settings.backlog_mb)
        members = [Member(stream, source)]
        gauges = partial(update_consumer_gauges, process.metrics, members, "router")
        process.health.add(partial(unread_queue, members))
        process.health.started()
        with process.background.running("consumer gauges", gauges):
            await stream.run(process.stop)


def _read_from_redis(
    parts: AsyncExitStack, process: ServiceProcess, live: ReloadedConfig[RoutingConfig]
) -> tuple[BudgetUsage, FleetSpeeds, BegunRequests]:
    """What is read there, over one connection: every second or two, and before a refusal."""
    link = RedisLink(connect_redis(process.settings.redis))
    parts.push_async_callback(link.redis.aclose)
    budgets = BudgetLedger(partial(datetime.now, UTC), link)
    usage = BudgetUsage(budgets, link, lambda: live().catalog, process.metrics)
    speeds = FleetSpeeds(link)
    parts.enter_context(process.background.running("budget usage", usage.poll))
    parts.enter_context(process.background.running("fleet speeds", speeds.poll))
    return usage, speeds, BegunRequests(link)


def _stream(source: KafkaSource, router: RouterDependencies, backlog_mb: int) -> ConsumerStream:
    return ConsumerStream(
        source,
        partial(route_record, router),
        partial(bury_request, router),
        LaneRules(lambda: router.config().catalog, router.guard.lane_tenant).lane,
        StreamSettings(concurrency=_CONCURRENCY, backlog_bytes=backlog_mb << 20),
    )


def routing_config(
    catalog: Catalog, pricing: Pricing, model: SuccessModel, outcomes: OutcomeStore | None = None
) -> RoutingConfig:
    """What decisions rest on."""

    def price_of(deployment: str, usage: Usage) -> Decimal | None:
        return pricing.marginal_price_of(catalog.deployments[deployment], usage)

    def batch_price_of(deployment: str, usage: Usage) -> Decimal | None:
        return pricing.price_of(catalog.deployments[deployment], usage, "batch")

    settings = catalog.policy
    learned = prior_only if outcomes is None else outcomes.posterior_with(settings.learning)
    sizes = family_sizes()
    return RoutingConfig(
        catalog, settings, price_of, model, learned, batch_price_of, bytes_per_token=sizes
    )


def family_sizes() -> dict[str, Mapping[ScriptClass, float]]:
    """Bytes per token by family of models and kind of text, as far as they are known."""
    return {
        family: {kind: getattr(size, kind) for kind in SCRIPT_CLASSES}
        for family, size in known_tables().bytes_per_token.items()
    }


def declare_router_control(
    control: ControlTopics,
    learn: Callable[[Feedback], None],
    guard: RecordGuard,
    take_rollout: Callable[[RolloutRecord], None],
) -> None:
    """Every router reads all feedback: their estimates stay alike without a shared store."""
    admit = partial(admit_feedback, guard) if guard.strict else None
    control.subscribe(topics.FEEDBACK, Feedback, learn, since_s=_LEARNS_FROM_S, admit=admit)
    control.subscribe(topics.ROLLOUTS, RolloutRecord, take_rollout, since_s=_ALL_S)


async def admit_feedback(guard: RecordGuard, record: Record, feedback: Feedback) -> None:
    """A tenant speaks for itself, as people do; a check's word is a worker's.

    Raises ForbiddenError.
    """
    sender = await guard.require(record, topics.FEEDBACK, feedback.tenant)
    if sender is not None and not sender.ours and feedback.source not in _OF_PEOPLE:
        raise ForbiddenError("only workers say what a check has found")


def count_decision(
    metrics: MetricsRegistry, tenant: str, decision: Route | RouteRejected, took_s: float
) -> None:
    """A decision, and the seconds it took."""
    metrics.observe("switchgear_route_seconds", value=took_s)
    if isinstance(decision, RouteRejected):
        metrics.count("switchgear_rejected_total", tenant, decision.code)
    else:
        metrics.count("switchgear_routed_total", decision.tier)
