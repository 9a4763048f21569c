"""How is the router's process put together?"""

import logging
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Final

from pydantic import ValidationError

from observability.metrics import Metrics
from observability.price_lists import load_price_book
from producers import topics
from producers.broker import Record
from producers.feedback import Feedback
from producers.messages import Route, Usage
from router import settings as policy_settings
from router.options import Basis
from router.outcomes import Outcomes
from router.partition_key import PrefixShares
from router.pressure import Pressure
from router.wishes import Rejected
from router.worker import Router, bury_request, route_one
from runtime.config.catalog import Catalog
from runtime.process.settings import ServiceSettings
from workers.budget_state import Budgets
from workers.gauges import Member, show
from workers.job import lane_of
from workers.kafka_source import KafkaSource
from workers.live import Live
from workers.pricing import Pricing
from workers.redis_link import Link
from workers.redis_link import connect as connect_redis
from workers.service_process import Process, background, service_process
from workers.stream import Stream, StreamSettings

_log: Final = logging.getLogger(__name__)
_GROUP: Final = "switchgear-router"
_LEARNS_FROM_S: Final = 30 * 86_400.0
"""The feedback that a router reads when it starts: all that the topic keeps."""

_CONCURRENCY: Final = 512
"""A record waits for Kafka's acknowledgement most of its time here, so many may be under way."""


async def serve(settings: ServiceSettings) -> None:
    """Routes until SIGTERM. Raises ConfigError or ValueError when it can't begin."""
    async with AsyncExitStack() as parts:
        process = await parts.enter_async_context(service_process(settings, "switchgear-router"))
        pricing, outcomes = Pricing(load_price_book()), Outcomes()
        live = Live(settings.config, lambda catalog: basis_of(catalog, pricing, outcomes))
        parts.enter_context(background(live.follow(lambda _: None)))
        pressure = _pressure(parts, process, live)
        learn = partial(_learn, outcomes, live)
        await parts.enter_async_context(
            process.broker.tail(topics.FEEDBACK, learn, since_s=_LEARNS_FROM_S)
        )
        router = Router(
            basis=live,
            publisher=process.publisher,
            tracer=process.tracer,
            partitions=settings.partitions,
            shares=PrefixShares(),
            budget_used=pressure.used,
            routed=partial(_count, process.metrics),
        )
        source = KafkaSource(settings, [topics.REQUESTS], _GROUP, settings.session_timeout_s)
        stream = _stream(source, router)
        with background(show(process.metrics, [Member(stream, source)], "router")):
            await stream.run(process.stop)


def _pressure(parts: AsyncExitStack, process: Process, live: Live[Basis]) -> Pressure:
    link = Link(connect_redis(process.settings.redis))
    parts.push_async_callback(link.redis.aclose)
    budgets = Budgets(partial(datetime.now, UTC), link)
    pressure = Pressure(budgets, link, lambda: live().catalog, process.metrics)
    parts.enter_context(background(pressure.follow()))
    return pressure


def _stream(source: KafkaSource, router: Router) -> Stream:
    return Stream(
        source,
        partial(route_one, router),
        partial(bury_request, router),
        partial(lane_of, weight_of=lambda _: 1),
        StreamSettings(concurrency=_CONCURRENCY),
    )


def basis_of(catalog: Catalog, pricing: Pricing, outcomes: Outcomes | None = None) -> Basis:
    """What decisions rest on. Raises ValueError when the policy section is wrong."""

    def price_of(deployment: str, usage: Usage) -> Decimal | None:
        return pricing.price_of(catalog.deployments[deployment], usage)

    settings = policy_settings.parse(catalog.policy, catalog)
    if outcomes is None:
        return Basis(catalog, settings, price_of)
    return Basis(catalog, settings, price_of, outcomes.learned(settings.learning))


def _learn(outcomes: Outcomes, live: Live[Basis], record: Record) -> None:
    """Every router hears all feedback: their estimates stay alike without a store."""
    try:
        feedback = Feedback.model_validate_json(record.value)
    except ValidationError as error:
        _log.warning("skipped a feedback that can't be read: %s problems", error.error_count())
        return
    outcomes.take(feedback, live().settings.learning)


def _count(metrics: Metrics, tenant: str, decision: Route | Rejected, took_s: float) -> None:
    metrics.observe("switchgear_route_seconds", value=took_s)
    if isinstance(decision, Rejected):
        metrics.count("switchgear_rejected_total", tenant, decision.code)
    else:
        metrics.count("switchgear_routed_total", decision.tier)
