"""How is a request held to its tenant's budgets?"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

from producers.contract import Attempt
from runtime.budgets.reservations import BudgetLedger, Reservation
from runtime.budgets.standing import Exhausted
from runtime.config.catalog import Tenant
from runtime.config.pricing import billed
from workers.delivery.work_item import WorkItem


@asynccontextmanager
async def budget_reservation(
    budgets: BudgetLedger,
    job: WorkItem,
    tenant: Tenant,
    estimate: Decimal | None,
    made: Sequence[Attempt],
) -> AsyncIterator[Reservation | Exhausted]:
    """Reserves `estimate` micro-dollars before money is spent, and settles with what was.

    made: the attempts; those added while the context is open are this reservation's.
    """
    request, before = job.request, len(made)
    held = await budgets.reserve(request.tenant, tenant, request.routing.tags, request.id, estimate)
    try:
        yield held
    finally:
        if isinstance(held, Reservation):
            await budgets.settle(held, billed(made[before:]))
