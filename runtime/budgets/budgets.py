"""Which budgets bind a request, and does what they have left allow it?

Rules: amounts are whole micro-dollars; days and months are UTC's; a budget is refused once spent,
and before that refuses what would overdraw it; over its soft share a request still passes, with a
warning, and goes down a tier where there is one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Final, Literal, TypeAlias

from runtime.config.catalog import Tenant

from .situation import Soft, Spent, Standing, Within

Period: TypeAlias = Literal["day", "month"]
_Limits: TypeAlias = tuple[Decimal | None, Decimal | None]
MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Cap:
    """One budget in one period. name: its counter's; micro-dollars; life_s: its counter's life."""

    name: str
    period: Period
    limit: int
    soft: int
    life_s: int
    whose: str


def caps(name: str, tenant: Tenant, tags: Mapping[str, str], at: datetime) -> tuple[Cap, ...]:
    """The budgets that a request of `tenant` with `tags` draws from at `at` (UTC)."""
    return tuple(_caps(name, tenant, tags, at))


def standing(all_caps: Sequence[Cap], counts: Sequence[int], amount: int) -> Standing:
    """How the tenant stands when `counts` micro-dollars are used and `amount` more are wanted."""
    for cap, count in zip(all_caps, counts, strict=True):
        if count >= cap.limit or count + amount > cap.limit:
            return refused(cap, count, amount)
    for cap, count in zip(all_caps, counts, strict=True):
        if count + amount > cap.soft:
            return softened(cap, count + amount)
    return Within()


def refused(cap: Cap, count: int, amount: int) -> Spent:
    """What the caller is told when `cap` refuses."""
    return Spent(
        f"the {cap.period}'s budget of {cap.whose} is {_usd(cap.limit)}: {_usd(count)} of it is "
        f"used or reserved, this request needs about {_usd(amount)}; wait for the next "
        f"{cap.period} or ask the operator to raise it"
    )


def softened(cap: Cap, count: int) -> Soft:
    """The warning over the soft share of `cap`."""
    return Soft(f"{_usd(count)} of the {cap.period}'s {_usd(cap.limit)} of {cap.whose} are used")


def whole(micro_usd: Decimal | None) -> int:
    """Micro-dollars as counted; what has no price counts nothing."""
    return 0 if micro_usd is None else int(micro_usd.to_integral_value(ROUND_CEILING))


def _caps(name: str, tenant: Tenant, tags: Mapping[str, str], at: datetime) -> Iterator[Cap]:
    own = tenant.budget_usd_day, tenant.budget_usd_month
    yield from _of("", f"tenant {name}", own, tenant, at)
    for tag, value in sorted(tags.items()):
        budget = tenant.tag_budgets.get(f"{tag}={value}") or tenant.tag_budgets.get(f"{tag}=*")
        if budget is not None:
            own = budget.usd_day, budget.usd_month
            yield from _of(f"{tag}={value}:", f"{tag}={value} of tenant {name}", own, tenant, at)


def _of(prefix: str, whose: str, usd: _Limits, tenant: Tenant, at: datetime) -> Iterator[Cap]:
    if usd == (None, None):
        return
    periods: tuple[tuple[Period, str, timedelta], ...] = (
        ("day", f"{at:%Y-%m-%d}", timedelta(days=2)),
        ("month", f"{at:%Y-%m}", timedelta(days=62)),
    )
    for limit_usd, (period, label, life) in zip(usd, periods, strict=True):
        if limit_usd is not None:
            limit = int(limit_usd * MICRO)
            soft = int(limit * Decimal(str(tenant.budget_soft_share)))
            yield Cap(f"{prefix}{label}", period, limit, soft, int(life.total_seconds()), whose)


def _usd(micro_usd: int) -> str:
    return f"${Decimal(micro_usd) / MICRO:.4f}".rstrip("0").rstrip(".")
