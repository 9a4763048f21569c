"""Our prices and genai-prices: each difference is known, and has its reason in the docs."""

from datetime import UTC, datetime
from pathlib import Path

from bench.prices import EXPLAINED, compared_keys, differences
from observability.price_lists import genai_rates, load_price_book

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DOCS = Path(__file__).parents[3] / "docs" / "providers.md"


def test_no_price_differs_without_a_reason() -> None:
    assert [each for each in differences(load_price_book(), NOW) if each.reason is None] == []


def test_each_reason_is_still_needed_and_is_in_the_docs() -> None:
    differing = {each.key for each in differences(load_price_book(), NOW)}
    assert differing == set(EXPLAINED)
    text = DOCS.read_text("utf-8")
    for key in EXPLAINED:
        assert f"`{key.provider}` {key.model}" in text, key


def test_most_of_what_we_price_is_in_both_lists() -> None:
    keys = compared_keys()
    both = [key for key in keys if genai_rates(key, NOW.date(), "standard") is not None]
    assert len(both) > len(keys) / 2
