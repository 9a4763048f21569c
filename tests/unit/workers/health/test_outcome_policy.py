from typing import get_args

import pytest

from producers.messages import Usage
from workers.breaker_rules import CallFailure, Ignored, Signal, Succeeded, Tripped
from workers.providers.outcome import (
    BadCredentials,
    Completion,
    ConnectionLost,
    ContentFiltered,
    ContextTooLong,
    CutStream,
    Failure,
    Garbled,
    Outcome,
    Overloaded,
    QuotaExhausted,
    RampTooFast,
    RateLimited,
    Rejected,
    ServerError,
    TimedOut,
    UnknownModel,
)
from workers.verdict import Follow, judge

FAST = Completion(body={}, usage=Usage(), finish_reason="stop", first_token_s=0.5)
SLOW = Completion(body={}, usage=Usage(), finish_reason="stop", first_token_s=20)

TABLE: list[tuple[Outcome, Follow, Signal, Signal]] = [
    (FAST, "answered", Succeeded(), Succeeded()),
    (SLOW, "answered", Succeeded(slow=True), Succeeded()),
    (ContextTooLong(message="m"), "longer", Ignored(), Succeeded()),
    (ContentFiltered(message="m"), "filtered", Ignored(), Succeeded()),
    (Rejected(message="m"), "rejected", Ignored(), Succeeded()),
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
    (CutStream(message="m"), "again", CallFailure(), Succeeded()),
    (Garbled(message="m"), "again", CallFailure(), Succeeded()),
]


@pytest.mark.parametrize(("outcome", "follow", "deployment", "provider"), TABLE)
def test_every_outcome_is_judged(
    outcome: Outcome, follow: Follow, deployment: Signal, provider: Signal
) -> None:
    verdict = judge(outcome, took_s=20, slow_after_s=20, patient_s=2)
    assert (verdict.follow, verdict.deployment, verdict.provider) == (follow, deployment, provider)


def test_the_table_above_has_every_kind_of_failure() -> None:
    assert {type(row[0]) for row in TABLE} == {Completion, *get_args(Failure)}


def test_a_timeout_set_by_the_callers_deadline_is_not_the_deployments_fault() -> None:
    assert (
        judge(TimedOut(message="m"), took_s=1.9, slow_after_s=20, patient_s=2).deployment
        == Ignored()
    )


def test_what_asks_for_less_at_once_lowers_the_concurrency() -> None:
    drops: set[type[Outcome]] = {
        type(row[0]) for row in TABLE if judge(row[0], 20, 20, 2).pressure == "drop"
    }
    assert sorted(kind.__name__ for kind in drops) == [
        "Overloaded",
        "RampTooFast",
        "RateLimited",
        "TimedOut",
    ]
