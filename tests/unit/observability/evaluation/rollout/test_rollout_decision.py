from typing import Final

import numpy as np
import pytest

from bench.rollout import simulate
from observability.evaluation.rollout.decision import (
    Advance,
    Promote,
    RollBack,
    Stay,
    after,
    decide,
    started,
    stopped,
    with_evidence,
)
from observability.evaluation.rollout.rollout_record import (
    ArmEvidence,
    RolloutRecord,
    RolloutRules,
)

HOUR_MS: Final = 3_600_000
CONTROL: Final = ArmEvidence(requests=10_000, errors=10, slow=500, rated=10_000, bad=700)
AS_GOOD: Final = ArmEvidence(requests=1_000, slow=40, rated=1_000, bad=70)


def seen(candidate: ArmEvidence, rules: RolloutRules | None = None) -> RolloutRecord:
    begun = started("swap", "economy", "new", rules or RolloutRules(), 0)
    return with_evidence(begun, CONTROL, candidate, {}, 1)


def test_a_worse_candidate_goes_back_before_a_tenth_saw_it_and_an_equal_one_is_promoted() -> None:
    """In few runs; `python -m bench.rollout` makes 2,000."""
    rng = np.random.default_rng(1)
    worse = [simulate(0.05, rng) for _ in range(40)]
    equal = [simulate(0.0, rng) for _ in range(20)]
    early = [end for end in worse if end.status == "rolled back" and end.largest_share < 0.1]
    assert len(early) >= 37
    assert sum(end.status == "promoted" for end in equal) >= 17


def test_it_waits_for_requests_and_for_time() -> None:
    few = seen(ArmEvidence(requests=99, rated=99, bad=7))
    assert decide(few, HOUR_MS) == Stay("99 of 100 requests in this step")
    assert isinstance(decide(seen(AS_GOOD), HOUR_MS // 2), Stay)
    assert isinstance(decide(seen(AS_GOOD), HOUR_MS), Advance)


def test_a_tenth_is_given_only_to_what_is_shown_to_be_as_good() -> None:
    rules = RolloutRules(steps=(0.05, 0.5))
    unrated = decide(seen(ArmEvidence(requests=1_000), rules), HOUR_MS)
    assert isinstance(unrated, Stay)
    assert "0 answers are rated" in unrated.why
    assert isinstance(decide(seen(AS_GOOD, rules), HOUR_MS), Advance)
    unwatched = rules.model_copy(update={"success": False})
    assert isinstance(decide(seen(ArmEvidence(requests=1_000), unwatched), HOUR_MS), Advance)


@pytest.mark.parametrize(
    ("candidate", "word"),
    [
        (ArmEvidence(requests=200, rated=200, bad=40), "worse"),
        (ArmEvidence(requests=40, errors=8), "calls failed"),
        (ArmEvidence(requests=200, slow=60), "longer than 1.5 times"),
    ],
)
def test_each_guard_sends_it_back_at_once(candidate: ArmEvidence, word: str) -> None:
    rollout = seen(candidate)
    verdict = decide(rollout, 1)
    assert isinstance(verdict, RollBack)
    assert word in verdict.why
    back = after(rollout, verdict, 5)
    assert (back.status, back.share) == ("rolled back", 0)
    assert back.decisions[-1].why == verdict.why


def test_what_hits_both_arms_speaks_against_neither() -> None:
    bad_hour = ArmEvidence(requests=10_000, errors=3_000, rated=7_000, bad=2_100)
    begun = started("swap", "economy", "new", RolloutRules(), 0)
    ours = ArmEvidence(requests=100, errors=30, rated=70, bad=21)
    assert not isinstance(decide(with_evidence(begun, bad_hour, ours, {}, 1), 1), RollBack)


def test_the_last_step_ends_in_a_promotion_and_the_operator_can_stop() -> None:
    rollout = seen(AS_GOOD, RolloutRules(steps=(1.0,), min_minutes=0))
    verdict = decide(rollout, 1)
    assert isinstance(verdict, Promote)
    assert after(rollout, verdict, 1).status == "promoted"
    assert (stopped(rollout, 2).status, stopped(rollout, 2).share) == ("stopped", 0)
