"""Which prompt cache a deployment has follows from its dialect and model, wherever it runs."""

from pathlib import Path
from typing import Final

import pytest

from observability.price_lists import load_price_book
from observability.pricing.prices import TokenRates
from producers.contract import ChatBody
from runtime.config.catalog import Catalog, Deployment
from runtime.config.config_file import check_config
from runtime.config.pricing import Pricing
from workers.calling.cached_call import PromptCaching
from workers.calling.prefix_counts import LocalCounts
from workers.prompt_cache.policy import Breakpoints, CacheKey, CachePlan, Unmarked

read = check_config(Path("switchgear.yaml").read_text("utf-8"))
assert isinstance(read, Catalog)
CATALOG: Final = read
PRICING: Final = Pricing(load_price_book())
LONG: Final = ChatBody.model_validate(
    {
        "messages": [
            {"role": "system", "content": "Follow the rules of the house. " * 2000},
            {"role": "user", "content": "What now?"},
        ]
    }
)


def expected(deployment: Deployment) -> type[CachePlan]:
    """Claude is marked wherever it runs; OpenAI, Azure and Mistral cache what they see again."""
    if deployment.model.startswith("claude"):
        return Breakpoints
    keyed = deployment.dialect == "openai" and deployment.provider != "self"
    return CacheKey if keyed else Unmarked


def rates(deployment: Deployment) -> TokenRates | None:
    return PRICING.rates_of(deployment)


@pytest.mark.parametrize("name", CATALOG.deployments)
async def test_every_deployment_of_the_default_file_has_its_models_cache(name: str) -> None:
    deployment = CATALOG.deployments[name]
    caching = PromptCaching(LocalCounts(), rates)
    plans = [(await caching.plan("t", deployment, LONG)).plan for _ in range(3)]
    assert isinstance(plans[-1], expected(deployment))
    # a first use pays for no mark, since nobody knows whether there will be a second
    assert not isinstance(plans[0], Breakpoints)
