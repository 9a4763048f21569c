import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract import Route, codec
from producers.contract.feedback import Feedback
from router.decide import policy, success_model, task_profiles
from router.decide.tier_candidates import RoutingConfig
from router.learn.calibration import OutcomeEvidence
from router.learn.estimate import Estimate, OutcomeKey
from router.learn.outcome_store import MAX_TASKS, MAX_TRACKS, OutcomeStore, WeighedOutcome
from router.serve import commands
from router.serve.model_file import default_model
from router.text import features
from runtime.config.sections.policy import LearningSettings, TaskProfile
from tests.unit.router.routing_cases import catalog, price_of, request

RULES = LearningSettings(enabled=True, min_outcomes=20, max_shift=1)
PRIOR = Estimate(0.7, 0.5, 0.85)
KEY: OutcomeKey = ("acme", "invoices", "economy")


def taught(outcomes: int, share: float, rules: LearningSettings = RULES) -> OutcomeStore:
    """What `outcomes` answers teach of which every one was as good as `share`."""
    known = OutcomeStore()
    for _ in range(outcomes):
        known.record_outcome(KEY, WeighedOutcome(share, PRIOR.mean), rules)
    return known


def test_nothing_is_learned_while_off_or_from_too_little() -> None:
    assert taught(500, 1.0).posterior(KEY, PRIOR, LearningSettings()) == PRIOR
    assert taught(10, 1.0).posterior(KEY, PRIOR, RULES) == PRIOR
    assert taught(500, 1.0).posterior(("bank", "invoices", "economy"), PRIOR, RULES) == PRIOR


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
def test_enough_outcomes_bring_the_estimate_to_what_they_show(share: float) -> None:
    learned = taught(2_000, share).posterior(KEY, PRIOR, RULES)
    assert learned.mean == pytest.approx(share, abs=0.02)
    assert learned.low < learned.mean < learned.high
    assert learned.high - learned.low < PRIOR.high - PRIOR.low


def test_a_request_harder_than_usual_stays_harder() -> None:
    known = OutcomeStore()
    for promised, share in ((0.5, 0.4), (0.7, 0.6), (0.9, 0.9)):
        for _ in range(200):
            known.record_outcome(KEY, WeighedOutcome(share, promised), RULES)
    means = [known.posterior(KEY, Estimate(p, 0, 1), RULES).mean for p in (0.5, 0.7, 0.9)]
    assert means == sorted(means)
    assert means[2] - means[0] > 0.2


def test_a_task_that_does_worse_than_the_others_is_told_apart() -> None:
    known = OutcomeStore()
    for _ in range(300):
        known.record_outcome(("acme", "easy", "economy"), WeighedOutcome(0.95, 0.8), RULES)
        known.record_outcome(("acme", "hard", "economy"), WeighedOutcome(0.55, 0.8), RULES)
    prior = Estimate(0.8, 0.6, 0.9)
    easy, hard = (known.posterior(("acme", t, "economy"), prior, RULES) for t in ("easy", "hard"))
    assert easy.mean == pytest.approx(0.95, abs=0.05)
    assert hard.mean == pytest.approx(0.55, abs=0.05)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 200))
def test_no_outcomes_move_an_estimate_beyond_its_bound(
    share: float, promised: float, outcomes: int
) -> None:
    rules = LearningSettings(enabled=True, min_outcomes=5, max_shift=0.2)
    known = OutcomeStore()
    for _ in range(outcomes):
        known.record_outcome(KEY, WeighedOutcome(share, promised), rules)
    learned = known.posterior(KEY, PRIOR, rules)
    assert abs(learned.mean - PRIOR.mean) <= 0.2 + 1e-9
    assert 0 <= learned.low <= learned.high <= 1


def test_old_outcomes_fade() -> None:
    evidence = OutcomeEvidence()
    for _ in range(1_000):
        evidence = evidence.with_outcome(0.0, 0.7, 50)
    for _ in range(500):
        evidence = evidence.with_outcome(1.0, 0.7, 50)
    assert sum(evidence.good_counts) > 0.99 * evidence.total
    assert evidence.total < 80


def test_what_was_learned_can_be_seen_and_forgotten() -> None:
    outcomes = OutcomeStore()
    for tenant, tier in (("acme", "economy"), ("acme", "premium"), ("bank", "economy")):
        outcomes.record_outcome((tenant, "a", tier), WeighedOutcome(1.0, 0.7), RULES)
    assert [key for key, _ in outcomes.entries()] == [
        ("acme", "a", "economy"),
        ("acme", "a", "premium"),
        ("bank", "a", "economy"),
    ]
    assert outcomes.forget(tenant="acme", server="premium") == 1
    assert outcomes.forget(tenant="acme") == 1
    assert [key for key, _ in outcomes.entries()] == [("bank", "a", "economy")]


