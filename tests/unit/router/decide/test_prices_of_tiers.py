"""What a tier costs: by its own family's tokens, and nothing more where it is paid for."""

from decimal import Decimal
from typing import Any, Final

import pytest

from observability.price_lists import load_price_book
from producers.contract import Route
from router.decide.policy import PAID_FOR, choose_route
from router.decide.success_model import score_features
from router.serve.model_file import default_model
from router.serve.process import routing_config
from router.text.features import extract_features
from runtime.config.catalog import Catalog
from runtime.config.pricing import Pricing
from tests.unit.router.routing_cases import request

PRICING: Final = Pricing(load_price_book())
ENGLISH: Final = "The council decided that the bridge across the river will be rebuilt. " * 40
KOREAN: Final = "시의회는 강 위의 다리를 내년 봄에 다시 짓기로 결정했다. " * 40


def catalog(price: dict[str, Any] | None = None) -> Catalog:
    """Two tiers with one price by the token and two tokenizers; `price` is that of a third."""
    same = {"input_per_mtok": 1, "output_per_mtok": 0}
    place = {"provider": "p", "base_url": "http://x", "zone": "us"}
    sizes = {"context_window": 100_000}
    return Catalog.model_validate(
        {
            "default_baseline": "by-claude",
            "models": {
                "a": {"family": "gpt-4o", **sizes},
                "b": {"family": "claude", **sizes},
                "c": {"family": "mistral", **sizes},
            },
            "deployments": {
                "by-gpt": {"model": "a", "price": same, **place},
                "by-claude": {"model": "b", "price": same, **place},
                "units": {"model": "c", "price": price or same, **place},
            },
            "tiers": {
                "economy": {"deployments": ["by-gpt", "units"], "order": "cheapest"},
                "standard": {"deployments": ["by-claude"]},
            },
            "policy": {"min_quality": 0},
        }
    )


def route(book: Catalog, prompt: str) -> Route:
    asked, config = request(prompt), routing_config(book, PRICING, default_model())
    features = extract_features(asked)
    decided = choose_route(asked, features, score_features(features, config.model), config)
    assert isinstance(decided, Route)
    return decided


@pytest.mark.parametrize("prompt", [ENGLISH, KOREAN])
def test_each_family_is_priced_by_its_own_tokens(prompt: str) -> None:
    economy, standard = (each.cost_micro_usd for each in route(catalog(), prompt).candidates)
    assert economy is not None
    assert standard is not None
    assert standard / economy == pytest.approx(Decimal("1.28"), rel=Decimal("0.02"))


def test_throughput_that_is_paid_for_is_asked_first_and_said() -> None:
    dear = {"gpu_hour_usd": 100, "tokens_per_gpu_hour": 1_000}
    listed = route(catalog(dear), ENGLISH)
    assert listed.candidates[0].cost_micro_usd
    assert PAID_FOR not in listed.reasons
    committed = route(catalog({**dear, "committed": True}), ENGLISH)
    assert committed.tier == "economy"
    assert committed.candidates[0].cost_micro_usd == 0
    assert PAID_FOR in committed.reasons
