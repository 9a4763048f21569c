"""Every deployment of `switchgear.yaml` serves, is counted and is priced."""

from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientSession

from dev.simulator.process import Running
from observability.price_lists import load_price_book
from observability.pricing.prices import Priced
from producers.contract import ChatBody
from runtime.config.catalog import Catalog
from runtime.config.config_file import check_config
from runtime.config.pricing import Pricing
from workers.providers.base.call_outcome import Completion
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.registry import connect_providers

read = check_config(Path("switchgear.yaml").read_text("utf-8"))
assert isinstance(read, Catalog)
CATALOG: Final = read
PRICING: Final = Pricing(load_price_book())
ASKED: Final = {"messages": [{"role": "user", "content": "What is a queue?"}]}


@pytest.mark.parametrize("name", CATALOG.deployments)
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
async def test_a_deployment_answers_with_a_price(
    simulator: Running, name: str, *, stream: bool
) -> None:
    deployment = CATALOG.deployments[name]
    async with ClientSession() as session:
        provider = connect_providers(CATALOG, session, simulator.environment)[name]
        request = ProviderRequest(
            *(deployment, CATALOG.models[deployment.model], ChatBody.model_validate(ASKED)),
            *(5, 5),
        )
        deltas: list[dict[str, Any]] = []

        async def emit(delta: dict[str, Any]) -> None:
            deltas.append(delta)

        outcome = await provider.send(request, emit if stream else None)
    assert isinstance(outcome, Completion), outcome
    text = outcome.body["choices"][0]["message"]["content"]
    assert text
    assert "".join(delta.get("content") or "" for delta in deltas) == (text if stream else "")
    assert outcome.usage.input_total > 0
    assert outcome.usage.output > 0
    price = PRICING.price(deployment, outcome.usage)
    assert isinstance(price, Priced), price
    assert price.micro_usd > 0
