"""Budget usage by tenant, polled: how much of each budget is spent or reserved?

Looked up every second for the tenants seen lately, never on a request's way: budgets run out
over minutes, and whoever spends more than a budget is stopped by the worker's reservation.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from observability.metrics.registry import MetricsRegistry
from runtime.budgets.reservations import BudgetLedger
from runtime.config.catalog import Catalog, Tenant
from runtime.redis.connection import RedisLink

_EVERY_S: Final = 1.0
_REMEMBERED: Final = 1_000


class BudgetUsage:
    """The shares, by tenant."""

    def __init__(
        self,
        budgets: BudgetLedger,
        link: RedisLink,
        catalog: Callable[[], Catalog],
        metrics: MetricsRegistry,
    ) -> None:
        self._budgets = budgets
        self._metrics = metrics
        self._link = link
        self._catalog = catalog
        self._used: OrderedDict[str, float] = OrderedDict()

    def used_share(self, tenant: str) -> float:
        """The share (0..) of the tenant's tightest budget that is spent or reserved."""
        account = self._catalog().account_of(tenant)
        self._used.setdefault(account, 0.0)
        self._used.move_to_end(account)
        if len(self._used) > _REMEMBERED:
            self._used.popitem(last=False)
        return self._used[account]

    async def poll(self) -> None:
        """Keeps the shares up to date until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            if await self._link.ping():
                await self._look()

    async def _look(self) -> None:
        catalog = self._catalog()
        for name in list(self._used):
            shares = await self._budgets.used(name, catalog.tenant(name) or Tenant())
            if shares is None or name not in self._used:
                continue
            self._used[name] = max(shares.values(), default=0.0)
            for period, share in shares.items():
                self._metrics.set("switchgear_budget_used_ratio", name, period, to=share)
