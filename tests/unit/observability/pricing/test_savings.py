from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from observability.pricing.savings import PriceSteps, call_savings, hit_savings, total
from producers.contract import Savings

money = st.decimals(0, 10**9, places=6)


steps = st.builds(
    PriceSteps,
    baseline=money,
    reference=money,
    listed=money,
    cached=money,
    paid=money,
    failed=money,
)


@given(steps)
def test_the_parts_add_up_to_baseline_less_cost(prices: PriceSteps) -> None:
    assert total(call_savings(prices)) == prices.baseline - prices.paid - prices.failed


@given(money, money)
def test_a_hit_saves_the_whole_baseline(baseline: Decimal, avoided: Decimal) -> None:
    savings = hit_savings(baseline, avoided)
    assert total(savings) == baseline
    assert savings.cache == avoided


def test_each_means_gets_its_own_step() -> None:
    prices = PriceSteps(
        baseline=Decimal(1000), reference=Decimal(400), listed=Decimal(300), cached=Decimal(120),
        paid=Decimal(60), failed=Decimal(5),
    )  # fmt: skip
    assert call_savings(prices) == Savings(
        routing=Decimal(600), cloud=Decimal(100), prompt_cache=Decimal(180), batch=Decimal(60),
        retries=Decimal(-5),
    )  # fmt: skip
