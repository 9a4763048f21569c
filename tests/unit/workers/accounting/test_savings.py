"""Savings by cause: the prompt cache, the way of processing, and nothing twice."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from observability.pricing.prices import PriceBook, PriceRow, Processing, rates_of, scaled_rates
from observability.pricing.savings import total
from producers.contract import Attempt, Savings, Usage
from runtime.config.pricing import Pricing
from tests.flow.stage import catalog
from workers.accounting.savings import savings_of_call

FACTORS: dict[Processing, Decimal] = {
    "standard": Decimal(1),
    "batch": Decimal("0.5"),
    "flex": Decimal("0.6"),
    "priority": Decimal("1.7"),
}
TOKENS = st.integers(0, 9999)
USAGES = st.builds(
    Usage,
    input_uncached=TOKENS,
    cache_read=TOKENS,
    cache_write_5m=TOKENS,
    cache_write_1h=TOKENS,
    output=TOKENS,
)
PLAIN = st.builds(Usage, input_uncached=st.integers(1, 9999), output=TOKENS)


def _row(provider: str, model: str, dollars: int) -> PriceRow:
    standard = rates_of(
        input=Decimal(dollars),
        output=Decimal(5 * dollars),
        cache_read=Decimal(dollars) / 10,
        cache_write_5m=Decimal(dollars) * Decimal("1.25"),
        cache_write_1h=Decimal(dollars) * 2,
    )
    rates = {processing: scaled_rates(standard, factor) for processing, factor in FACTORS.items()}
    return PriceRow(provider, (model,), "global", date(2020, 1, 1), rates)


ROWS = [_row("a", "small", 1), _row("b", "small", 2), _row("c", "medium", 10)]
PRICING = Pricing(PriceBook(ROWS, "test"))


def saved(usage: Usage, processing: Processing, used: str = "eco-b") -> tuple[Savings, Decimal]:
    """The savings of one call, and the baseline less what it was billed."""
    paid = PRICING.price_of(catalog().deployments[used], usage, processing)
    good = Attempt(deployment=used, outcome="ok", usage=usage, cost_micro_usd=paid)
    worth = savings_of_call(catalog(), "t", good, [], PRICING.price_of)
    assert worth.savings is not None
    assert worth.baseline is not None
    assert paid is not None
    return worth.savings, worth.baseline - paid


@given(USAGES, st.sampled_from(list(FACTORS)), st.sampled_from(["eco-a", "eco-b", "std"]))
def test_the_parts_add_up_whatever_is_cached_and_however_it_is_processed(
    usage: Usage, processing: Processing, used: str
) -> None:
    savings, whole = saved(usage, processing, used)
    assert total(savings) == whole


@given(USAGES, st.sampled_from(list(FACTORS)))
def test_the_prompt_cache_is_worth_the_same_however_the_call_is_processed(
    usage: Usage, processing: Processing
) -> None:
    savings, _ = saved(usage, processing)
    standard, _ = saved(usage, "standard")
    assert savings.prompt_cache == standard.prompt_cache
    assert standard.batch == 0


@given(PLAIN)
def test_a_cheaper_or_dearer_way_of_processing_is_no_merit_of_the_prompt_cache(
    usage: Usage,
) -> None:
    flex, _ = saved(usage, "flex")
    priority, _ = saved(usage, "priority")
    assert flex.prompt_cache == priority.prompt_cache == 0
    assert flex.batch > 0 > priority.batch
