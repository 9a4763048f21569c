import math
from typing import Final

import pytest

from observability.evaluation.rollout.decision import started
from observability.evaluation.rollout.evidence import (
    RecentEvidence,
    latency_bucket,
    slow_beyond_ms,
)
from observability.evaluation.rollout.rollout_record import ArmEvidence, RolloutRules
from producers.contract import Attempt, UsageEvent
from producers.contract.feedback import Feedback
from producers.contract.reply import CacheOutcome, Timings
from producers.contract.route import RolloutArm, RolloutArmName

ROLLOUT: Final = started("swap", "economy", "new", RolloutRules(), 0)


def event(
    number: int, arm: RolloutArmName, *outcomes: str, first: str = "new", **changes: object
) -> UsageEvent:
    attempts = tuple(Attempt(deployment=first, outcome=outcome) for outcome in outcomes)
    fields = {
        "id": f"r{number}",
        "tenant": "acme",
        "at_ms": 10,
        "outcome": "done",
        "tier": "economy",
        "rollout": RolloutArm(name="swap", arm=arm),
        "attempts": attempts,
        "timings": Timings(total_ms=100),
        **changes,
    }
    return UsageEvent.model_validate(fields)


def folded(*events: UsageEvent, slow_ms: float = math.inf) -> tuple[ArmEvidence, ArmEvidence]:
    recent = RecentEvidence()
    for each in events:
        recent.add(each, ROLLOUT, slow_ms)
    control, candidate, _ = recent.take()
    return control, candidate


def test_an_arm_answers_for_its_first_call_whoever_answered_in_the_end() -> None:
    _, candidate = folded(
        event(1, "candidate", "ok"),
        event(2, "candidate", "ServerError", "ok"),
        event(3, "candidate", "ok", first="old"),
        event(4, "candidate", outcome="overloaded"),
    )
    assert candidate == ArmEvidence(requests=4, errors=3)


def test_hits_background_calls_and_the_callers_own_faults_do_not_count() -> None:
    control, candidate = folded(
        event(1, "candidate", cache=CacheOutcome(result="hit")),
        event(2, "candidate", "ok", aside="judge"),
        event(3, "control", outcome="cancelled"),
        event(4, "control", "ok", rollout=RolloutArm(name="other", arm="control")),
        event(5, "control", "ok", rollout=None),
    )
    assert control == candidate == ArmEvidence()


def test_failed_checks_and_ratings_count_once_whichever_comes_first() -> None:
    recent = RecentEvidence()

    def rate(number: int, good: float) -> None:
        recent.rate(
            Feedback(
                id=f"r{number}", tenant="acme", task="t", tier="e", good=good, source="validator"
            )
        )

    rate(2, 1.0)
    for each in (event(1, "candidate", "inadequate", "ok"), event(2, "candidate", "ok")):
        recent.add(each, ROLLOUT, math.inf)
    rate(1, 0.0)
    recent.add(event(3, "control", "ok"), ROLLOUT, math.inf)
    rate(3, 0.0)
    rate(3, 0.0)
    control, candidate, _ = recent.take()
    assert (candidate.rated, candidate.bad) == (2, 1)
    assert (control.rated, control.bad) == (1, 1)
    assert recent.take()[0] == ArmEvidence()


def test_slow_is_beyond_the_controls_95th_percentile() -> None:
    recent = RecentEvidence()
    for number in range(100):
        timed = Timings(total_ms=1_000 if number < 96 else 9_000)
        recent.add(event(number, "control", "ok", timings=timed), ROLLOUT, math.inf)
    _, _, latencies = recent.take()
    assert slow_beyond_ms(latencies, 1.5) == pytest.approx(1_500, rel=0.03)
    assert slow_beyond_ms({}, 1.5) == math.inf
    assert latency_bucket(1e12) == latency_bucket(86_400_000)
    queued = Timings(total_ms=5_000, queued_ms=4_500)
    _, candidate = folded(
        event(1, "candidate", "ok", timings=queued),
        event(2, "candidate", "ok", timings=Timings(total_ms=5_000)),
        slow_ms=1_500,
    )
    assert candidate.slow == 1
