from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from workers.health.limits.hedge_budget import HedgeBudget

costs = st.decimals(min_value=0, max_value=10_000, places=2)


@given(st.lists(st.tuples(st.booleans(), costs), max_size=300), st.floats(0, 1))
def test_second_calls_never_cost_more_than_their_share(
    calls: list[tuple[bool, Decimal]], share: float
) -> None:
    budget, spent, hedged = HedgeBudget(), Decimal(0), Decimal(0)
    for second, cost in calls:
        if not second:
            budget.record_spend(cost)
            spent += cost
        elif budget.take(cost, share):
            hedged += cost
    assert hedged <= Decimal(share) * spent


def test_a_share_of_nothing_allows_nothing() -> None:
    budget = HedgeBudget()
    assert not budget.take(Decimal(1), 0.5)
    budget.record_spend(Decimal(10))
    assert budget.take(Decimal(5), 0.5)
    assert not budget.take(Decimal(1), 0.5)


def test_an_unpriced_call_is_never_doubled_and_widens_nothing() -> None:
    budget = HedgeBudget()
    budget.record_spend(Decimal(10))
    budget.record_spend(None)
    assert not budget.take(None, 1)
    assert budget.spent == 10


def test_what_was_long_ago_fades_and_the_ratio_stays() -> None:
    budget = HedgeBudget()
    budget.record_spend(Decimal(1_000))
    assert budget.take(Decimal(500), 0.5)
    for _ in range(999):
        budget.record_spend(Decimal(0))
    assert (budget.spent, budget.hedged) == (Decimal(500), Decimal(250))
