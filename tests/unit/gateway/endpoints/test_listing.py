"""What `/v1/models` tells of a model: where it is served, what it can do, what it costs."""

from pathlib import Path

from gateway.endpoints.listing import listed_models
from gateway.openai_chat.models import openai_model
from observability.price_lists import load_price_book
from runtime.config.config_file import parse_config
from runtime.config.pricing import Pricing


def test_models_have_capabilities_and_the_price_of_their_cheapest_deployment() -> None:
    file = Path("switchgear.yaml")
    catalog = parse_config(file.read_text("utf-8"), file)
    models = listed_models(catalog, Pricing(load_price_book()).price_of)
    told = {model.id: openai_model(model, 0)["switchgear"] for model in models}
    small, nemo = told["gpt-4o-mini"], told["mistral-nemo"]
    assert small["usd_per_million_tokens"] == {"input": "0.15", "output": "0.6"}
    assert "tools" in small["capabilities"]
    assert small["tiers"] == ["economy"]
    # our own GPUs' time is its price there
    assert float(nemo["usd_per_million_tokens"]["output"]) > 0
    assert told["economy"].keys() == {"kind"}


def test_a_model_without_a_price_is_listed_without_one() -> None:
    file = Path("switchgear.yaml")
    catalog = parse_config(file.read_text("utf-8"), file)
    models = listed_models(catalog, lambda *_: None)
    assert all(model.price is None for model in models)
    assert "usd_per_million_tokens" not in openai_model(models[-1], 0)["switchgear"]
