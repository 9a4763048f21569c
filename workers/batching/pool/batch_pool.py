"""Batch pool: what the parts of one batch process share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from observability.metrics.registry import MetricsRegistry
from producers.contract import Attempt, MicroUsd, Request
from runtime.budgets.reservations import BudgetLedger, Reservation
from runtime.budgets.standing import Exhausted
from runtime.config.catalog import Tenant
from runtime.config.pricing import billed
from runtime.redis.key_names import joined
from workers.batching.gathering.turn_back import TurnBackRules
from workers.batching.gathering.waiting import WaitingRequests
from workers.batching.pool.batch_log import BatchLog
from workers.batching.pool.item_guard import ItemGuard
from workers.batching.providers.adapter import BatchAdapter
from workers.batching.state.batch_table import BatchTable
from workers.batching.state.next_deed import BatchRules
from workers.calling.budget_reservation import budget_place
from workers.calling.config_snapshot import ConfigSnapshot
from workers.request.dependencies import PoolDependencies

Adapters = Callable[[str], BatchAdapter | None]


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What one batch may hold together."""

    queue: str
    deployment: str
    headers: tuple[tuple[str, str], ...]
    """Of the creation."""
    deadline_class: int
    """Of `deadline_class`; -1: there is none. One batch has similar ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPool:
    """One batch process."""

    requests: PoolDependencies
    table: BatchTable
    log: BatchLog
    guard: ItemGuard
    adapters: Adapters
    """By deployment; None: its provider has no batch interface that we speak."""
    budgets: BudgetLedger
    """With leases as long as a batch takes."""
    metrics: MetricsRegistry
    unserved: Callable[[], Mapping[str, str]] = dict
    """By queue: why nobody would take a request from there."""
    groups: dict[GroupKey, WaitingRequests] = field(default_factory=dict)
    """What waits in this process."""
    refusals: dict[str, int] = field(default_factory=dict)
    """By deployment, the batches that were refused since one was taken."""

    @property
    def snapshot(self) -> ConfigSnapshot:
        """The configuration in force."""
        return self.requests.snapshot()

    def rules(self, deployment: str) -> BatchRules:
        """The pace of the deployment's batches."""
        catalog = self.snapshot.catalog
        pace, entry = catalog.batches, catalog.deployments.get(deployment)
        window_h = 24 if entry is None or entry.batch is None else entry.batch.window_h
        return BatchRules(
            TurnBackRules(pace.margin_s, pace.tier_tokens_per_min, pace.cancel_s),
            window_s=window_h * 3600.0,
            look_after_s=pace.look_after_s,
            poll_s=pace.poll_s,
            slow_poll_s=5 * pace.poll_s,
        )

    async def reserve_budget(
        self, request: Request, estimate: MicroUsd | None
    ) -> Reservation | Exhausted:
        """A place in its tenant's budgets; asked again it is the same, however long ago it was."""
        catalog = self.snapshot.catalog
        account, place = budget_place(request, catalog)
        tenant, tags = catalog.tenant(request.tenant) or Tenant(), request.routing.tags
        return await self.budgets.reserve(account, tenant, tags, place, estimate)

    async def settle_budget(
        self, request: Request, attempts: Sequence[Attempt], *, redelivered: bool = False
    ) -> None:
        """The batch has done with it, and cost what these attempts were billed; none: nothing.

        redelivered: it had its end before, and whoever recorded that may have died before this.
        """
        catalog = self.snapshot.catalog
        tenant = catalog.tenant(request.tenant) or Tenant()
        if not tenant.has_budget:
            return
        if redelivered and not await self.budgets.is_open(*budget_place(request, catalog)):
            return  # to reserve what is settled would count it twice
        account, place = budget_place(request, catalog)
        tags = request.routing.tags
        await self.budgets.charge(account, tenant, tags, place, billed(attempts))

    async def charge_aside(self, request: Request, attempt: Attempt) -> None:
        """Counts an answer that its request's ending doesn't tell, beside what that one costs.

        Results that are read twice, since their reader died, count it twice.
        """
        catalog = self.snapshot.catalog
        tenant = catalog.tenant(request.tenant) or Tenant()
        if not tenant.has_budget:
            return
        account, place = budget_place(request, catalog)
        aside, tags = joined(place, "batch"), request.routing.tags
        await self.budgets.charge(account, tenant, tags, aside, billed((attempt,)))

    def waiting(self) -> int:
        """Requests in memory, by offset and size."""
        return sum(group.count for group in self.groups.values())
