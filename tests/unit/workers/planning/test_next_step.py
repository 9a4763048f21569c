import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.budgets.standing import BudgetStatus, Exhausted, OverSoftLimit, WithinBudget
from runtime.circuit_breaker.rules import Reason
from workers.health.gate import Gate, NotNow, Ready
from workers.health.outcome_policy import FollowUp
from workers.planning.next_step import (
    CallTarget,
    Delay,
    GiveUp,
    Hedge,
    NextStep,
    Reroute,
    Wait,
    next_step,
)
from workers.planning.request_state import PlanRules, RequestState, Target, TriedTarget

NOW = 100.0
A = Target("a", 8_000, Ready(), Decimal(10))
B = Target("b", 8_000, Ready(), Decimal(20))
LONG = Target("long", 100_000, Ready(), Decimal(30))


def plan(*targets: Target, **known: Any) -> NextStep:  # noqa: ANN401 -- fields of Situation
    situation = RequestState(targets=targets, deadline=NOW + 100, timeout_s=20)
    return next_step(replace(situation, **known), NOW)


def shut(target: Target, seconds: float, reason: Reason = "rate_limited") -> Target:
    return replace(target, gate=NotNow(NOW + seconds, reason))


def tried(target: Target, follow: FollowUp = "again", at: float = NOW) -> tuple[TriedTarget, ...]:
    return (TriedTarget(target.name, at, follow, "ServerError"),)


def test_calls_the_first_ready_target() -> None:
    assert plan(A, B) == CallTarget("a", 20)
    assert plan(shut(A, 5), B) == CallTarget("b", 20)


def test_no_call_may_outlast_the_deadline() -> None:
    assert plan(A, deadline=NOW + 3) == CallTarget("a", 3)


def test_silence_leaves_time_for_another_target() -> None:
    assert plan(A, B, deadline=NOW + 10) == CallTarget("a", 6)
    assert plan(A, deadline=NOW + 10) == CallTarget("a", 10)
    assert plan(A, B, deadline=NOW + 10, latency="batch") == CallTarget("a", 10)
    assert plan(replace(A, typical_s=4), B, deadline=NOW + 10) == CallTarget("a", 8, Hedge("b", 4))
    begun = {"streams": True, "first_token_timeout_s": 30}
    assert plan(A, B, deadline=NOW + 10, **begun) == CallTarget("a", 10, first_token_s=6)


def test_after_a_failure_the_other_target_is_called_at_once() -> None:
    assert plan(A, B, tried=tried(A)) == CallTarget("b", 20)


def test_when_all_have_failed_the_first_is_tried_again_after_a_pause() -> None:
    assert plan(A, B, tried=tried(A) + tried(B)) == Wait(0.25)
    assert plan(A, B, tried=tried(A, at=NOW - 1) + tried(B, at=NOW - 1)) == CallTarget("a", 20)


def test_the_pause_doubles_and_is_jittered() -> None:
    twice = tried(A, at=NOW - 9) + tried(A)
    assert plan(A, tried=twice) == Wait(0.5)
    assert plan(A, tried=twice, jitter=0.0) == Wait(0.25)


def test_a_short_wait_is_waited_until_patience_ends() -> None:
    assert plan(shut(A, 0.5)) == Wait(0.5)
    assert plan(shut(A, 0.5), waited_s=0.8) == Delay(0.5, "a: rate_limited")


def test_interactive_goes_up_before_it_is_delayed_and_batch_is_delayed_before_it_goes_up() -> None:
    assert plan(shut(A, 5), up="better") == Reroute("better", "a: rate_limited")
    assert plan(shut(A, 5), up="better", latency="batch") == Delay(5, "a: rate_limited")
    assert plan(shut(A, 199), up="better", latency="batch") == Reroute("better", "a: rate_limited")


def test_an_outage_is_not_waited_out_while_there_is_a_tier_above() -> None:
    broken = shut(A, 0.5, "failures")
    assert plan(broken, up="better") == Reroute("better", "a: failures")
    assert plan(broken) == Wait(0.5)
    assert plan(broken, up="better", latency="batch") == Wait(0.5)
    assert plan(broken, shut(B, 0.75), up="better") == Wait(0.75)


