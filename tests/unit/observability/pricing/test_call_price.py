"""A prepared price says what the rates say, whatever the usage holds."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from observability.pricing.prices import (
    CallPrice,
    Priced,
    TokenRates,
    Unpriced,
    charge,
    scaled_rates,
    unpriced_kinds,
)
from producers.contract import Usage

DEARER = TokenRates(Decimal(4), Decimal(2), Decimal(5), Decimal(8), Decimal(20))
RATES = TokenRates(
    Decimal(2),
    Decimal(1),
    Decimal(3),
    Decimal(4),
    Decimal(10),
    above=((1_000, DEARER),),
    input_audio=Decimal(7),
    surcharges={"inference_geo=us": Decimal("1.1")},
)
PRICE = CallPrice(RATES, "list:1", "m at p has no price for")

tokens = st.integers(0, 2_000)
usages = st.builds(
    Usage,
    input_uncached=tokens,
    cache_read=tokens,
    cache_write_5m=tokens,
    cache_write_1h=tokens,
    output=tokens,
    input_audio=st.sampled_from([0, 0, 5]),
    output_audio=st.sampled_from([0, 0, 5]),
    web_searches=st.sampled_from([0, 0, 1]),
    served=st.sampled_from([(), (), ("inference_geo=us",), ("inference_geo=mars",)]),
)


@given(usages)
def test_the_price_is_what_the_rates_charge(usage: Usage) -> None:
    missing = unpriced_kinds(RATES, usage)
    match PRICE.of(usage):
        case Priced(micro_usd=cost, version=version):
            assert not missing
            assert cost == charge(RATES, usage)
            assert version == "list:1"
        case Unpriced(reason=reason, kinds=kinds):
            assert kinds == missing != ()
            assert reason == f"m at p has no price for {', '.join(missing)}"


@given(usages)
def test_a_gpu_hour_costs_the_same_for_every_token(usage: Usage) -> None:
    free = scaled_rates(RATES, Decimal(0))
    hour = CallPrice(free, "own", "", every_token=Decimal(3), tokens_apart=False, as_served=False)
    assert hour.of(usage) == Priced(3 * Decimal(usage.input_total + usage.output_total), "own")
