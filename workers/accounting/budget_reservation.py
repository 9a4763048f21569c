"""How is a request held to its tenant's budgets?"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

from producers.messages import Attempt
from runtime.config.catalog import Tenant

from .budget_state import Budgets, Reservation
from .job import Job
from .saved import billed
from .situation import Spent


@asynccontextmanager
async def allowance(
    budgets: Budgets, job: Job, tenant: Tenant, estimate: Decimal | None, made: Sequence[Attempt]
) -> AsyncIterator[Reservation | Spent]:
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