def test_what_is_kept_is_bounded() -> None:
    outcomes = OutcomeStore()
    for number in range(MAX_TRACKS + 10):
        outcomes.record_outcome((f"t{number}", "a", "economy"), WeighedOutcome(1.0, 0.7), RULES)
    for number in range(MAX_TASKS + 10):
        outcomes.record_outcome(
            ("bank", f"task{number}", "economy"), WeighedOutcome(1.0, 0.7), RULES
        )
    tenants = {tenant for (tenant, _, _), _ in outcomes.entries()}
    assert len(tenants) == MAX_TRACKS
    assert "t0" not in tenants
    assert sum(tenant == "bank" for (tenant, _, _), _ in outcomes.entries()) == MAX_TASKS


def test_feedback_travels_as_json_and_teaches() -> None:
    sent = Feedback(
        id="r1",
        tenant="acme",
        task="invoices",
        tier="economy",
        good=1.0,
        source="user",
        expected=0.7,
    )
    outcomes = OutcomeStore()
    outcomes.record_feedback(Feedback.model_validate_json(codec.encode(sent)), RULES)
    outcomes.record_feedback(sent.model_copy(update={"expected": None}), RULES)
    assert dict(outcomes.entries())[KEY].total == pytest.approx(1.0)


def decide(outcomes: OutcomeStore, rules: LearningSettings, request_id: str = "r1") -> Route:
    asked = request("Sum up the invoice of May.", tenant="acme", routing={"task": "invoices"})
    asked = asked.model_copy(update={"id": request_id})
    book = catalog(
        tasks={"invoices": {"success": {"economy": 0.7}, "min_quality": 0.9}},
        learning=rules.model_dump(),
    )
    config = RoutingConfig(
        book,
        book.policy,
        price_of,
        default_model(),
        outcomes.posterior_with(rules),
    )
    found = features.extract_features(asked)
    route = policy.choose_route(
        asked, found, success_model.score_features(found, config.model), config
    )
    assert isinstance(route, Route)
    return route


def test_learning_changes_the_route_and_says_so() -> None:
    outcomes = OutcomeStore()
    before = decide(outcomes, RULES)
    assert before.tier != "economy"
    assert before.candidates[0].assumed is None
    for _ in range(400):
        outcomes.record_outcome(KEY, WeighedOutcome(1.0, 0.8), RULES)
    after_learning = decide(outcomes, RULES)
    assert after_learning.tier == "economy"
    assert after_learning.candidates[0].assumed == before.candidates[0].success
    assert any("outcomes moved" in reason for reason in after_learning.reasons)
    assert decide(outcomes, LearningSettings()).tier == before.tier


def test_exploration_takes_its_share_and_decides_a_redelivery_alike() -> None:
    rules = LearningSettings(enabled=True, explore=0.1)
    ids = [f"r{number}" for number in range(400)]
    explored = [name for name in ids if decide(OutcomeStore(), rules, name).tier == "economy"]
    assert 0.05 < len(explored) / len(ids) < 0.16
    assert all(decide(OutcomeStore(), rules, name).tier == "economy" for name in explored)
    assert decide(OutcomeStore(), LearningSettings(), explored[0]).tier != "economy"


def test_profiles_are_learned_from_recorded_outcomes() -> None:
    rng = random.Random(5)
    lines = [
        json.dumps(
            {
                "task": "tickets",
                "tier": tier,
                "good": rng.random() < share,
                "output_tokens": rng.randint(90, 110),
            }
        )
        for tier, share in (("economy", 0.9), ("premium", 0.97))
        for _ in range(400)
    ]
    lines += [json.dumps({"task": "rare", "tier": "economy", "good": True}), ""]
    learned = task_profiles.learn_profiles(task_profiles.read_outcomes(lines))
    assert list(learned) == ["tickets"]
    assert learned["tickets"].success["economy"] == pytest.approx(0.9, abs=0.04)
    assert learned["tickets"].output_tokens == pytest.approx(100, abs=3)
    assert "success:" in commands.profiles_yaml(learned)


def test_a_profile_as_printed_can_be_read_back() -> None:
    text = commands.profiles_yaml({"t": TaskProfile(success={"economy": 0.91}, output_tokens=90)})
    assert "policy:\n  tasks:\n    t:" in text


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "line 1"),
        ('{"task": "a", "tier": "b"}', "line 1: good: Field required"),
        ('{"task": "a", "tier": "b", "good": 2}', "less than or equal to 1"),
    ],
)
def test_a_bad_line_of_the_record_is_named(line: str, problem: str) -> None:
    with pytest.raises(task_profiles.BadRecord, match=problem):
        task_profiles.read_outcomes([line])
