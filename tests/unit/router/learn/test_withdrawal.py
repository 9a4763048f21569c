"""What a person's later word takes back: what the first word still counts for, and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract.feedback import Feedback, FeedbackSource
from router.learn.calibration import OutcomeEvidence, fit_calibration
from router.learn.estimate import Estimate
from router.learn.outcome_store import MAX_TASKS, MAX_TRACKS, OutcomeStore, WeighedOutcome
from runtime.config.sections.policy import LearningSettings

RULES = LearningSettings(enabled=True, min_outcomes=1, memory=10)
PRIOR = Estimate(0.8, 0.6, 0.9)


def said(name: str, good: float, source: FeedbackSource = "user", task: str = "a") -> Feedback:
    return Feedback(
        id=name, tenant="acme", task=task, tier="economy", good=good, source=source, expected=0.8
    )


def evidence(known: OutcomeStore, task: str = "a") -> OutcomeEvidence | None:
    return dict(known.entries()).get(("acme", task, "economy"))


def total(known: OutcomeStore, task: str = "a") -> float:
    found = evidence(known, task)
    return found.total if found else 0.0


def test_a_task_whose_only_outcome_is_taken_back_goes() -> None:
    known = OutcomeStore()
    known.record_feedback(said("r1", 1.0, "validator", task="a"), RULES)
    known.record_feedback(said("r1", 1.0, "user", task="b"), RULES)
    assert evidence(known, "a") is None
    for task in ("a", "b"):
        assert 0 < known.posterior(("acme", task, "economy"), PRIOR, RULES).mean < 1


def test_a_task_without_outcomes_says_nothing_of_the_fit() -> None:
    everything = OutcomeEvidence().with_outcome(1.0, 0.8, 10)
    found = fit_calibration(everything, [everything, OutcomeEvidence()])
    assert found == fit_calibration(everything, [everything])
    assert found.predict(0.8, OutcomeEvidence()) == pytest.approx(found.predict(0.8, None))


def test_only_what_has_not_faded_is_taken_back() -> None:
    known = OutcomeStore()
    for number in range(60):
        known.record_feedback(said(f"old{number}", 0.0), RULES)
    for number in range(60):
        known.record_feedback(said(f"new{number}", 1.0), RULES)
    before = evidence(known)
    for number in range(10):
        known.record_feedback(said(f"old{number}", 1.0), RULES)
    after = evidence(known)
    assert before
    assert after
    assert after.total >= before.total - 1e-9


def test_a_second_word_leaves_what_one_word_would_have() -> None:
    known, once = OutcomeStore(), OutcomeStore()
    known.record_feedback(said("r0", 0.0), RULES)
    for number in range(1, 6):
        known.record_feedback(said(f"r{number}", 1.0), RULES)
        once.record_feedback(said(f"r{number}", 1.0), RULES)
    known.record_feedback(said("r0", 1.0), RULES)
    once.record_feedback(said("r0", 1.0), RULES)
    left, expected = evidence(known), evidence(once)
    assert left
    assert expected
    assert left.counts == pytest.approx(expected.counts)
    assert left.good_counts == pytest.approx(expected.good_counts)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(["a", "b"]),
            st.sampled_from(["user", "validator", "lookup"]),
            st.floats(0, 1),
        ),
        max_size=80,
    )
)
def test_never_are_more_good_than_seen(words: list[tuple[int, str, FeedbackSource, float]]) -> None:
    known = OutcomeStore()
    for number, task, source, good in words:
        known.record_feedback(said(f"r{number}", good, source, task), RULES)
        for _, found in known.entries():
            pairs = zip(found.good_counts, found.counts, strict=True)
            assert all(-1e-9 <= good <= seen + 1e-9 for good, seen in pairs)
        known.posterior(("acme", "a", "economy"), PRIOR, RULES)


def test_a_late_word_takes_nothing_from_what_was_learned_since() -> None:
    known = OutcomeStore()
    known.record_feedback(said("old", 1.0), RULES)
    known.forget(tenant="acme")
    known.record_feedback(said("new", 1.0), RULES)
    known.record_feedback(said("old", 1.0), RULES)
    assert total(known) == pytest.approx(1 + 0.5**0.1)


def test_nor_after_its_tenant_made_room_for_others() -> None:
    known = OutcomeStore()
    known.record_feedback(said("old", 1.0), RULES)
    for number in range(MAX_TRACKS):
        known.record_outcome((f"t{number}", "a", "economy"), WeighedOutcome(1.0, 0.8), RULES)
    known.record_feedback(said("new", 1.0), RULES)
    known.record_feedback(said("old", 1.0), RULES)
    assert total(known) == pytest.approx(1 + 0.5**0.1)


def test_nor_after_its_task_did() -> None:
    known = OutcomeStore()
    known.record_feedback(said("old", 1.0), LearningSettings(enabled=True))
    for number in range(MAX_TASKS):
        known.record_feedback(
            said(f"r{number}", 1.0, task=f"t{number}"), LearningSettings(enabled=True)
        )
    known.record_feedback(said("new", 1.0), LearningSettings(enabled=True))
    known.record_feedback(said("old", 1.0), LearningSettings(enabled=True))
    assert total(known) == pytest.approx(2, abs=1e-3)
