"""A second call beside a slow one: only where the operator pays for it, on a line of its own."""

import asyncio
from decimal import Decimal
from typing import Final

from producers.contract import Done
from runtime.config.catalog import Catalog
from tests.fakes import Script, always_42
from tests.flow.stage import Stage, ask, catalog, playing
from workers.planning.request_state import PlanRules
from workers.providers.base.call_outcome import CallOutcome
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

WARM_UP: Final = 40
_SLOW_S: Final = 1.0
"""Of a call; the others take none."""
RULES: Final = PlanRules(backoff_s=0.01)


class SlowOnceWarm:
    """Answers at once until it is told to be slow."""

    def __init__(self) -> None:
        self.slow = False

    async def __call__(self, request: ProviderRequest, emit: Emit | None) -> CallOutcome:
        if self.slow:
            await asyncio.sleep(_SLOW_S)
        return await always_42(request, emit)


async def slow_call(share: float | None, **routing: object) -> tuple[Done, Stage]:
    """A request whose first deployment has become slow; its event is the last one."""
    policy: dict[str, object] = {"min_quality": 0.0, "ordered_tier": "economy"}
    if share is not None:
        policy["hedge"] = {"max_extra_cost": share}
    script = SlowOnceWarm()
    scripts: dict[str, Script] = {"eco-a": script}
    chosen: Catalog = catalog(policy=policy)
    async with playing(scripts, catalog=chosen, rules=RULES) as stage:
        for number in range(WARM_UP):
            await stage.client.submit(ask(f"question {number}"))
        script.slow = True
        done = await stage.client.submit(ask("the slow one", routing=routing))
        await stage.events(WARM_UP + 1)
    assert isinstance(done, Done)
    return done, stage


async def test_by_default_nothing_is_called_twice() -> None:
    done, stage = await slow_call(None)
    event = (await stage.events(WARM_UP + 1))[-1]
    assert [attempt.outcome for attempt in event.attempts] == ["ok"]
    assert done.route.deployment == "eco-a"


async def test_a_hedge_within_its_share_answers_and_is_booked_as_one() -> None:
    done, stage = await slow_call(1.0)
    event = (await stage.events(WARM_UP + 1))[-1]
    assert done.route.deployment == "eco-b"
    costs = {attempt.outcome: attempt.cost_micro_usd for attempt in event.attempts}
    assert costs.keys() == {"ok", "overtaken"}
    assert event.savings is not None
    overtaken = costs["overtaken"]
    assert overtaken is not None
    assert event.savings.hedges == -overtaken
    assert event.savings.retries == Decimal(0)


async def test_an_evaluations_request_is_never_doubled() -> None:
    """A second call would be outside of its cap, and flatter its times."""
    done, stage = await slow_call(1.0, tags={"evaluation": "trial"})
    event = (await stage.events(WARM_UP + 1))[-1]
    assert [attempt.outcome for attempt in event.attempts] == ["ok"]
    assert done.route.deployment == "eco-a"
