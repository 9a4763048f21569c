"""Budget reservation: a tenant's money, held while its request is served and settled at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from producers.contract import Request
from runtime.budgets.reservations import BudgetLedger, Reservation
from runtime.budgets.standing import Exhausted
from runtime.config.catalog import STRANGERS, Catalog, Tenant
from runtime.config.pricing import billed
from runtime.redis.key_names import joined
from workers.calling.attempt_log import AttemptLog
from workers.delivery.work_item import WorkItem


def budget_place(request: Request, catalog: Catalog) -> tuple[str, str]:
    """Whose budget it is, and the name of the request's reservation there."""
    account = catalog.account_of(request.tenant)
    # those who share a budget may give their requests one id
    return account, joined(request.tenant, request.id) if account == STRANGERS else request.id


@asynccontextmanager
async def budget_reservation(
    budgets: BudgetLedger,
    item: WorkItem,
    catalog: Catalog,
    estimate: Decimal | None,
    log: AttemptLog,
) -> AsyncIterator[Reservation | Exhausted]:
    """Reserves `estimate` micro-dollars before money is spent, and settles with what was.

    log: opened for this reservation, so that what it holds at the end is what was spent, also when
    the context is left by a cancellation or an error.
    """
    request = item.request
    account, place = budget_place(request, catalog)
    tenant, tags = catalog.tenant(request.tenant) or Tenant(), request.routing.tags
    held = await budgets.reserve(account, tenant, tags, place, estimate)
    try:
        yield held
    finally:
        if isinstance(held, Reservation):
            await budgets.settle_reservation(held, billed(log.made))
