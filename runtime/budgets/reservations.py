"""Budget reservations in Redis. Has the tenant money left, however many ask at once?

The estimate is reserved before the first call and settled with the real cost. Redis keeps the
counters, and does both atomically; a reservation that is never settled is given back when its lease
ends. While Redis is away each worker counts on from the last count it saw, and tells what was spent
when Redis is back.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from runtime.budgets.budgets import (
    BudgetLimit,
    BudgetPeriod,
    budget_limits,
    budget_status,
    countable,
    refusal_message,
)
from runtime.budgets.standing import BudgetStatus, Exhausted, WithinBudget
from runtime.config.catalog import Tenant
from runtime.redis.connection import RedisLink
from runtime.redis.key_names import named
from runtime.redis.lua_files import lua

_LEASE_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a request may spend: to be settled once."""

    tenant: str
    request: str
    limits: tuple[BudgetLimit, ...]
    amount: int
    """Micro-dollars."""

    status: BudgetStatus
    """Within its budgets, or over a soft one."""

    alone: bool = False
    """Whether only this worker has counted it, because Redis was away."""


@dataclass(frozen=True, slots=True)
class BatchCharge:
    """What a batch has spent for one request: counted once, whoever reads its results again."""

    batch: str
    name: str
    """Among those of the batch; empty: whatever is counted is counted each time."""
    gives_back: str = ""
    """The reservation that ends with it; empty: none."""


