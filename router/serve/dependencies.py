"""Router dependencies: what the handlers of one process share."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from observability.tracing.tracer import Tracer
from producers.contract import Request, Route
from producers.kafka.broker import Publisher
from router.decide.caller_overrides import RouteRejected
from router.decide.partition_key import PrefixShares
from router.decide.rollout_arm import ActiveRollouts
from router.decide.tenant_rates import TenantRates
from router.decide.tier_candidates import RoutingConfig
from router.decide.warm_prefixes import WarmPrefixes
from runtime.identity.record_guard import RecordGuard
from runtime.process.reply_topics import PartitionsOf
from runtime.speed.observed_speed import ObservedSpeed

_UNMEASURED: Final[Mapping[str, ObservedSpeed]] = {}


async def _none_begun(_request: Request, _submitted_ms: int) -> bool:
    return False


def _nothing_measured() -> Mapping[str, ObservedSpeed]:
    return _UNMEASURED


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterDependencies:
    """What the handlers of this process share."""

    config: Callable[[], RoutingConfig]
    """The configuration in force, asked for with every request."""

    publisher: Publisher
    tracer: Tracer
    partitions: int
    """Of each tier's topic."""

    partitions_of: PartitionsOf
    """Of a reply topic."""

    prefix_shares: PrefixShares
    warm_prefixes: WarmPrefixes
    budget_used: Callable[[str], float]
    """The share of a tenant's tightest budget that is spent. Must not block."""
    report_decision: Callable[[str, Route | RouteRejected, float], None]
    """Takes every tenant's every decision and the seconds it took: metrics. Must not raise."""
    guard: RecordGuard
    """Whose a record is."""
    rates: TenantRates
    """What each tenant has sent lately."""
    repeats: TenantRates = field(default_factory=TenantRates)
    """What passed beyond `rates` since a worker knows its ending: as much again, and no more."""
    begun: Callable[[Request, int], Awaitable[bool]] = _none_begun
    """As `BegunRequests.include`."""
    rollouts: ActiveRollouts = field(default_factory=ActiveRollouts)
    """The model swaps that are tried on a share of the traffic."""
    zone: str | None = None
    """Of the cell that this router belongs to."""
    unserved: Callable[[], Mapping[str, str]] = dict
    """By queue: why nobody would take a request from there."""
    speeds: Callable[[], Mapping[str, ObservedSpeed]] = _nothing_measured
    """How fast the workers have seen each deployment lately; the same mapping until it changes."""
