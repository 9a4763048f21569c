"""The same model at several clouds: the cheapest is asked first, and the difference is booked."""

from typing import Any, Final

import pytest

from observability.price_lists import load_price_book
from producers.contract import Done
from runtime.config.catalog import Catalog
from runtime.config.config_file import parse_config
from runtime.config.pricing import Pricing
from tests.fakes import Script, fails
from tests.flow.stage import DEARER, ask, catalog, playing
from workers.planning.request_state import PlanRules
from workers.providers.base.call_outcome import RateLimited, ServerError

CLAUDE: Final = """
  bedrock: {model: claude-haiku-4-5, provider: bedrock, region: eu-central-1}
  azure: {model: claude-haiku-4-5, provider: azure-foundry, zone: us, price: {discount: 0.1}}
  anthropic: {model: claude-haiku-4-5, provider: anthropic}
"""
MISTRAL: Final = """
  mistral: {model: mistral-small-3, provider: mistral}
  azure: {model: mistral-small-3, provider: azure-foundry, zone: eu, price: {discount: 0.1}}
  own:
    {model: mistral-small-3, provider: vllm, zone: eu,
     price: {input_per_mtok: 0.01, output_per_mtok: 0.02}}
"""
FAST: Final = PlanRules(hedge=False, backoff_s=0.01)


def clouds() -> Catalog:
    """One model at three places; the first-listed is the dearest."""

    def place(provider: str) -> dict[str, Any]:
        return {"model": "small", "provider": provider, "base_url": "http://x", "zone": "us"}

    return catalog(
        default_baseline="dearest",
        deployments={
            "dearest": place("dearest"),
            "dearer": place("dearer"),
            "cheapest": place("cheapest"),
            "rare": place("cheapest") | {"model": "medium", "on_request": True},
        },
        tiers={
            "economy": {
                "deployments": ["dearest", "dearer", "cheapest", "rare"],
                "order": "cheapest",
            }
        },
    )


async def test_the_cheapest_cloud_serves_and_its_saving_is_the_clouds() -> None:
    async with playing(catalog=clouds(), rules=FAST) as stage:
        done = await stage.client.submit(ask())
        assert isinstance(done, Done)
        assert done.route.deployment == "cheapest"
        (event,) = await stage.events()
        assert event.savings is not None
        assert done.cost_micro_usd is not None
        assert event.savings.cloud == done.cost_micro_usd * (DEARER["dearest"] - 1)


async def test_when_the_cheapest_cloud_fails_the_next_cheapest_serves() -> None:
    scripts: dict[str, Script] = {"cheapest": fails(ServerError(message="down", status=500))}
    async with playing(scripts, catalog=clouds(), rules=FAST) as stage:
        done = await stage.client.submit(ask())
        assert isinstance(done, Done)
        assert done.route.deployment == "dearer"
        (event,) = await stage.events()
        assert event.savings is not None
        assert done.cost_micro_usd is not None
        at_the_cheapest = done.cost_micro_usd / DEARER["dearer"]
        assert event.savings.cloud == at_the_cheapest * (DEARER["dearest"] - DEARER["dearer"]) > 0


async def test_a_model_on_request_serves_who_names_it_and_nobody_else() -> None:
    async with playing(catalog=clouds(), rules=FAST) as stage:
        named = await stage.client.submit(ask(model="medium"))
        assert isinstance(named, Done)
        assert named.route.deployment == "rare"
        everybody = await stage.client.submit(ask("Another question?"))
        assert isinstance(everybody, Done)
        assert everybody.route.deployment == "cheapest"


async def test_throughput_that_is_paid_for_serves_first_and_then_the_cheapest() -> None:
    plain = clouds().model_dump()
    plain["deployments"]["dearest"]["price"] = {"committed": True}
    scripts: dict[str, Script] = {"dearest": fails(RateLimited(message="full", status=429))}
    for script, served in (({}, "dearest"), (scripts, "cheapest")):
        async with playing(script, catalog=Catalog.model_validate(plain), rules=FAST) as stage:
            done = await stage.client.submit(ask())
            assert isinstance(done, Done)
            assert done.route.deployment == served
            assert done.cost_micro_usd


@pytest.mark.parametrize(
    ("deployments", "order"),
    [(CLAUDE, ["azure", "anthropic", "bedrock"]), (MISTRAL, ["own", "azure", "mistral"])],
    ids=["claude", "mistral"],
)
async def test_models_of_the_article_move_between_their_clouds(
    deployments: str, order: list[str]
) -> None:
    dearest = order[-1]
    book = parse_config(
        f"default_baseline: {dearest}\ndeployments:{deployments}\n"
        f"tiers: {{all: {{deployments: [{', '.join(sorted(order))}], order: cheapest}}}}\n"
        "tenants: {t: {}}\npolicy: {min_quality: 0}\n"
    )
    pricing = Pricing(load_price_book())
    for down in range(len(order)):
        scripts: dict[str, Script] = dict.fromkeys(
            order[:down], fails(ServerError(message="down", status=500))
        )
        async with playing(scripts, catalog=book, rules=FAST, pricing=pricing) as stage:
            done = await stage.client.submit(ask())
            assert isinstance(done, Done)
            assert done.route.deployment == order[down]
            (event,) = await stage.events()
            assert event.savings is not None
            at_the_dearest = pricing.price_of(book.deployments[dearest], done.usage)
            assert at_the_dearest is not None
            assert done.cost_micro_usd is not None
            assert event.savings.cloud == at_the_dearest - done.cost_micro_usd
            assert (event.savings.cloud > 0) == (order[down] != dearest)
