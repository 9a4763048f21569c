"""Every ending of a plan, whole: the code, the words for the caller, whether to try again."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from runtime.budgets.standing import Exhausted, OverSoftLimit
from workers.health.gate import NotNow, Ready
from workers.health.outcome_policy import FollowUp
from workers.planning.next_step import Delay, GiveUp, NextStep, Reroute, next_step
from workers.planning.request_state import RequestState, Target, TriedTarget

NOW = 100.0
A = Target("a", 8_000, Ready(), Decimal(10))
B = Target("b", 8_000, Ready(), Decimal(20))


def plan(*targets: Target, **known: Any) -> NextStep:  # noqa: ANN401 fields of RequestState
    state = RequestState(targets=targets, deadline=NOW + 100, timeout_s=20)
    return next_step(replace(state, **known), NOW)


def tried(
    name: str, follow: FollowUp | str, kind: str = "ServerError", message: str = ""
) -> TriedTarget:
    known: dict[str, Any] = {"target": name, "at": NOW, "follow": follow, "kind": kind}
    return TriedTarget(**known, message=message) if message else TriedTarget(**known)


REFUSED = "a calls the request invalid"
NO_KEYS = "every deployment of the tier refused its credentials; the operator must mend them"
TOO_DEAR = "every deployment left would exceed the request's max_cost_usd; raise it"
TOO_LONG = "the prompt is longer than every context window of the tier; shorten it"
UNFIT = "no deployment of the tier satisfies the request's constraints"
ENDINGS: list[tuple[tuple[Target, ...], dict[str, Any], GiveUp]] = [
    (
        (A, B),
        {"tried": (tried("a", "again"),), "emitted": True},
        GiveUp(
            "providers_exhausted",
            "the stream of a broke after a part was delivered (ServerError)",
            retryable=True,
        ),
    ),
    (
        (A, B),
        {"tried": (tried("a", "inadequate"),), "emitted": True},
        GiveUp(
            "validation_failed",
            "the answer, already streamed, failed the request's checks",
            retryable=True,
        ),
    ),
    (
        (A, B),
        {"tried": (tried("a", "inadequate"),)},
        GiveUp("validation_failed", "the answer of a failed the request's checks", retryable=False),
    ),
    (
        (A, B),
        {"tried": (tried("a", "filtered"),)},
        GiveUp("content_filtered", "the content filter of a refused the request", retryable=False),
    ),
    (
        (A, B),
        {"tried": (tried("a", "rejected"),)},
        GiveUp("provider_rejected", REFUSED, retryable=False),
    ),
    (
        (A, B),
        {"tried": (tried("a", "rejected", message="no field `x`"),)},
        GiveUp("provider_rejected", f"{REFUSED}: no field `x`", retryable=False),
    ),
    (
        (A,),
        {"budget": Exhausted("the day's budget is spent")},
        GiveUp("budget_exceeded", "the day's budget is spent", retryable=False),
    ),
    (
        (A,),
        {"deadline": NOW + 0.04},
        GiveUp("deadline_exceeded", "no answer before the deadline (not tried)", retryable=True),
    ),
    (
        (A, B),
        {"deadline": NOW + 0.04, "tried": (tried("a", "again"), tried("b", "again", "TimedOut"))},
        GiveUp(
            "deadline_exceeded",
            "no answer before the deadline (a: ServerError, b: TimedOut)",
            retryable=True,
        ),
    ),
    (
        (A,),
        {"tried": (tried("a", "again"),), "prior_attempts": 5},
        GiveUp(
            "providers_exhausted", "no answer after 6 attempts (a: ServerError)", retryable=True
        ),
    ),
    ((), {}, GiveUp("no_deployment_fits", UNFIT, retryable=False)),
    ((A,), {"prompt_tokens": 8_001}, GiveUp("context_too_long", TOO_LONG, retryable=False)),
    ((A,), {"ceiling": Decimal(9)}, GiveUp("no_deployment_fits", TOO_DEAR, retryable=False)),
    (
        (A,),
        {"tried": (tried("a", "elsewhere", "BadCredentials"),)},
        GiveUp("bad_credentials", NO_KEYS, retryable=False),
    ),
    (
        (A, B),
        {"tried": (tried("a", "elsewhere", "BadCredentials"), tried("b", "elsewhere"))},
        GiveUp(
            "providers_exhausted",
            "no deployment is left to try (a: BadCredentials, b: ServerError)",
            retryable=True,
        ),
    ),
    (
        (A, B),
        {"tried": (tried("a", "unsupported", message="audio"), tried("b", "unsupported"))},
        GiveUp(
            "unsupported_content",
            "a can't be asked this: audio; b can't be asked this: no words for it",
            retryable=False,
        ),
    ),
    (
        (A, B),
        {"tried": (tried("a", "translation"), tried("b", "unsupported", message="audio"))},
        GiveUp("provider_rejected", f"{REFUSED}; b can't be asked this: audio", retryable=False),
    ),
    (
        (A, B),
        {
            "refused": (tried("a", "unsupported"), tried("of-another-tier", "unsupported")),
            "tried": (tried("b", "unsupported", message="audio"),),
        },
        GiveUp(
            "unsupported_content",
            "a can't be asked this: no words for it; b can't be asked this: audio",
            retryable=False,
        ),
    ),
    (
        (A,),
        {"refused": (tried("a", "longer", "ContextTooLong"),)},
        GiveUp("context_too_long", TOO_LONG, retryable=False),
    ),
    (
        (replace(A, gate=NotNow(NOW + 500, "failures")), B),
        {"tried": (tried("b", "elsewhere"),)},
        GiveUp(
            "overloaded",
            "no deployment can take it before its deadline: a: failures",
            retryable=True,
        ),
    ),
]


@pytest.mark.parametrize(("targets", "known", "ending"), ENDINGS)
def test_an_ending_says_what_happened_and_what_can_be_done(
    targets: tuple[Target, ...], known: dict[str, Any], ending: GiveUp
) -> None:
    assert plan(*targets, **known) == ending


@pytest.mark.parametrize(
    ("targets", "known", "reason"),
    [
        (
            (A, B),
            {"tried": (tried("a", "inadequate"),)},
            "the answer of a failed the request's checks",
        ),
        ((), {}, UNFIT),
        ((A,), {"prompt_tokens": 8_001}, TOO_LONG),
        ((A,), {"tried": (tried("a", "elsewhere", "BadCredentials"),)}, NO_KEYS),
        (
            (A,),
            {"tried": (tried("a", "unsupported"),)},
            "no deployment of the tier takes it (a: ServerError)",
        ),
        (
            (A,),
            {"tried": (tried("a", "elsewhere"),)},
            "no deployment is left to try (a: ServerError)",
        ),
    ],
)
def test_what_the_tier_above_may_mend_goes_up_with_its_reason(
    targets: tuple[Target, ...], known: dict[str, Any], reason: str
) -> None:
    assert plan(*targets, **known, up="premium", down="economy") == Reroute("premium", reason)


def test_what_is_too_dear_or_over_a_soft_limit_goes_down() -> None:
    assert plan(A, ceiling=Decimal(9), up="premium", down="economy") == Reroute("economy", TOO_DEAR)
    over = OverSoftLimit("80 % of the day's budget is spent")
    assert plan(A, budget=over, down="economy") == Reroute("economy", over.why)


def test_nobody_hops_twice_to_a_tier_nor_more_often_than_the_rules_say() -> None:
    ending = GiveUp("no_deployment_fits", UNFIT, retryable=False)
    assert plan(up="premium", visited=("premium",)) == ending
    assert plan(up="premium", visited=("x", "y")) == ending
    assert plan(up="premium", visited=("x",)) == Reroute("premium", UNFIT)


def test_a_batch_request_is_delayed_with_its_reason() -> None:
    shut = replace(A, gate=NotNow(NOW + 20, "rate_limited"))
    assert plan(shut, latency="batch", up="premium") == Delay(20, "a: rate_limited")
    paused = plan(A, tried=(tried("a", "again"),), latency="batch", waited_s=5.0, jitter=0.5)
    assert paused == Delay(0.25, "a: failed just now")
