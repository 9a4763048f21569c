"""A request is handed over to a tier only where a pool takes it; else its sender hears why."""

from typing import Final

from producers.contract import Done, Failed
from tests.fakes import Script, fails
from tests.flow.stage import ask, catalog, playing
from workers.planning.request_state import PlanRules
from workers.providers.base.call_outcome import ServerError

RULES: Final = PlanRules(hedge=False, backoff_s=0.01)
DOWN: Final = fails(ServerError(message="down", status=500))
BOTH: Final[dict[str, Script]] = {"eco-a": DOWN, "eco-b": DOWN}


async def test_a_tier_with_a_pool_takes_over() -> None:
    async with playing(BOTH, rules=RULES) as stage:
        done = await stage.client.submit(ask())
        assert isinstance(done, Done)
        assert done.route.tier == "standard"


async def test_without_a_pool_the_failure_comes_at_once_and_names_the_tier() -> None:
    nobody = {"llm.tier.standard": "no worker pool serves llm.tier.standard now"}
    async with playing(BOTH, rules=RULES, unreachable=nobody) as stage:
        failed = await stage.client.submit(ask())
        assert isinstance(failed, Failed)
        assert (failed.code, failed.retryable) == ("providers_exhausted", True)
        assert "can't be handed over to standard: no worker pool serves" in failed.message
        assert set(stage.called()) == {"a", "b"}


async def test_a_zone_without_a_pool_is_none_though_the_tier_has_others() -> None:
    nobody = {"llm.tier.standard.us": "no worker pool serves its zone us now"}
    async with playing(BOTH, rules=RULES, unreachable=nobody) as stage:
        bound = await stage.client.submit(ask(routing={"residency": ["us"]}))
        assert isinstance(bound, Failed)
        assert "no worker pool serves its zone us now" in bound.message
        free = await stage.client.submit(ask("another"))
        assert isinstance(free, Done)
        assert free.route.tier == "standard"


async def test_a_tier_beyond_the_one_without_a_pool_takes_over() -> None:
    tiers = {
        "economy": {"deployments": ["eco-a", "eco-b"], "next": "standard"},
        "standard": {"deployments": ["std"], "next": "odd"},
        "odd": {"deployments": ["odd"]},
    }
    book = catalog(tiers=tiers)
    nobody = {"llm.tier.standard": "no worker pool serves llm.tier.standard now"}
    async with playing(BOTH, catalog=book, rules=RULES, unreachable=nobody) as stage:
        done = await stage.client.submit(ask())
        assert isinstance(done, Done)
        assert done.route.tier == "odd"
