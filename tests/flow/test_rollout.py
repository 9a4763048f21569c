"""A rollout's share: who is asked first in each arm, and whose account the answer is."""

from typing import Final

import pytest

from observability.evaluation.rollout.decision import started
from observability.evaluation.rollout.rollout_record import RolloutRules
from producers.contract import Done
from router.decide.rollout_arm import ActiveRollouts
from tests.fakes import Script, fails
from tests.flow.stage import ask, playing
from workers.planning.request_state import PlanRules
from workers.providers.base.call_outcome import ServerError

RULES: Final = PlanRules(backoff_s=0.01, hedge=False)


def rolling_out(share: float) -> ActiveRollouts:
    rollouts = ActiveRollouts()
    rollouts.take(started("swap", "economy", "eco-b", RolloutRules(steps=(share,)), 1))
    return rollouts


@pytest.mark.parametrize(
    ("share", "arm", "answered"), [(1.0, "candidate", "eco-b"), (0.0, "control", "eco-a")]
)
async def test_each_arm_asks_its_own_deployment_first(
    share: float, arm: str, answered: str
) -> None:
    async with playing(rollouts=rolling_out(share), rules=RULES) as stage:
        done = await stage.client.submit(ask())
        [event] = await stage.events()
    assert isinstance(done, Done)
    assert done.route.deployment == answered
    assert event.rollout is not None
    assert (event.rollout.name, event.rollout.arm) == ("swap", arm)


async def test_a_broken_candidate_costs_nobody_an_answer_and_its_arm_the_failure() -> None:
    scripts: dict[str, Script] = {"eco-b": fails(ServerError(message="it broke", status=500))}
    async with playing(scripts, rollouts=rolling_out(1.0), rules=RULES) as stage:
        done = await stage.client.submit(ask())
        [event] = await stage.events()
    assert isinstance(done, Done)
    assert done.route.deployment == "eco-a"
    assert event.attempts[0].deployment == "eco-b"
    assert event.rollout is not None
    assert event.rollout.arm == "candidate"


async def test_without_a_rollout_nothing_is_said() -> None:
    async with playing(rules=RULES) as stage:
        await stage.client.submit(ask())
        [event] = await stage.events()
    assert event.rollout is None
