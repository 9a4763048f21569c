from typing import Any, Final

import pytest
from pydantic import ValidationError

from observability.evaluation.rollout.decision import started, stopped
from observability.evaluation.rollout.rollout_record import RolloutRecord, RolloutRules
from producers.contract import Attempt, UsageEvent, topics
from producers.contract.codec import decode_usage
from producers.contract.route import RolloutArm, RolloutArmName
from producers.kafka.broker import Outgoing
from runtime.rollouts.controller import RolloutController, rollout_record
from runtime.rollouts.operator import rollout_beside, rollout_problem
from tests.unit.router.routing_cases import catalog

RULES: Final = RolloutRules(steps=(0.05, 1.0), min_minutes=0, success=False)


def controller() -> RolloutController:
    controlled = RolloutController(lambda _: "haiku")
    controlled.take(started("swap", "economy", "new", RULES, 1_000), 1_000)
    return controlled


def feed(
    controlled: RolloutController,
    arm: RolloutArmName,
    outcome: str,
    number: int,
    at_ms: int = 2_000,
) -> None:
    for n in range(number):
        controlled.add_usage(
            UsageEvent(
                id=f"{arm}-{outcome}-{n}",
                tenant="acme",
                at_ms=at_ms,
                outcome="done",
                tier="economy",
                rollout=RolloutArm(name="swap", arm=arm),
                attempts=(Attempt(deployment="new", outcome=outcome),),
            )
        )


def published(records: list[Outgoing]) -> tuple[list[RolloutRecord], list[str]]:
    states = [r.value for r in records if r.topic == topics.ROLLOUTS]
    decisions = [decode_usage(r.value).summary or "" for r in records if r.topic == topics.USAGE]
    return [RolloutRecord.model_validate_json(state) for state in states], decisions


def test_the_start_is_told_and_a_look_without_news_is_silent() -> None:
    controlled = controller()
    _, decisions = published(list(controlled.look(1_500)))
    assert decisions == [
        "rollout swap of new: running, 5% of the tier; started by the operator",
    ]
    assert list(controlled.look(1_600)) == []


def test_it_grows_while_the_guards_hold_and_every_decision_is_published() -> None:
    controlled = controller()
    feed(controlled, "control", "ok", 500)
    feed(controlled, "candidate", "ok", 100)
    states, decisions = published(list(controlled.look(3_000)))
    assert (states[-1].share, states[-1].step, states[-1].seen_ms) == (1.0, 1, 2_000)
    assert decisions[-1].startswith("rollout swap of new: running, 100% of the tier; 100 requests")


def test_an_account_of_no_time_is_not_counted() -> None:
    controlled = controller()
    feed(controlled, "control", "ok", 500, at_ms=10**30)
    assert list(controlled.look(3_000))[1:] == []


@pytest.mark.parametrize(
    "changes", [{"since_ms": 10**300}, {"latencies": {10**6: 1}}, {"step_requests": 10**400}]
)
def test_a_state_of_numbers_that_nobody_counts_is_refused(changes: dict[str, Any]) -> None:
    state = started("swap", "economy", "new", RULES, 1_000).model_dump()
    with pytest.raises(ValidationError):
        RolloutRecord.model_validate(state | changes)


def test_failed_calls_send_it_back() -> None:
    controlled = controller()
    feed(controlled, "control", "ok", 500)
    feed(controlled, "candidate", "ServerError", 5)
    states, decisions = published(list(controlled.look(3_000)))
    assert (states[-1].status, states[-1].share) == ("rolled back", 0.0)
    assert "5 of 5 calls failed" in decisions[-1]
    assert list(controlled.look(4_000)) == []


def test_a_restarted_controller_goes_on_from_the_topic() -> None:
    controlled = controller()
    feed(controlled, "control", "ok", 500)
    feed(controlled, "candidate", "ok", 60)
    states, _ = published(list(controlled.look(3_000)))
    again = RolloutController(lambda _: None)
    again.take(states[-1], 10_000_000)
    feed(again, "candidate", "ok", 60)  # read again, and counted already
    assert list(again.look(10_000_000)) == []
    assert states[-1].step_requests == 60


def test_the_operators_stop_is_taken_over() -> None:
    controlled = controller()
    list(controlled.look(1_500))
    rollout = stopped(started("swap", "economy", "new", RULES, 1_000), 2_000)
    controlled.take(rollout, 2_000)
    states, decisions = published(list(controlled.look(2_500)))
    # a look between the operator's record and its arrival may have published after it
    assert [state.status for state in states] == ["stopped"]
    assert list(controlled.look(2_600)) == []
    assert decisions == ["rollout swap of new: stopped, 0% of the tier; stopped by the operator"]
    assert rollout_record(rollout).key == b"swap"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": (0.5, 1)}, "the first step must be below 10%"),
        ({"steps": (0.05, 0.05)}, "the steps must rise"),
        ({"steps": (0.5, 1), "success": False}, None),
        ({}, None),
    ],
)
def test_only_a_small_share_goes_to_what_wasnt_shown_to_be_as_good(
    changes: dict[str, Any], words: str | None
) -> None:
    problem = rollout_problem(catalog(), "economy", "eco-eu", RolloutRules(**changes))
    assert (problem is None) if words is None else words in (problem or "")


@pytest.mark.parametrize(
    ("name", "tier", "status", "words"),
    [
        ("new", "economy", "running", "swap is running in tier economy: stop it"),
        ("swap", "premium", "running", "swap is running in tier economy: stop it"),
        ("new", "economy", "promoted", "put new first there, then stop it"),
        ("swap", "premium", "promoted", "swap is promoted in tier economy: stop it"),
        ("new", "premium", "promoted", None),
        ("swap", "economy", "stopped", None),
        ("new", "economy", "rolled back", None),
    ],
)
def test_a_rollout_begins_where_no_other_draws(
    name: str, tier: str, status: str, words: str | None
) -> None:
    other = started("swap", "economy", "new", RULES, 1_000).model_copy(update={"status": status})
    problem = rollout_beside(name, tier, [other])
    assert (problem is None) if words is None else words in (problem or "")


@pytest.mark.parametrize("field", ["min_minutes", "slow_factor"])
def test_what_json_cant_say_is_no_rule(field: str) -> None:
    with pytest.raises(ValidationError, match="finite"):
        RolloutRules.model_validate({field: float("inf")})
