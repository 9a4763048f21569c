"""Time as a reason on the whole way: the worker's order of deployments, the reply's words."""

import asyncio
from typing import Any, Final

from producers.contract import Done, Failed
from runtime.config.catalog import Catalog
from runtime.speed.observed_speed import ObservedSpeed
from tests.fakes import Script, always_42
from tests.flow.stage import ask, catalog, playing
from workers.planning.request_state import PlanRules
from workers.providers.base.call_outcome import CallOutcome
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

RULES: Final = PlanRules(hedge=False, backoff_s=0.01)
SLOW: Final = ObservedSpeed(calls=20, first_token_s=8.0, tokens=2, generation_s=4.0)
_SLOW_S: Final = 0.3
_ROUNDS: Final = 8


def two_of_a_kind() -> Catalog:
    """Both are assumed to be fast; `eco-a`, the first that is listed, isn't."""
    place = {"model": "small", "base_url": "http://x", "zone": "us"}
    speed = {"first_token_s": 0.02, "tokens_per_s": 1_000}
    return catalog(
        deployments={
            "eco-a": {**place, "provider": "a", "speed": speed},
            "eco-b": {**place, "provider": "b", "speed": speed},
        },
        tiers={"economy": {"deployments": ["eco-a", "eco-b"]}},
        default_baseline="eco-a",
    )


async def slowly(request: ProviderRequest, emit: Emit | None) -> CallOutcome:
    await asyncio.sleep(_SLOW_S)
    return await always_42(request, emit)


def hurried(number: int, **routing: Any) -> Any:  # noqa: ANN401 - a request
    return ask(f"question {number}", max_tokens=20, routing=routing)


async def test_a_worker_learns_which_deployment_is_faster() -> None:
    scripts: dict[str, Script] = {"eco-a": slowly}
    async with playing(scripts, catalog=two_of_a_kind(), rules=RULES) as stage:
        for number in range(_ROUNDS):
            assert isinstance(await stage.client.submit(hurried(number)), Done)
        assert set(stage.called()) == {"a"}  # by the price, the one that is listed first
        done = await stage.client.submit(hurried(99, objective="latency"))
        assert isinstance(done, Done)
        assert done.route.deployment == "eco-b"
        assert done.summary is not None
        assert "expected in" in done.summary
        assert any("objective latency of the request" in each for each in done.route.reasons)


async def test_a_deadline_sends_a_request_past_a_slow_deployment() -> None:
    scripts: dict[str, Script] = {"eco-a": slowly}
    async with playing(scripts, catalog=two_of_a_kind(), rules=RULES) as stage:
        for number in range(_ROUNDS):
            await stage.client.submit(hurried(number))
        done = await stage.client.submit(hurried(99, max_ttft_ms=200))
        assert isinstance(done, Done)
        assert done.route.deployment == "eco-b"


async def test_what_the_fleet_measured_decides_the_tier_or_refuses() -> None:
    async with playing(rules=RULES, speeds={"eco-a": SLOW, "eco-b": SLOW}) as stage:
        done = await stage.client.submit(hurried(1, deadline_ms=5_000))
        assert isinstance(done, Done)
        assert done.route.tier == "standard"
        refused = await stage.client.submit(hurried(2, deadline_ms=5_000, tier="economy"))
        assert isinstance(refused, Failed)
        assert (refused.code, refused.retryable) == ("deadline_exceeded", True)
        assert "measured, 20 calls lately" in refused.message
