"""How is the router's process put together?"""

from contextlib import AsyncExitStack
from decimal import Decimal
from functools import partial
from typing import Final

from observability.metrics import Metrics
from observability.price_lists import load_price_book
from producers import topics
from producers.messages import Route, Usage
from router import settings as policy_settings
from router.options import Basis
from router.partition_key import PrefixShares
from router.wishes import Rejected
from router.worker import Router, bury_request, route_one
from workers.catalog import Catalog
from workers.job import lane_of
from workers.kafka_source import KafkaSource
from workers.live import Live
from workers.pricing import Pricing
from workers.service_process import background, service_process
from workers.settings import ServiceSettings
from workers.stream import Stream, StreamSettings

_GROUP: Final = "switchgear-router"
_CONCURRENCY: Final = 512
"""A record waits for Kafka's acknowledgement most of its time here, so many may be under way."""


async def serve(settings: ServiceSettings) -> None:
    """Routes until SIGTERM. Raises ConfigError or ValueError when it can't begin."""
    async with AsyncExitStack() as parts:
        process = await parts.enter_async_context(service_process(settings, "switchgear-router"))
        pricing = Pricing(load_price_book())
        live = Live(settings.config, lambda catalog: basis_of(catalog, pricing))
        parts.enter_context(background(live.follow(lambda _: None)))
        router = Router(
            basis=live,
            publisher=process.publisher,
            tracer=process.tracer,
            partitions=settings.partitions,
            shares=PrefixShares(),
            routed=partial(_count, process.metrics),
        )
        await Stream(
            KafkaSource(settings, [topics.REQUESTS], _GROUP, settings.session_timeout_s),
            partial(route_one, router),
            partial(bury_request, router),
            partial(lane_of, weight_of=lambda _: 1),
            StreamSettings(concurrency=_CONCURRENCY),
        ).run(process.stop)


def basis_of(catalog: Catalog, pricing: Pricing) -> Basis:
    """What decisions rest on. Raises ValueError when the policy section is wrong."""

    def price_of(deployment: str, usage: Usage) -> Decimal | None:
        return pricing.price_of(catalog.deployments[deployment], usage)

    return Basis(catalog, policy_settings.parse(catalog.policy, catalog), price_of)


def _count(metrics: Metrics, tenant: str, decision: Route | Rejected) -> None:
    if isinstance(decision, Rejected):
        metrics.count("switchgear_rejected_total", tenant, decision.code)
    else:
        metrics.count("switchgear_routed_total", decision.tier, "policy")
