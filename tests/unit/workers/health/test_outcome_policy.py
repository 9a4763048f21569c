from typing import get_args

import pytest

from producers.contract import Usage
from runtime.circuit_breaker.rules import (
    BreakerSignal,
    CallFailure,
    CallOrigin,
    Ignored,
    Succeeded,
    Tripped,
)
from workers.health.outcome_policy import FollowUp, judge_outcome
from workers.providers.base.call_outcome import (
    BadCredentials,
    CallOutcome,
    Completion,
    ConnectionLost,
    ContentFiltered,
    ContextTooLong,
    Failure,
    MalformedResponse,
    Overloaded,
    QuotaExhausted,
    RampTooFast,
    RateLimited,
    RequestRejected,
    ServerError,
    StreamTruncated,
    TimedOut,
    UnknownModel,
)

FAST = Completion(body={}, usage=Usage(), finish_reason="stop", first_token_s=0.5)
SLOW = Completion(body={}, usage=Usage(), finish_reason="stop", first_token_s=20)

TABLE: list[tuple[CallOutcome, FollowUp, BreakerSignal, BreakerSignal]] = [
    (FAST, "answered", Succeeded(), Succeeded()),
    (SLOW, "answered", Succeeded(slow=True), Succeeded()),
    (ContextTooLong(message="m"), "longer", Ignored(), Succeeded()),
    (ContentFiltered(message="m"), "filtered", Ignored(), Succeeded()),
    (RequestRejected(message="m"), "rejected", Ignored(), Succeeded()),
    (RequestRejected(message="m", translated=True), "translation", Ignored(), Succeeded()),
    (RequestRejected(message="m", unsent=True), "unsupported", Ignored(), Ignored()),
    (BadCredentials(message="m"), "elsewhere", Tripped("misconfigured"), Succeeded()),
    (UnknownModel(message="m"), "elsewhere", Tripped("misconfigured"), Succeeded()),
    (QuotaExhausted(message="m", until_s=90), "elsewhere", Tripped("quota", 90), Succeeded()),
    (RateLimited(message="m", wait_s=2), "again", Tripped("rate_limited", 2), Succeeded()),
    (RampTooFast(message="m"), "again", Ignored(), Succeeded()),
    (RampTooFast(message="m", wait_s=1), "again", Tripped("rate_limited", 1), Succeeded()),
    (Overloaded(message="m", wait_s=3), "again", Ignored(), Tripped("overloaded", 3)),
    (ServerError(message="m"), "again", CallFailure(), Succeeded()),
    (TimedOut(message="m"), "again", CallFailure(), Ignored()),
    (ConnectionLost(message="m"), "again", CallFailure(), Ignored()),
    (ConnectionLost(message="m", connected=False), "again", CallFailure(), Ignored()),
    (StreamTruncated(message="m"), "again", CallFailure(), Succeeded()),
    (MalformedResponse(message="m"), "again", CallFailure(), Succeeded()),
    (MalformedResponse(message="m", too_large=True), "again", Ignored(), Succeeded()),
]


@pytest.mark.parametrize(("outcome", "follow", "deployment", "provider"), TABLE)
def test_every_outcome_is_judged(
    outcome: CallOutcome, follow: FollowUp, deployment: BreakerSignal, provider: BreakerSignal
) -> None:
    verdict = judge_outcome(outcome, took_s=20, slow_after_s=20, fair_wait_s=2)
    assert (verdict.follow_up, verdict.deployment, verdict.provider) == (
        follow,
        deployment,
        provider,
    )


ORIGIN = CallOrigin("acme", "what was asked")
NOBODYS: list[CallOutcome] = [
    ConnectionLost(message="m", connected=False),
    BadCredentials(message="m"),
    BadCredentials(message="m", status=401),
]
OF_AN_ACCOUNT = QuotaExhausted | RateLimited | RampTooFast


@pytest.mark.parametrize("outcome", [*(row[0] for row in TABLE), *NOBODYS])
def test_what_a_request_may_have_caused_is_said_with_whose_it_was(outcome: CallOutcome) -> None:
    verdict = judge_outcome(outcome, 20, 20, 2, ORIGIN)
    tenants = [
        signal.tenant if isinstance(signal, Tripped) else signal.origin and signal.origin.tenant
        for signal in (verdict.deployment, verdict.provider)
        if isinstance(signal, Tripped | CallFailure)
    ]
    nobodys = outcome in NOBODYS or isinstance(outcome, OF_AN_ACCOUNT)
    assert all(tenant == (None if nobodys else "acme") for tenant in tenants)


def test_the_table_above_has_every_kind_of_failure() -> None:
    assert {type(row[0]) for row in TABLE} == {Completion, *get_args(Failure)}


def test_a_timeout_set_by_the_callers_deadline_is_not_the_deployments_fault() -> None:
    assert (
        judge_outcome(TimedOut(message="m"), took_s=1.9, slow_after_s=20, fair_wait_s=2).deployment
        == Ignored()
    )


def test_what_asks_for_less_at_once_lowers_the_concurrency() -> None:
    drops: set[type[CallOutcome]] = {
        type(row[0]) for row in TABLE if judge_outcome(row[0], 20, 20, 2).load == "drop"
    }
    assert sorted(kind.__name__ for kind in drops) == [
        "Overloaded",
        "RampTooFast",
        "RateLimited",
        "TimedOut",
    ]