class BudgetLedger:
    """The budgets of all tenants. today: the time in UTC; link: None = this process alone."""

    def __init__(
        self, today: Callable[[], datetime], link: RedisLink | None, lease_s: int = _LEASE_S
    ) -> None:
        """lease_s: after that a reservation is given back by itself."""
        self._lease_s = lease_s
        self._today = today
        self._link = link
        self._counts: dict[tuple[str, str], int] = {}
        self._owed: list[tuple[Reservation, int]] = []
        self._alone: Counter[tuple[str, BudgetLimit]] = Counter()
        self._charges: set[BatchCharge] = set()
        """Of this process alone."""
        if link is not None:
            self._reserve = link.trips.script(lua("runtime.budgets", "held", "reserve"))
            self._settle = link.trips.script(lua("runtime.budgets", "held", "settle"))
            self._charge = link.trips.script(lua("runtime.budgets", "held", "charge"))

    async def reserve(
        self,
        name: str,
        tenant: Tenant,
        tags: Mapping[str, str],
        request: str,
        estimate: Decimal | None,
    ) -> Reservation | Exhausted:
        """Reserve `estimate` micro-dollars for request `request`; asked again, the same place."""
        bound = budget_limits(name, tenant, tags, self._today())
        return await self._reserve_in(name, bound, request, countable(estimate))

    async def charge(
        self,
        name: str,
        tenant: Tenant,
        tags: Mapping[str, str],
        charge: BatchCharge,
        cost: Decimal | None,
    ) -> None:
        """Counts micro-dollars that a batch has spent, whether or not there is room for them.

        Asked again for the same charge, it changes nothing, but where Redis was away once.
        """
        bound, spent = budget_limits(name, tenant, tags, self._today()), countable(cost)
        if not bound or await self._charged(name, bound, charge, spent):
            return
        if self._link is None and charge in self._charges:
            return
        self._charges.add(charge)
        self._count_alone(
            Reservation(name, charge.name, bound, 0, WithinBudget(), alone=True), spent
        )

    async def forget_charges(self, name: str, batch: str) -> None:
        """The batch is over: nobody asks for its charges again."""
        self._charges = {charge for charge in self._charges if charge.batch != batch}
        link, key = self._link, _charges_key(name, batch)
        if link is not None:
            await link.run(lambda: link.trips.ask("DEL", key))

    async def _reserve_in(
        self, name: str, bound: tuple[BudgetLimit, ...], request: str, amount: int
    ) -> Reservation | Exhausted:
        if not bound:
            return Reservation(name, request, (), amount, WithinBudget())
        answer = await self._reserved(name, bound, request, amount)
        if answer is None:
            return self._reserve_alone(name, bound, request, amount)
        refusing, counts = answer[0], answer[1:]
        self._remember(name, bound, counts)
        if refusing:
            return refusal_message(bound[refusing - 1], counts[refusing - 1], amount)
        before = [count - amount for count in counts]
        return Reservation(name, request, bound, amount, budget_status(bound, before, amount))

    async def used(self, name: str, tenant: Tenant) -> Mapping[BudgetPeriod, float] | None:
        """The shares of the tenant's own budgets that are used; None when Redis is away."""
        bound, link = budget_limits(name, tenant, {}, self._today()), self._link
        if not bound or link is None:
            return {}
        counters = _keys(name, bound)[2:]
        counts = await link.run(lambda: link.redis.mget(counters))
        if counts is None:
            return None
        pairs = zip(bound, counts, strict=True)
        return {cap.period: int(count or 0) / cap.limit for cap, count in pairs}

    async def settle_reservation(self, reservation: Reservation, cost: Decimal | None) -> None:
        """The request is over and cost `cost` micro-dollars; settling twice changes nothing."""
        spent = countable(cost)
        if not reservation.limits:
            return
        if reservation.alone:
            self._count_alone(reservation, spent)
            return
        owed, self._owed = [*self._owed, (reservation, spent)], []
        for ended, amount in owed:
            if not await self._settled(ended, amount):
                self._owed.append((ended, amount))

    async def _reserved(
        self, name: str, bound: Sequence[BudgetLimit], request: str, amount: int
    ) -> list[int] | None:
        if self._link is None or not await self._repaid(self._link):
            return None
        limits = [number for cap in bound for number in (cap.limit, cap.life_s)]
        args: list[str | int] = [request, amount, self._lease_s, *limits]
        answer: list[int] | None = await self._link.run(
            lambda: self._reserve(_keys(name, bound), args)
        )
        return answer

    async def _charged(
        self, name: str, bound: Sequence[BudgetLimit], charge: BatchCharge, spent: int
    ) -> bool:
        """Whether Redis has it in its counts; if not, it is to be counted here."""
        if self._link is None or not await self._repaid(self._link):
            return False
        open_, held, *counters = _keys(name, bound)
        keys = [open_, held, _charges_key(name, charge.batch), *counters]
        args = [
            charge.gives_back,
            charge.name,
            spent,
            self._lease_s,
            *(cap.life_s for cap in bound),
        ]
        answer = await self._link.run(lambda: self._charge(keys, args))
        if answer is not None:
            self._remember(name, bound, answer[1:])
        return answer is not None

    def _reserve_alone(
        self, name: str, bound: tuple[BudgetLimit, ...], request: str, amount: int
    ) -> Reservation | Exhausted:
        counts = [self._counts.get((name, cap.name), 0) for cap in bound]
        now = budget_status(bound, counts, amount)
        if isinstance(now, Exhausted):
            return now
        self._remember(name, bound, [count + amount for count in counts])
        return Reservation(name, request, bound, amount, now, alone=True)

    async def _settled(self, reservation: Reservation, cost: int) -> bool:
        """Whether Redis has counted it; if not, it stays owed."""
        assert self._link is not None  # noqa: S101 -- else the reservation would be alone
        keys = _keys(reservation.tenant, reservation.limits)
        answer = await self._link.run(lambda: self._settle(keys, [reservation.request, cost]))
        return answer is not None

    def _count_alone(self, reservation: Reservation, cost: int) -> None:
        counts = [self._counts.get((reservation.tenant, cap.name), 0) for cap in reservation.limits]
        self._remember(
            reservation.tenant,
            reservation.limits,
            [count + cost - reservation.amount for count in counts],
        )
        if self._link is not None:
            self._alone.update({(reservation.tenant, cap): cost for cap in reservation.limits})

    async def _repaid(self, link: RedisLink) -> bool:
        """Whether Redis knows all that was spent while it was away."""
        if not self._alone:
            return True
        spent, self._alone = self._alone, Counter()

        async def add() -> bool:
            async with link.redis.pipeline(transaction=True) as pipe:
                for (tenant, cap), cost in spent.items():
                    *_, counter = _keys(tenant, [cap])
                    pipe.incrby(counter, cost)
                    pipe.expire(counter, cap.life_s)
                await pipe.execute()
            return True

        if await link.run(add):
            return True
        self._alone.update(spent)
        return False

    def _remember(self, name: str, bound: Sequence[BudgetLimit], counts: Sequence[int]) -> None:
        for cap, count in zip(bound, counts, strict=True):
            self._counts[name, cap.name] = count


def _charges_key(tenant: str, batch: str) -> str:
    return f"{named('budget', f'{{{tenant}}}')}:batch:{batch}"


def _keys(tenant: str, bound: Sequence[BudgetLimit]) -> list[str]:
    """One hash slot for a tenant, so that a Redis cluster can run the scripts."""
    prefix = named("budget", f"{{{tenant}}}")
    return [f"{prefix}:open", f"{prefix}:held", *(f"{prefix}:{cap.name}" for cap in bound)]
