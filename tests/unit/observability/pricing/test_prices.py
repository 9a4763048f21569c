"""Prices: the table, its dates, the list behind it, and what is unpriced."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from observability.price_lists import load_price_book
from observability.pricing.own_price import PriceOverride
from observability.pricing.prices import (
    PriceBook,
    Priced,
    PriceKey,
    PriceRow,
    TokenRates,
    Unpriced,
    charge,
    processing_of,
    rates_of,
)
from producers.contract import Usage

NOW = datetime(2026, 11, 24, tzinfo=UTC)
MILLION = Usage(input_uncached=1_000_000, output=1_000_000)


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return load_price_book()


def usd(price: object) -> Decimal:
    assert isinstance(price, Priced), price
    return price.micro_usd / 1_000_000


@pytest.mark.parametrize(
    ("provider", "model", "region", "expected"),
    [
        ("openai", "gpt-4o", "global", "12.5"),
        ("openai", "gpt-4o-mini", "global", "0.75"),
        ("openai", "gpt-3.5-turbo", "global", "2"),
        ("anthropic", "claude-3-5-sonnet", "global", "18"),
        ("anthropic", "claude-haiku-4-5", "global", "6"),
        ("anthropic", "claude-sonnet-4-6", "global", "18"),
        ("anthropic", "claude-opus-4-6", "global", "30"),
        ("mistral", "mistral-large-2", "global", "8"),
        ("mistral", "mistral-small-3", "global", "0.4"),
        ("mistral", "mistral-nemo", "global", "0.3"),
        ("mistral", "mixtral-8x7b", "global", "1.4"),
        ("aws", "claude-3-5-sonnet", "us-east-1", "18"),
        ("aws", "claude-haiku-4-5", "global", "6"),
        ("aws", "claude-haiku-4-5", "eu-central-1", "6.6"),
        ("aws", "claude-opus-4-6", "eu-central-1", "33"),
        ("aws", "mistral-large-2", "us-west-2", "8"),
        ("aws", "mixtral-8x7b", "us-east-1", "1.15"),
        ("azure", "gpt-4o", "global", "12.5"),
        ("azure", "gpt-4o", "swedencentral", "13.75"),
        ("azure", "mistral-large-2", "global", "8"),
        ("azure", "mistral-nemo", "westeurope", "0.3"),
    ],
)
def test_every_model_that_the_configuration_may_name_has_our_own_price(
    book: PriceBook, provider: str, model: str, region: str, expected: str
) -> None:
    price = book.cost(PriceKey(provider, model, region), MILLION, NOW)
    assert usd(price) == Decimal(expected)
    assert isinstance(price, Priced)
    assert price.version.startswith("own:")


def test_the_price_of_the_day_of_the_call_counts(book: PriceBook) -> None:
    key = PriceKey("openai", "gpt-4o")
    assert usd(book.cost(key, MILLION, datetime(2024, 6, 1, tzinfo=UTC))) == 20
    assert usd(book.cost(key, MILLION, NOW)) == Decimal("12.5")
    assert isinstance(book.cost(PriceKey("aws", "claude-opus-4-6"), MILLION, NOW), Priced)


def test_cached_tokens_are_charged_once_and_at_their_own_rate(book: PriceBook) -> None:
    usage = Usage(
        input_uncached=100, cache_read=1000, cache_write_5m=10, cache_write_1h=10, output=5
    )
    price = book.cost(PriceKey("anthropic", "claude-sonnet-4-6"), usage, NOW)
    expected = 100 * 3 + 1000 * Decimal("0.3") + 10 * Decimal("3.75") + 10 * 6 + 5 * 15
    assert price == Priced(expected, "own:2026-11-24")


def test_batch_halves_and_what_is_not_offered_is_unpriced(book: PriceBook) -> None:
    key = PriceKey("anthropic", "claude-haiku-4-5")
    assert usd(book.cost(key, MILLION, NOW, "batch")) == 3
    assert isinstance(book.cost(key, MILLION, NOW, "flex"), Unpriced)


def test_openai_batch_leaves_cached_input_as_it_is(book: PriceBook) -> None:
    usage = Usage(cache_read=1_000_000)
    assert usd(book.cost(PriceKey("openai", "gpt-4o"), usage, NOW, "batch")) == Decimal("1.25")


def test_the_pinned_list_answers_for_models_that_we_do_not_list(book: PriceBook) -> None:
    key = PriceKey("openai", "gpt-5")
    price = book.cost(key, MILLION, NOW)
    assert usd(price) == Decimal("11.25")
    assert usd(book.cost(key, MILLION, NOW, "batch")) == Decimal("5.625")
    assert isinstance(price, Priced)
    assert price.version == "genai-prices:0.2.3"


def test_a_long_prompt_pays_the_dearer_rate_for_every_token(book: PriceBook) -> None:
    key = PriceKey("anthropic", "claude-sonnet-4-5")
    assert usd(book.cost(key, Usage(input_uncached=200_000), NOW)) == Decimal("0.6")
    assert usd(book.cost(key, Usage(input_uncached=200_001), NOW)) == Decimal("1.200006")


def test_an_unknown_model_is_unpriced_never_free(book: PriceBook) -> None:
    price = book.cost(PriceKey("self", "our-own"), MILLION, NOW)
    assert isinstance(price, Unpriced)
    assert "our-own at self" in price.reason


def test_the_deployment_s_own_price_comes_first(book: PriceBook) -> None:
    key = PriceKey("openai", "gpt-4o")
    by_token = PriceOverride(input_per_mtok=Decimal("0.1"), output_per_mtok=Decimal("0.2"))
    assert usd(book.cost(key, MILLION, NOW, override=by_token)) == Decimal("0.3")
    by_hour = PriceOverride(gpu_hour_usd=Decimal(4), tokens_per_gpu_hour=8_000_000)
    assert usd(book.cost(key, MILLION, NOW, override=by_hour)) == 1
    assert isinstance(book.cost(key, MILLION, NOW, override=PriceOverride()), Unpriced)
    unknown_pace = PriceOverride(gpu_hour_usd=Decimal(4))
    assert isinstance(book.cost(key, MILLION, NOW, override=unknown_pace), Unpriced)


def test_a_negotiated_discount_is_off_the_lists_price(book: PriceBook) -> None:
    key, cached = PriceKey("openai", "gpt-4o"), Usage(cache_read=1_000_000)
    negotiated = PriceOverride(
        discount=Decimal("0.2"), cache_discount=Decimal("0.5"), batch_discount=Decimal("0.1")
    )
    listed = book.cost(key, MILLION, NOW)
    price = book.cost(key, MILLION, NOW, override=negotiated)
    assert usd(price) == usd(listed) * Decimal("0.8")
    assert isinstance(price, Priced) and price.version.endswith("-negotiated")  # noqa: PT018
    of_cache = book.cost(key, cached, NOW, override=negotiated)
    assert usd(of_cache) == usd(book.cost(key, cached, NOW)) / 2
    batch = book.cost(key, MILLION, NOW, "batch", negotiated)
    assert usd(batch) == usd(book.cost(key, MILLION, NOW, "batch")) * Decimal("0.9")
    usual = PriceOverride(discount=Decimal("0.2"))
    assert usd(book.cost(key, cached, NOW, override=usual)) == 1  # of 1.25


def test_a_discount_is_off_a_list_and_not_off_an_own_price() -> None:
    with pytest.raises(ValidationError, match="off the list's price"):
        PriceOverride(discount=Decimal("0.2"), gpu_hour_usd=Decimal(4))


def test_what_is_committed_without_a_price_costs_what_the_list_says(book: PriceBook) -> None:
    key = PriceKey("openai", "gpt-4o")
    committed = book.cost(key, MILLION, NOW, override=PriceOverride(committed=True))
    assert usd(committed) == usd(book.cost(key, MILLION, NOW))


def test_a_named_region_goes_before_any_region() -> None:
    def row(region: str, price: int, since: date) -> PriceRow:
        rates = rates_of(input=Decimal(price), output=Decimal(0))
        return PriceRow("p", ("m",), region, since, {"standard": rates})

    rows = [row("*", 2, date(2025, 1, 1)), row("eu", 3, date(2024, 1, 1))]
    book = PriceBook(rows, "v")
    usage = Usage(input_uncached=1)
    assert book.cost(PriceKey("p", "m", "eu"), usage, NOW) == Priced(Decimal(3), "v")
    assert book.cost(PriceKey("p", "m", "us"), usage, NOW) == Priced(Decimal(2), "v")
    assert isinstance(
        book.cost(PriceKey("p", "m", "us"), usage, datetime(2024, 5, 1, tzinfo=UTC)), Unpriced
    )


counts = st.integers(0, 10**9)
rates = st.builds(TokenRates, *[st.decimals(0, 1000, places=4) for _ in range(5)])


@given(rates, counts, counts, counts, counts)
def test_a_cost_is_the_sum_of_its_parts(rates: TokenRates, a: int, b: int, c: int, d: int) -> None:
    whole = Usage(input_uncached=a, cache_read=b, cache_write_5m=c, output=d)
    parts = [Usage(input_uncached=a), Usage(cache_read=b), Usage(cache_write_5m=c), Usage(output=d)]
    assert charge(rates, whole) == sum(charge(rates, part) for part in parts)


def test_a_service_tier_is_a_way_of_processing() -> None:
    tiers = ("flex", "priority", "batch", "default", None, 7)
    told = [processing_of(tier) for tier in tiers]
    assert told == ["flex", "priority", "batch", "standard", "standard", "standard"]