def test_what_cannot_be_answered_in_time_is_given_up_at_once() -> None:
    step = plan(shut(A, 131), shut(B, math.inf, "forced"))
    assert isinstance(step, GiveUp)
    assert (step.code, step.retryable) == ("overloaded", True)
    assert "a: rate_limited, b: forced" in step.message
    late = plan(A, deadline=NOW)
    assert isinstance(late, GiveUp)
    assert late.code == "deadline_exceeded"


def test_a_prompt_too_long_goes_to_a_longer_window_only() -> None:
    assert plan(A, B, LONG, tried=tried(A, "longer")) == CallTarget("long", 20)
    assert plan(A, LONG, prompt_tokens=9_000) == CallTarget("long", 20)
    assert isinstance(plan(A, B, tried=tried(A, "longer"), up="better"), Reroute)
    step = plan(A, B, tried=tried(A, "longer"))
    assert isinstance(step, GiveUp)
    assert (step.code, step.retryable) == ("context_too_long", False)


def test_refusals_end_the_request_unless_the_rules_allow_another_opinion() -> None:
    codes = {"filtered": "content_filtered", "rejected": "provider_rejected"}
    follows: list[FollowUp] = ["filtered", "rejected"]
    for follow in follows:
        step = plan(A, B, tried=tried(A, follow))
        assert isinstance(step, GiveUp)
        assert (step.code, step.retryable) == (codes[follow], False)
    rules = PlanRules(elsewhere_after=frozenset({"filtered"}))
    assert plan(A, B, tried=tried(A, "filtered"), rules=rules) == CallTarget("b", 20)


def refused(target: Target, follow: FollowUp, message: str) -> TriedTarget:
    return TriedTarget(target.name, NOW, follow, "RequestRejected", message)


def test_a_refusal_of_our_translation_leads_to_the_next_target_each_once() -> None:
    for follow in ("translation", "unsupported"):
        first = refused(A, follow, "messages[0] is odd")
        assert plan(A, B, tried=(first,)) == CallTarget("b", 20)
        assert plan(B, A, tried=(first, refused(B, follow, "x")), up="better") == Reroute(
            "better", "no deployment of the tier takes it (a: RequestRejected, b: RequestRejected)"
        )


def test_when_nobody_takes_it_the_caller_is_told_by_whom_and_which_field() -> None:
    unsaid = refused(A, "unsupported", "tools[0].type is not known here")
    step = plan(A, B, tried=(unsaid, refused(B, "unsupported", "n: one answer only")))
    assert isinstance(step, GiveUp)
    assert (step.code, step.retryable) == ("unsupported_content", False)
    assert "tools[0].type is not known here" in step.message
    assert "n: one answer only" in step.message
    step = plan(A, B, tried=(unsaid, refused(B, "translation", "stop: too many")))
    assert isinstance(step, GiveUp)
    assert (step.code, step.retryable) == ("provider_rejected", False)
    assert "b calls the request invalid: stop: too many" in step.message


def test_a_refusal_of_the_callers_own_words_ends_it_although_another_could_be_asked() -> None:
    ours = refused(A, "translation", "system is odd")
    step = plan(A, B, LONG, tried=(ours, refused(B, "rejected", "messages is empty")), up="x")
    assert step == GiveUp(
        "provider_rejected", "b calls the request invalid: messages is empty", retryable=False
    )


def test_what_was_never_sent_takes_no_attempt() -> None:
    unsaid = refused(A, "unsupported", "m")
    rules = PlanRules(attempts=1)
    assert plan(A, B, tried=(unsaid,), rules=rules) == CallTarget("b", 20)
    sent = refused(A, "translation", "m")
    assert isinstance(plan(A, B, tried=(sent,), rules=rules), GiveUp)


def test_bad_credentials_fall_to_the_next_target_and_are_named_when_they_are_all_there_is() -> None:
    refused = (TriedTarget("a", NOW, "elsewhere", "BadCredentials"),)
    assert plan(A, B, tried=refused) == CallTarget("b", 20)
    step = plan(A, tried=refused)
    assert isinstance(step, GiveUp)
    assert step.code == "bad_credentials"


