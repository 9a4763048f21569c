"""Budget rules. Which budgets bind a request, and does what they have left allow it?

Rules: amounts are whole micro-dollars; days and months are UTC's; a budget is refused once spent,
and before that refuses what would overdraw it; over its soft share a request still passes, with a
warning, and goes down a tier where there is one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Literal, TypeAlias

from observability.pricing.money import MICRO_USD
from runtime.budgets.standing import BudgetStatus, Exhausted, OverSoftLimit, WithinBudget
from runtime.config.catalog import Tenant

BudgetPeriod: TypeAlias = Literal["day", "month"]
_Limits: TypeAlias = tuple[Decimal | None, Decimal | None]


@dataclass(frozen=True, slots=True)
class BudgetLimit:
    """One budget in one period; amounts are micro-dollars."""

    name: str
    """Its counter's."""

    period: BudgetPeriod
    limit: int
    soft: int
    """The amount over which a request passes with a warning."""

    life_s: int
    """How long its counter is kept."""

    whose: str
    """For messages to people."""


def budget_limits(
    name: str, tenant: Tenant, tags: Mapping[str, str], at: datetime
) -> tuple[BudgetLimit, ...]:
    """The budgets that a request of `tenant` with `tags` draws from at `at` (UTC)."""
    return tuple(_caps(name, tenant, tags, at))


def budget_status(
    all_caps: Sequence[BudgetLimit], counts: Sequence[int], amount: int
) -> BudgetStatus:
    """How the tenant stands when `counts` micro-dollars are used and `amount` more are wanted."""
    for cap, count in zip(all_caps, counts, strict=True):
        if count >= cap.limit or count + amount > cap.limit:
            return refusal_message(cap, count, amount)
    for cap, count in zip(all_caps, counts, strict=True):
        if count + amount > cap.soft:
            return soft_limit_warning(cap, count + amount)
    return WithinBudget()


def refusal_message(cap: BudgetLimit, count: int, amount: int) -> Exhausted:
    """What the caller is told when `cap` refuses."""
    return Exhausted(
        f"the {cap.period}'s budget of {cap.whose} is {_usd(cap.limit)}: {_usd(count)} of it is "
        f"used or reserved, this request needs about {_usd(amount)}; wait for the next "
        f"{cap.period} or ask the operator to raise it"
    )


def soft_limit_warning(cap: BudgetLimit, count: int) -> OverSoftLimit:
    """The warning over the soft share of `cap`."""
    return OverSoftLimit(
        f"{_usd(count)} of the {cap.period}'s {_usd(cap.limit)} of {cap.whose} are used"
    )


def countable(micro_usd: Decimal | None) -> int:
    """Micro-dollars as counted; what has no price counts nothing."""
    return 0 if micro_usd is None else int(micro_usd.to_integral_value(ROUND_CEILING))


def _caps(
    name: str, tenant: Tenant, tags: Mapping[str, str], at: datetime
) -> Iterator[BudgetLimit]:
    own = tenant.budget_usd_day, tenant.budget_usd_month
    yield from _of("", f"tenant {name}", own, tenant, at)
    for tag, value in sorted(tags.items()):
        budget = tenant.tag_budgets.get(f"{tag}={value}") or tenant.tag_budgets.get(f"{tag}=*")
        if budget is not None:
            own = budget.usd_day, budget.usd_month
            yield from _of(f"{tag}={value}:", f"{tag}={value} of tenant {name}", own, tenant, at)


def _of(
    prefix: str, whose: str, usd: _Limits, tenant: Tenant, at: datetime
) -> Iterator[BudgetLimit]:
    if usd == (None, None):
        return
    periods: tuple[tuple[BudgetPeriod, str, timedelta], ...] = (
        ("day", f"{at:%Y-%m-%d}", timedelta(days=2)),
        ("month", f"{at:%Y-%m}", timedelta(days=62)),
    )
    for limit_usd, (period, label, life) in zip(usd, periods, strict=True):
        if limit_usd is not None:
            limit = int(limit_usd * MICRO_USD)
            soft = int(limit * Decimal(str(tenant.budget_soft_share)))
            yield BudgetLimit(
                f"{prefix}{label}", period, limit, soft, int(life.total_seconds()), whose
            )


def _usd(micro_usd: int) -> str:
    return f"${Decimal(micro_usd) / MICRO_USD:.4f}".rstrip("0").rstrip(".")
