"""Every billed kind in a usage block is priced as itself, or the call is unpriced."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.price_lists import load_price_book
from observability.pricing.prices import PriceBook, Priced, PriceKey, Unpriced
from producers.contract import Usage
from workers.providers.anthropic.response import anthropic_usage
from workers.providers.base.token_counts import believable
from workers.providers.bedrock.response import bedrock_usage
from workers.providers.openai.usage import openai_usage

NOW = datetime(2026, 11, 24, tzinfo=UTC)
READERS = (openai_usage, anthropic_usage, bedrock_usage)


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return load_price_book()


def openai(total: int | None = None, **details: Any) -> Usage:  # noqa: ANN401 - a usage block's details
    prompt = {name[7:]: count for name, count in details.items() if name.startswith("prompt_")}
    output = {name[7:]: count for name, count in details.items() if name.startswith("output_")}
    return openai_usage(
        {
            "prompt_tokens": 1000,
            "completion_tokens": 600,
            "total_tokens": total,
            "prompt_tokens_details": prompt,
            "completion_tokens_details": output,
        }
    )


def test_audio_is_no_text() -> None:
    usage = openai(prompt_audio_tokens=300, prompt_cached_tokens=100, output_audio_tokens=482)
    assert usage == Usage(
        input_uncached=600, cache_read=100, input_audio=300, output=118, output_audio=482
    )
    assert (usage.input_total, usage.output_total) == (1000, 600)


def test_what_is_cached_beyond_the_text_is_cached_audio() -> None:
    usage = openai(prompt_audio_tokens=800, prompt_cached_tokens=500)
    assert usage == Usage(cache_read=200, input_audio=500, input_audio_cached=300, output=600)
    told = openai(
        prompt_audio_tokens=800,
        prompt_cached_tokens=500,
        prompt_cached_tokens_details={"audio_tokens": 450},
    )
    assert (told.input_audio_cached, told.cache_read, told.input_uncached) == (450, 50, 150)


def test_reasoning_beside_the_completion_is_output_too() -> None:
    assert openai(output_reasoning_tokens=400).output == 600
    assert openai(1600, output_reasoning_tokens=400).output == 600
    assert openai(2000, output_reasoning_tokens=400).output == 1000
    assert openai(output_reasoning_tokens=700).output == 1300


def test_predicted_tokens_are_inside_of_the_completion() -> None:
    usage = openai(output_rejected_prediction_tokens=50, output_accepted_prediction_tokens=9)
    assert usage == Usage(input_uncached=1000, output=600)


def test_deepseeks_cache_hits_are_cached() -> None:
    block = {
        "prompt_tokens": 100,
        "completion_tokens": 5,
        "prompt_cache_hit_tokens": 60,
        "prompt_cache_miss_tokens": 40,
    }
    assert openai_usage(block) == Usage(input_uncached=40, cache_read=60, output=5)


@pytest.mark.parametrize(
    ("usage", "name"),
    [
        (openai(prompt_video_tokens=7), "prompt_tokens_details.video_tokens"),
        (openai(output_image_tokens=7), "completion_tokens_details.image_tokens"),
        (openai_usage({"prompt_tokens": 1, "num_search_queries": 3}), "num_search_queries"),
        (openai_usage({"prompt_tokens": 1, "citation_tokens": 3}), "citation_tokens"),
        (
            anthropic_usage({"input_tokens": 1, "server_tool_use": {"code_execution_requests": 2}}),
            "server_tool_use.code_execution_requests",
        ),
        (bedrock_usage({"inputTokens": 1, "guardrailTokens": 4}), "guardrailTokens"),
        (anthropic_usage({"input_tokens": 1, "speed": "fast"}), "speed=fast"),
    ],
)
def test_a_kind_that_nobody_knows_makes_the_call_unpriced_and_is_named(
    book: PriceBook, usage: Usage, name: str
) -> None:
    for key in (PriceKey("openai", "gpt-4o"), PriceKey("anthropic", "claude-sonnet-4-6")):
        price = book.cost(key, usage, NOW)
        assert isinstance(price, Unpriced)
        assert price.kinds == (name,)
        assert name in price.reason


def test_counts_of_nothing_and_what_is_no_count_change_nothing() -> None:
    usage = openai_usage(
        {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "total_tokens": 11,
            "queue_time": 0.4,
            "video_tokens": 0,
            "citation_tokens": None,
            "prompt_tokens_details": None,
        }
    )
    assert usage == Usage(input_uncached=9, output=2)


def test_audio_has_its_own_price_or_none(book: PriceBook) -> None:
    usage = Usage(input_uncached=17, output=110, output_audio=482)
    price = book.cost(PriceKey("openai", "gpt-audio"), usage, NOW)
    assert isinstance(price, Priced)
    assert price.micro_usd == 17 * Decimal("2.5") + 110 * 10 + 482 * 64
    silent = book.cost(PriceKey("openai", "gpt-4o"), usage, NOW)
    assert isinstance(silent, Unpriced)
    assert silent.kinds == ("output_audio",)


@pytest.mark.parametrize(
    ("model", "factor"),
    [("claude-sonnet-4-6", Decimal("1.1")), ("claude-opus-4-6", Decimal("1.1"))],
)
def test_data_that_stays_in_a_region_costs_more(
    book: PriceBook, model: str, factor: Decimal
) -> None:
    plain = {"input_tokens": 100, "output_tokens": 50, "cache_read_input_tokens": 10}
    key = PriceKey("anthropic", model)
    usual = book.cost(key, anthropic_usage({**plain, "inference_geo": "global"}), NOW)
    bound = book.cost(key, anthropic_usage({**plain, "inference_geo": "us"}), NOW)
    assert isinstance(usual, Priced)
    assert isinstance(bound, Priced)
    assert bound.micro_usd == usual.micro_usd * factor


def test_a_search_of_the_provider_is_billed_by_the_piece(book: PriceBook) -> None:
    told = {"input_tokens": 10, "server_tool_use": {"web_search_requests": 3}}
    price = book.cost(PriceKey("anthropic", "claude-haiku-4-5"), anthropic_usage(told), NOW)
    assert isinstance(price, Priced)
    assert price.micro_usd == 10 + 3 * 10_000
    free = {"input_tokens": 10, "server_tool_use": {"web_fetch_requests": 3}}
    assert anthropic_usage(free) == Usage(input_uncached=10)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "audio_tokens",
        "cached_tokens",
        "reasoning_tokens",
        "input_tokens",
        "output_tokens",
        "server_tool_use",
        "inference_geo",
        "speed",
        "inputTokens",
        "outputTokens",
        "odd_tokens",
    ]
)
BLOCKS = st.dictionaries(
    NAMES, JSON | st.integers(0, 5000) | st.dictionaries(NAMES, JSON | st.integers(0, 5000))
)


@given(BLOCKS)
def test_any_usage_block_is_read_as_counts_that_can_be_believed(block: dict[str, Any]) -> None:
    for read in READERS:
        assert believable(read(block))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.data())
def test_no_token_is_lost_or_counted_twice(prompt: int, output: int, data: st.DataObject) -> None:
    audio = data.draw(st.integers(0, prompt))
    cached = data.draw(st.integers(0, prompt))
    spoken = data.draw(st.integers(0, output))
    usage = openai_usage(
        {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "prompt_tokens_details": {"audio_tokens": audio, "cached_tokens": cached},
            "completion_tokens_details": {"audio_tokens": spoken},
        }
    )
    assert (usage.input_total, usage.output_total) == (prompt, output)
    assert usage.input_audio + usage.input_audio_cached == audio
    assert usage.cache_read + usage.input_audio_cached == cached