def test_an_answer_that_fails_its_checks_goes_up_for_quality() -> None:
    inadequate = (TriedTarget("a", NOW, "inadequate", "Completion"),)
    assert isinstance(plan(A, B, tried=inadequate, up="better"), Reroute)
    step = plan(A, B, tried=inadequate)
    assert isinstance(step, GiveUp)
    assert step.code == "validation_failed"


def test_a_stream_the_caller_has_seen_is_never_restarted() -> None:
    step = plan(A, B, tried=tried(A), emitted=True, up="better")
    assert isinstance(step, GiveUp)
    assert (step.code, step.retryable) == ("providers_exhausted", True)


def test_the_tenants_budget_sends_it_down_or_refuses_it() -> None:
    assert isinstance(plan(A, budget=OverSoftLimit("most is used"), down="cheap"), Reroute)
    assert plan(A, budget=OverSoftLimit("most is used")) == CallTarget("a", 20)
    assert plan(
        A, budget=OverSoftLimit("most is used"), down="cheap", visited=("cheap",)
    ) == CallTarget("a", 20)
    step = plan(A, budget=Exhausted("all is used"), down="cheap")
    assert isinstance(step, GiveUp)
    assert step == GiveUp("budget_exceeded", "all is used", retryable=False)


def test_the_requests_own_ceiling_counts_what_was_spent_and_refuses_the_unpriced() -> None:
    assert plan(LONG, A, ceiling=Decimal(15)) == CallTarget("a", 20)
    unpriced = replace(A, cost=None)
    assert plan(unpriced, B, ceiling=Decimal(25)) == CallTarget("b", 20)
    assert isinstance(plan(A, ceiling=Decimal(15), spent=Decimal(6), down="cheap"), Reroute)
    step = plan(A, ceiling=Decimal(15), spent=Decimal(6))
    assert isinstance(step, GiveUp)
    assert step.code == "no_deployment_fits"


def test_attempts_end_and_then_the_tier_above_is_asked() -> None:
    rules = PlanRules(attempts=3)
    assert isinstance(plan(A, tried=tried(A), prior_attempts=2, rules=rules, up="x"), Reroute)
    step = plan(A, tried=tried(A), prior_attempts=2, rules=rules)
    assert isinstance(step, GiveUp)
    assert step.code == "providers_exhausted"


def test_hops_end() -> None:
    step = plan(shut(A, 199), up="better", visited=("one", "two"))
    assert isinstance(step, GiveUp)


def test_a_tier_without_a_fitting_target_hands_over_or_says_so() -> None:
    assert isinstance(plan(up="better"), Reroute)
    step = plan()
    assert isinstance(step, GiveUp)
    assert (step.code, step.retryable) == ("no_deployment_fits", False)


def test_who_failed_once_is_not_sent_to_probe_while_another_is_ready() -> None:
    probed = replace(A, gate=Ready(probe=True))
    assert plan(probed, B) == CallTarget("a", 20)
    assert plan(probed, B, LONG, tried=tried(LONG)) == CallTarget("b", 20)


def test_hedges_an_interactive_call_after_its_typical_time() -> None:
    known = replace(A, typical_s=2.0)
    assert plan(known, B) == CallTarget("a", 20, Hedge("b", 2.0))
    assert plan(known, B, latency="batch") == CallTarget("a", 20)
    assert plan(known, B, rules=PlanRules(hedge=False)) == CallTarget("a", 20)
    assert plan(known) == CallTarget("a", 20)


def test_never_hedges_on_a_throttled_or_recovering_target_nor_beyond_the_ceiling() -> None:
    known = replace(A, typical_s=2.0)
    assert plan(known, shut(B, 5)) == CallTarget("a", 20)
    assert plan(known, replace(B, gate=Ready(probe=True))) == CallTarget("a", 20)
    assert plan(known, B, ceiling=Decimal(29)) == CallTarget("a", 20)
    assert plan(known, B, ceiling=Decimal(30)) == CallTarget("a", 20, Hedge("b", 2.0))


