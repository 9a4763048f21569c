"""Batch pool: what the parts of one batch process share."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from observability.metrics.registry import MetricsRegistry
from producers.contract import Attempt, MicroUsd, Request
from runtime.budgets.reservations import BatchCharge, BudgetLedger, Reservation
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


@dataclass(frozen=True, slots=True)
class Bought:
    """What a batch, by its key, was paid to do for one request."""

    batch: str
    attempts: tuple[Attempt, ...]


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

    async def settle_budget(self, request: Request, bought: Bought | None) -> None:
        """The batch has done with it: it cost what was bought, or nothing."""
        place = budget_place(request, self.snapshot.catalog)[1]
        batch, name = ("", "") if bought is None else (bought.batch, place)
        attempts = () if bought is None else bought.attempts
        await self._charge(request, BatchCharge(batch, name, gives_back=place), attempts)

    async def charge_aside(self, request: Request, bought: Bought) -> None:
        """Counts an answer that its request's ending doesn't tell, beside what that one costs."""
        place = budget_place(request, self.snapshot.catalog)[1]
        charge = BatchCharge(bought.batch, joined(place, "batch"))
        await self._charge(request, charge, bought.attempts)

    async def _charge(
        self, request: Request, charge: BatchCharge, attempts: Sequence[Attempt]
    ) -> None:
        catalog = self.snapshot.catalog
        tenant = catalog.tenant(request.tenant) or Tenant()
        if tenant.has_budget:
            account = catalog.account_of(request.tenant)
            tags, cost = request.routing.tags, billed(attempts)
            await self.budgets.charge(account, tenant, tags, charge, cost)

    async def forget_charges(self, tenants: Collection[str], batch: str) -> None:
        """The batch is closed: its results aren't read again."""
        catalog = self.snapshot.catalog
        sections = {name: catalog.tenant(name) for name in tenants}
        bound = [name for name, section in sections.items() if section and section.has_budget]
        for account in {catalog.account_of(name) for name in bound}:
            await self.budgets.forget_charges(account, batch)

    def waiting(self) -> int:
        """Requests in memory, by offset and size."""
        return sum(group.count for group in self.groups.values())
