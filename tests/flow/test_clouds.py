"""The same model at several clouds: the cheapest is asked first, and the difference is booked."""

from typing import Any, Final

from producers.contract import Done
from runtime.config.catalog import Catalog
from tests.fakes import Script, fails
from tests.flow.stage import DEARER, ask, catalog, playing
from workers.planning.request_state import PlanRules
from workers.providers.base.call_outcome import RateLimited, ServerError

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
