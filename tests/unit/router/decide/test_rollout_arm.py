from collections import Counter
from typing import Final

import pytest

from observability.evaluation.rollout.decision import started, stopped
from observability.evaluation.rollout.rollout_record import RolloutRecord, RolloutRules
from producers.contract import Request, Route
from router.decide import rollout_arm
from router.decide.rollout_arm import ActiveRollouts, with_rollout
from router.decide.tier_candidates import RoutingConfig
from router.serve.model_file import default_model
from tests.unit.router.routing_cases import catalog, price_of, request, route

BOOK: Final = catalog()
CONFIG: Final = RoutingConfig(BOOK, BOOK.policy, price_of, default_model())


def rollout(share: float, name: str = "swap", at_ms: int = 1) -> RolloutRecord:
    rules = RolloutRules(steps=(share,))
    return started(name, "economy", "eco-eu", rules, at_ms)


def drawn(share: float, asked: Request) -> Route:
    return with_rollout(route(asked), asked, rollout(share), CONFIG)


def numbered(number: int, asked: Request) -> Request:
    return asked.model_copy(update={"id": f"r{number}"})


def test_the_candidates_arm_asks_it_first_and_the_controls_asks_it_last() -> None:
    assert drawn(1.0, request()).avoid == ("eco-us", "own")
    assert drawn(0.0, request()).avoid == ("eco-eu",)
    chosen = drawn(1.0, request())
    assert chosen.rollout is not None
    assert (chosen.rollout.name, chosen.rollout.arm) == ("swap", "candidate")
    assert "rollout swap, 100% of the tier: candidate" in chosen.reasons


def test_the_share_is_met() -> None:
    asked, counted = request(), Counter[str]()
    decided = route(asked)
    for number in range(1_000):
        arm = with_rollout(decided, numbered(number, asked), rollout(0.1), CONFIG).rollout
        assert arm is not None
        counted[arm.arm] += 1
    assert counted["candidate"] == pytest.approx(100, abs=40)


@pytest.mark.parametrize(
    "asked", [request(routing={"conversation": "c"}), request(body={"user": "u"})]
)
def test_a_conversation_or_user_stays_in_its_arm(asked: Request) -> None:
    routes = [drawn(0.5, numbered(number, asked)) for number in range(30)]
    assert len({each.rollout.arm for each in routes if each.rollout is not None}) == 1


def test_who_is_in_the_candidates_arm_stays_there_as_the_share_grows() -> None:
    asking = [numbered(n, request()) for n in range(99)]
    draws = [rollout_arm.draw(each, "s") for each in asking]
    early, late = ({n for n, lot in enumerate(draws) if lot < share} for share in (0.1, 0.5))
    assert early < late


@pytest.mark.parametrize(
    "asked",
    [
        request(routing={"residency": ["us"]}),
        request(body={"model": "small"}),
        request(routing={"self_hosted_only": True}),
    ],
)
def test_who_may_not_have_both_arms_is_left_out(asked: Request) -> None:
    assert drawn(1.0, asked).rollout is None


def test_only_what_runs_or_was_promoted_draws() -> None:
    active = ActiveRollouts()
    active.take(rollout(0.5))
    active.take(rollout(0.5, "later", at_ms=2))
    assert active.by_tier["economy"].name == "later"
    active.take(stopped(rollout(0.5, "later", at_ms=2), 3))
    assert active.by_tier["economy"].name == "swap"
    active.take(stopped(rollout(0.5), 4))
    assert active.by_tier == {}