def test_a_hedge_is_not_many_times_as_dear() -> None:
    known = replace(A, typical_s=2.0)
    assert plan(known, replace(B, cost=Decimal(41))) == CallTarget("a", 20)
    assert plan(known, replace(B, cost=Decimal(41)), LONG) == CallTarget(
        "a", 20, Hedge("long", 2.0)
    )


# --------------------------------------------------------------------- whatever happens, it ends

FOLLOWS: list[FollowUp] = [
    "again",
    "elsewhere",
    "longer",
    "filtered",
    "unsupported",
    "translation",
    "rejected",
]
STANDINGS: st.SearchStrategy[BudgetStatus] = st.sampled_from(
    [WithinBudget(), OverSoftLimit("s"), Exhausted("s")]
)
SHUTS: list[Reason] = ["rate_limited", "failures", "quota"]


@st.composite
def targets(draw: st.DrawFn) -> tuple[Target, ...]:
    return tuple(
        Target(
            f"t{number}",
            draw(st.sampled_from([4_000, 8_000, 100_000])),
            Ready(),
            draw(st.none() | st.decimals(0, 100, places=2)),
            draw(st.none() | st.floats(0.1, 5)),
        )
        for number in range(draw(st.integers(0, 4)))
    )


@settings(deadline=None)  # a busy machine is no bug
@given(st.data())
def test_every_request_comes_to_an_end_within_its_deadline(data: st.DataObject) -> None:
    draw = data.draw
    s = RequestState(
        targets=draw(targets()),
        deadline=NOW + draw(st.floats(0, 60)),
        timeout_s=20,
        prompt_tokens=draw(st.sampled_from([100, 6_000, 200_000])),
        ceiling=draw(st.none() | st.decimals(0, 300, places=2)),
        latency=draw(st.sampled_from(["interactive", "batch"])),
        budget=draw(STANDINGS),
        up="up",
        down="down",
    )
    now, calls = NOW, 0
    for _ in range(200):
        gates: list[Gate] = [
            draw(
                st.just(Ready())
                | st.builds(NotNow, st.floats(now, now + 9), st.sampled_from(SHUTS))
            )
            for _ in s.targets
        ]
        known = tuple(replace(t, gate=gate) for t, gate in zip(s.targets, gates, strict=True))
        s = replace(s, targets=known)
        match next_step(s, now):
            case CallTarget(name, timeout_s, hedge):
                target = next(t for t in known if t.name == name)
                assert isinstance(target.gate, Ready) or target.gate.until <= now
                assert now + timeout_s <= s.deadline + 1e-9
                assert hedge is None or hedge.target != name
                assert not s.emitted or not s.tried
                assert s.ceiling is None or s.spent + (target.cost or 0) <= s.ceiling
                assert all(t.follow == "again" for t in s.tried if t.target == name)
                now += draw(st.floats(0, timeout_s))
                if draw(st.booleans()):
                    return
                ended = TriedTarget(name, now, draw(st.sampled_from(FOLLOWS)), "ServerError")
                calls += ended.follow != "unsupported"
                spent = s.spent + (target.cost or 0)
                emitted = s.emitted or draw(st.booleans())
                s = replace(s, tried=(*s.tried, ended), spent=spent, emitted=emitted)
            case Wait(seconds):
                assert seconds > 0
                assert now + seconds <= s.deadline
                now += seconds
                s = replace(s, waited_s=s.waited_s + seconds)
            case Delay(seconds):
                assert now + seconds <= s.deadline
                now += seconds
                prior = s.prior_attempts + len(s.tried)
                s = replace(s, prior_attempts=prior, tried=(), waited_s=0)
            case Reroute(tier):
                assert tier not in s.visited
                assert not s.emitted
                s = replace(s, visited=(*s.visited, tier), tried=(), prior_attempts=0, waited_s=0)
                calls = 0
            case GiveUp():
                return
        assert calls <= s.rules.attempts
    raise AssertionError(s)
