"""Batch choice: may a request wait for a provider's batch, and is the batch cheaper?

A batch halves the price, and takes up to its window. A call with a warm prefix can still be
cheaper: with a share f of the input read from the cache at r of its price, and an answer that costs
o of the input, it is from f > (0.5 + 0.5 o) / (1 - r), about 61 % on Claude for a short answer. So
both are priced.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from observability.pricing.money import usd
from producers.contract import Request, Route, Usage
from router.decide.demands import binds_zone
from router.decide.tier_candidates import PriceByName, RoutingConfig
from runtime.config.eligibility import batch_deployments, batch_zone
from runtime.config.sections.policy import WaitingSettings

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class WaitForBatch:
    """It goes to the batch queue. zone: the only one whose batches may take it; None: any."""

    zone: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class CallAtOnce:
    """It goes to its tier. reason: why, where it could have waited; empty otherwise."""

    reason: str = ""


BatchChoice: TypeAlias = WaitForBatch | CallAtOnce


def batch_choice(
    request: Request,
    route: Route,
    config: RoutingConfig,
    *,
    deadline_s: float | None,
    warm_tokens: int = 0,
) -> BatchChoice:
    """Whether the routed request waits for a batch.

    deadline_s: seconds left, None = it has none. warm_tokens: of the prompt, those that the
    provider's prompt cache is likely to hold now.
    """
    tenant = config.catalog.tenant(request.tenant)
    if tenant is None or not tenant.batches or not _in_shape(request, deadline_s):
        return CallAtOnce()
    prices = config.batch_price_of
    usage = Usage(input_uncached=route.demands.prompt_tokens, output=route.demands.output_tokens)
    offers = list(batch_deployments(config.catalog, route.tier, route.demands))
    if not offers:
        return CallAtOnce()
    best = _cheapest(offers, prices, usage)
    if best is None:
        return CallAtOnce("could wait, but no batch of the tier has a known price")
    name, batched = best
    offer = config.catalog.deployments[name]
    window_s = (offer.batch.window_h if offer.batch is not None else 0) * _HOUR_S
    if not _may_wait(request, config.settings.waiting, deadline_s, window_s):
        return CallAtOnce()
    return _cheaper(route, config, usage, (batched, batch_zone(offer)), warm_tokens)


def _cheaper(
    route: Route,
    config: RoutingConfig,
    usage: Usage,
    batch: tuple[Decimal, str],
    warm_tokens: int,
) -> BatchChoice:
    batched, zone = batch
    warm = min(warm_tokens, usage.input_uncached)
    cached = usage.model_copy(
        update={"input_uncached": usage.input_uncached - warm, "cache_read": warm}
    )
    fitting = config.eligible.names(route.tier, route.demands)
    direct = _cheapest(fitting, config.price_of, cached)
    if direct is not None and direct[1] <= batched:
        why = f"a warm prefix of {warm / max(1, usage.input_total):.0%} " if warm else ""
        words = f"{why}at once costs {usd(direct[1])}, in a cold batch {usd(batched)}"
        return CallAtOnce(f"could wait, but {words}")
    instead = "" if direct is None else f" instead of {usd(direct[1])} at once"
    bound = zone if binds_zone(route.demands) else None
    return WaitForBatch(bound, f"may wait: {usd(batched)} in a batch{instead}")


def _in_shape(request: Request, deadline_s: float | None) -> bool:
    """Batches know neither streams nor turns, and what the cache alone may answer needs no call.

    What has no deadline waits only where the caller says that it may.
    """
    routing = request.routing
    if deadline_s is None and routing.latency != "batch":
        return False
    streamed = request.body.stream or routing.ordered
    return not streamed and routing.cache.mode != "only-if-cached"


def _may_wait(
    request: Request, waiting: WaitingSettings, deadline_s: float | None, window_s: float
) -> bool:
    patient = request.routing.latency == "batch"
    if deadline_s is None:
        return patient
    margin_s = waiting.margin_h * _HOUR_S
    if deadline_s >= window_s + margin_s or (patient and deadline_s >= window_s - margin_s):
        return True
    return patient and waiting.short_deadlines and deadline_s >= waiting.shortest_h * _HOUR_S


def _cheapest(names: list[str], price_of: PriceByName, usage: Usage) -> tuple[str, Decimal] | None:
    priced = ((name, price_of(name, usage)) for name in names)
    known = [(name, price) for name, price in priced if price is not None]
    return min(known, key=lambda pair: pair[1], default=None)
