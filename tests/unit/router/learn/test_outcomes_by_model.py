from typing import Final

from producers.contract.feedback import Feedback
from router.learn.estimate import Estimate, served_by
from router.learn.outcome_store import OutcomeStore
from runtime.config.sections.policy import LearningSettings

RULES: Final = LearningSettings(enabled=True, min_outcomes=20)
PRIOR: Final = Estimate(0.9, 0.8, 0.95)


def said(number: int, **fields: object) -> Feedback:
    shown = {"tenant": "acme", "task": "tickets", "tier": "economy", "expected": 0.9, "good": 0.0}
    return Feedback.model_validate({"id": f"r{number}", "source": "user", **shown, **fields})


def test_a_models_outcomes_are_its_own() -> None:
    outcomes = OutcomeStore()
    for number in range(200):
        outcomes.record_feedback(said(number, model="bad"), RULES)
        outcomes.record_feedback(said(number + 1_000, model="good", good=1.0), RULES)
    bad, good = (
        outcomes.posterior(("acme", "tickets", served_by(name)), PRIOR, RULES).mean
        for name in ("bad", "good")
    )
    assert bad < 0.5
    assert good > 0.9
    assert outcomes.posterior(("acme", "tickets", served_by("new")), PRIOR, RULES) is PRIOR
    assert outcomes.posterior(("acme", "tickets", "economy"), PRIOR, RULES) is PRIOR


def test_a_later_word_without_a_model_replaces_what_was_said_of_the_model() -> None:
    outcomes = OutcomeStore()
    for number in range(100):
        outcomes.record_feedback(said(number, model="m", source="validator"), RULES)
        outcomes.record_feedback(said(number, good=1.0), RULES)
    learned = outcomes.posterior(("acme", "tickets", served_by("m")), PRIOR, RULES)
    assert learned.mean > 0.9
    assert [key for key, _ in outcomes.entries()] == [("acme", "tickets", served_by("m"))]


def test_a_swapped_models_outcomes_can_be_forgotten() -> None:
    outcomes = OutcomeStore()
    for number in range(50):
        outcomes.record_feedback(said(number, model="m"), RULES)
    assert outcomes.forget(server=served_by("m")) == 1
    assert list(outcomes.entries()) == []
    outcomes.record_feedback(said(1, good=1.0), RULES)
    assert [key for key, _ in outcomes.entries()] == [("acme", "tickets", "economy")]
