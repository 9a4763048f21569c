from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from runtime.budgets.budgets import budget_limits, budget_status, countable
from runtime.budgets.reservations import BudgetLedger, Reservation
from runtime.budgets.standing import Exhausted, OverSoftLimit, WithinBudget
from runtime.config.catalog import TagBudget, Tenant

AT = datetime(2026, 11, 24, 23, 59, tzinfo=UTC)
TENANT = Tenant(
    budget_usd_day=Decimal(1),
    budget_usd_month=Decimal(20),
    tag_budgets={
        "team=search": TagBudget(usd_day=Decimal("0.5")),
        "user=*": TagBudget(usd_month=Decimal(2)),
    },
)


def test_a_request_draws_from_the_budgets_of_its_tenant_and_its_tags() -> None:
    found = budget_limits("acme", TENANT, {"team": "search", "user": "ann", "env": "dev"}, AT)
    assert [(cap.name, cap.limit, cap.soft) for cap in found] == [
        ("2026-11-24", 1_000_000, 800_000),
        ("2026-11", 20_000_000, 16_000_000),
        ("team=search:2026-11-24", 500_000, 400_000),
        ("user=ann:2026-11", 2_000_000, 1_600_000),
    ]
    assert [cap.name for cap in budget_limits("acme", TENANT, {"team": "other"}, AT)] == [
        "2026-11-24",
        "2026-11",
    ]
    assert budget_limits("acme", Tenant(), {"team": "search"}, AT) == ()


def test_standing_by_what_is_used_and_wanted() -> None:
    bound = budget_limits("acme", TENANT, {}, AT)
    assert budget_status(bound, [0, 0], 800_000) == WithinBudget()
    assert isinstance(budget_status(bound, [700_000, 0], 100_001), OverSoftLimit)
    assert isinstance(budget_status(bound, [900_000, 0], 100_001), Exhausted)
    assert isinstance(budget_status(bound, [0, 20_000_000], 0), Exhausted)


def test_a_refusal_says_which_budget_how_much_and_what_to_do() -> None:
    refused = budget_status(budget_limits("acme", TENANT, {}, AT), [990_000, 0], 20_000)
    assert refused == Exhausted(
        "the day's budget of tenant acme is $1: $0.99 of it is used or reserved, this request "
        "needs about $0.02; wait for the next day or ask the operator to raise it"
    )


def test_costs_are_rounded_up_and_the_unpriced_counts_nothing() -> None:
    assert countable(Decimal("0.1")) == 1
    assert countable(None) == 0


def test_a_tag_budget_must_name_a_tag_and_a_value() -> None:
    with pytest.raises(ValidationError, match="tag_budgets"):
        Tenant(tag_budgets={"team": TagBudget(usd_day=Decimal(1))})


async def test_a_process_alone_keeps_the_budget_too() -> None:
    budgets = BudgetLedger(lambda: AT, None)

    async def reserve(number: int) -> Reservation | Exhausted:
        return await budgets.reserve("acme", TENANT, {}, f"r{number}", Decimal(300_000))

    first, second, third = await reserve(1), await reserve(2), await reserve(3)
    assert isinstance(first, Reservation)
    assert first.status == WithinBudget()
    assert isinstance(third, Reservation)
    assert isinstance(third.status, OverSoftLimit)
    assert isinstance(await reserve(4), Exhausted)
    await budgets.settle_reservation(first, Decimal(10_000))
    fourth = await reserve(4)
    assert isinstance(fourth, Reservation)
    assert isinstance(second, Reservation)
