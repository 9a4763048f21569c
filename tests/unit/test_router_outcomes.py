import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers import codec
from producers.feedback import Feedback
from producers.messages import Route
from router import classifier, features, policy, profiles, settings
from router.classifier import Estimate
from router.options import Basis
from router.outcomes import MAX_KEYS, Evidence, Key, Outcomes, believe
from router.settings import Learning, TaskProfile
from tests.unit.routing_cases import catalog, price_of, request

RULES = Learning(enabled=True, min_outcomes=20)
PRIOR = Estimate(0.7, 0.5, 0.85)
KEY: Key = ("acme", "invoices", "economy")


def after(outcomes: int, share: float, rules: Learning = RULES) -> Evidence:
    evidence = Evidence()
    for _ in range(outcomes):
        evidence = evidence.after(share, PRIOR.mean, rules.memory)
    return evidence


def test_nothing_is_learned_while_off_or_from_too_little() -> None:
    assert believe(PRIOR, after(500, 1.0), Learning()) == PRIOR
    assert believe(PRIOR, after(10, 1.0), RULES) == PRIOR


def test_enough_outcomes_bring_the_estimate_to_what_they_show() -> None:
    learned = believe(PRIOR, after(2_000, 0.95), RULES)
    assert learned.mean == pytest.approx(0.95, abs=0.01)
    assert learned.low < learned.mean < learned.high
    assert learned.high - learned.low < PRIOR.high - PRIOR.low


def test_outcomes_as_expected_change_nothing() -> None:
    assert believe(PRIOR, after(300, PRIOR.mean), RULES).mean == pytest.approx(PRIOR.mean)


def test_a_request_harder_than_usual_stays_harder() -> None:
    hard = Estimate(0.5, 0.3, 0.7)
    evidence = after(500, 0.9)
    assert believe(hard, evidence, RULES).mean < believe(PRIOR, evidence, RULES).mean


@given(st.floats(0, 1), st.floats(0.01, 0.99), st.integers(0, 400))
def test_no_outcomes_move_an_estimate_beyond_its_bound(
    share: float, expected: float, outcomes: int
) -> None:
    rules = Learning(enabled=True, min_outcomes=5, max_shift=0.2)
    evidence = Evidence()
    for _ in range(outcomes):
        evidence = evidence.after(share, expected, rules.memory)
    learned = believe(PRIOR, evidence, rules)
    assert abs(learned.mean - PRIOR.mean) <= 0.2 + 1e-9
    assert 0 <= learned.low <= learned.high <= 1


def test_old_outcomes_fade() -> None:
    rules = Learning(enabled=True, min_outcomes=20, memory=50, max_shift=1)
    evidence = after(1_000, 0.0, rules)
    for _ in range(500):
        evidence = evidence.after(1.0, PRIOR.mean, rules.memory)
    assert evidence.good > 100 * evidence.bad


def test_what_was_learned_can_be_seen_forgotten_and_restored() -> None:
    outcomes = Outcomes()
    for tenant, task in (("acme", "a"), ("acme", "b"), ("bank", "a")):
        outcomes.record((tenant, task, "economy"), 1.0, 0.7, RULES)
    copy = dict(outcomes.table())
    assert outcomes.forget(tenant="acme", task="a") == 1
    assert outcomes.forget(tenant="acme") == 1
    assert [key for key, _ in outcomes.table()] == [("bank", "a", "economy")]
    outcomes.restore(copy)
    assert dict(outcomes.table()) == copy


def test_the_number_of_keys_is_bounded() -> None:
    outcomes = Outcomes()
    for number in range(MAX_KEYS + 10):
        outcomes.record((f"t{number}", "a", "economy"), 1.0, 0.7, RULES)
    known = dict(outcomes.table())
    assert len(known) == MAX_KEYS
    assert ("t0", "a", "economy") not in known


def test_feedback_travels_as_json_and_teaches() -> None:
    sent = Feedback(
        id="r1",
        tenant="acme",
        task="invoices",
        tier="economy",
        good=1.0,
        source="validator",
        expected=0.7,
    )
    outcomes = Outcomes()
    outcomes.take(codec.decode_feedback(codec.encode(sent)), RULES)
    outcomes.take(sent.model_copy(update={"expected": None}), RULES)
    (known,) = outcomes.table()
    assert known[0] == KEY
    assert known[1].total == pytest.approx(1.0)


def decide(outcomes: Outcomes, rules: Learning, request_id: str = "r1") -> Route:
    asked = request("Sum up the invoice of May.", tenant="acme", routing={"task": "invoices"})
    asked = asked.model_copy(update={"id": request_id})
    book = catalog(
        tasks={"invoices": {"success": {"economy": 0.7}, "min_quality": 0.9}},
        learning=rules.model_dump(),
    )
    basis = Basis(book, settings.parse(book.policy, book), price_of, outcomes.learned(rules))
    found = features.extract(asked)
    route = policy.choose(asked, found, classifier.score(found), basis)
    assert isinstance(route, Route)
    return route


def test_learning_changes_the_route_and_says_so() -> None:
    outcomes = Outcomes()
    before = decide(outcomes, RULES)
    assert before.tier != "economy"
    assert before.candidates[0].assumed is None
    for _ in range(400):
        outcomes.record(KEY, 1.0, 0.8, RULES)
    after_learning = decide(outcomes, RULES)
    assert after_learning.tier == "economy"
    assert after_learning.candidates[0].assumed == before.candidates[0].success
    assert any("outcomes moved" in reason for reason in after_learning.reasons)
    assert decide(outcomes, Learning()).tier == before.tier


def test_exploration_takes_its_share_and_decides_a_redelivery_alike() -> None:
    rules = Learning(enabled=True, explore=0.1)
    ids = [f"r{number}" for number in range(400)]
    explored = [name for name in ids if decide(Outcomes(), rules, name).tier == "economy"]
    assert 0.05 < len(explored) / len(ids) < 0.16
    assert all(decide(Outcomes(), rules, name).tier == "economy" for name in explored)
    assert decide(Outcomes(), Learning(), explored[0]).tier != "economy"


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
    learned = profiles.learn(profiles.read(lines))
    assert list(learned) == ["tickets"]
    assert learned["tickets"].success["economy"] == pytest.approx(0.9, abs=0.04)
    assert learned["tickets"].output_tokens == pytest.approx(100, abs=3)
    assert "success:" in profiles.to_yaml(learned)


def test_a_profile_as_printed_can_be_read_back() -> None:
    text = profiles.to_yaml({"t": TaskProfile(success={"economy": 0.91}, output_tokens=90)})
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
    with pytest.raises(profiles.BadRecord, match=problem):
        profiles.read([line])
