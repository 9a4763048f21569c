"""What imperfect witnesses teach: a model loses the task that it fails at, and no other."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract import Route
from producers.contract.feedback import Feedback, FeedbackSource
from router.decide import policy, success_model
from router.decide.tier_candidates import RoutingConfig
from router.learn.estimate import Estimate, OutcomeKey
from router.learn.outcome_store import MAX_RECORDED_ANSWERS, OutcomeStore
from router.serve.model_file import default_model
from router.text import features
from runtime.config.sections.feedback_reliability import ASSUMED_RELIABILITY, SourceReliability
from runtime.config.sections.policy import LearningSettings
from tests.unit.router.routing_cases import catalog, price_of, request

RULES = LearningSettings(enabled=True)
PROMISED = 0.84
KEY: OutcomeKey = ("acme", "contracts", "economy")
CAUGHT, FALSE_ALARMS, WORST_FALSE_ALARMS = 0.91, 0.074, 0.16
"""What `bench.groundedness` measures on answers with two claims or more, and its upper bound."""

shares = st.floats(0.01, 0.99)


def said(
    number: int,
    good: float,
    source: FeedbackSource = "lookup",
    task: str = "contracts",
    name: str = "r",
) -> Feedback:
    return Feedback(
        id=f"{name}{number}", tenant="acme", task=task, tier="economy", good=good, source=source,
        expected=PROMISED,
    )  # fmt: skip


def estimate(known: OutcomeStore, task: str = "contracts") -> float:
    key = ("acme", task, "economy")
    return known.posterior(key, Estimate(PROMISED, 0.7, 0.9), RULES).mean


def refusals(ungrounded: float, false_alarms: float, seed: int) -> Iterator[float]:
    """What the look-up says of one answer after the other: 0 refused, 1 passed."""
    chance = random.Random(seed)
    while True:
        is_bad = chance.random() < ungrounded
        yield float(chance.random() >= (CAUGHT if is_bad else false_alarms))


def routed(known: OutcomeStore, task: str) -> Route:
    tasks = {
        name: {"success": {"economy": PROMISED, "standard": 0.93}, "min_quality": 0.8}
        for name in ("contracts", "tickets")
    }
    book = catalog(tasks=tasks, learning=RULES.model_dump())
    config = RoutingConfig(
        book,
        book.policy,
        price_of,
        default_model(),
        known.posterior_with(RULES),
    )
    asked = request("Sum up the text.", tenant="acme", routing={"task": task})
    found = features.extract_features(asked)
    route = policy.choose_route(
        asked, found, success_model.score_features(found, config.model), config
    )
    assert isinstance(route, Route)
    return route


def tier_of(known: OutcomeStore, task: str) -> str:
    return routed(known, task).tier


@pytest.mark.parametrize("seed", range(4))
def test_an_ungrounded_model_loses_its_task_and_an_honest_one_keeps_it(seed: int) -> None:
    known, lost_after = OutcomeStore(), None
    honest = refusals(0.0, FALSE_ALARMS, seed)
    inventive = refusals(0.4, FALSE_ALARMS, seed + 100)
    first = routed(known, "contracts")
    assert first.tier == tier_of(known, "tickets") == "economy"
    expected = {"expected": first.candidates[0].expected}
    for number in range(1_000):
        for task, looks in (("tickets", honest), ("contracts", inventive)):
            heard = said(number, next(looks), task=task, name=task)
            known.record_feedback(heard.model_copy(update=expected), RULES)
        if number % 25 == 0:
            assert tier_of(known, "tickets") == "economy", number
            if lost_after is None and tier_of(known, "contracts") != "economy":
                lost_after = number
    assert lost_after is not None
    assert 100 <= lost_after <= 400
    assert tier_of(known, "contracts") == "standard"


@pytest.mark.parametrize("false_alarms", [0.0, FALSE_ALARMS, WORST_FALSE_ALARMS])
def test_noise_alone_moves_an_honest_model_neither_down_nor_far_up(false_alarms: float) -> None:
    known, honest = OutcomeStore(), refusals(0.0, false_alarms, 1)
    for number in range(3_000):
        known.record_feedback(said(number, next(honest)), RULES)
    assert PROMISED - 0.01 < estimate(known) < PROMISED + 0.09


@given(promised=shares, catches=shares, false_alarms=shares)
def test_a_witness_who_refuses_as_often_as_expected_teaches_nothing(
    promised: float, catches: float, false_alarms: float
) -> None:
    witness = SourceReliability(catches=catches, false_alarms=false_alarms)
    refuses = promised * false_alarms + (1 - promised) * catches
    learned = refuses * witness.probability_good(0, promised) + (
        1 - refuses
    ) * witness.probability_good(1, promised)
    assert learned == pytest.approx(promised)


@given(shares, st.sampled_from([*ASSUMED_RELIABILITY]))
def test_a_refusal_never_speaks_for_an_answer(promised: float, source: FeedbackSource) -> None:
    witness = ASSUMED_RELIABILITY[source]
    assert (
        witness.probability_good(0, promised) <= promised <= witness.probability_good(1, promised)
    )
    assert 0 < witness.weight <= 1


def test_a_persons_word_is_the_outcome_and_a_coin_toss_is_none() -> None:
    assert SourceReliability().probability_good(0.3, 0.9) == pytest.approx(0.3)
    assert SourceReliability().weight == 1
    assert SourceReliability(catches=0.2, false_alarms=0.4).weight == 0
    assert SourceReliability(catches=0.0, false_alarms=0.0).probability_good(
        1, 0.9
    ) == pytest.approx(0.9)


def total(known: OutcomeStore) -> tuple[float, float]:
    """(good, all) outcomes of the task."""
    evidence = dict(known.entries()).get(KEY)
    return (0.0, 0.0) if evidence is None else (sum(evidence.good_counts), evidence.total)


def test_an_answer_counts_once_until_a_person_speaks() -> None:
    known = OutcomeStore()
    known.record_feedback(said(1, 0.0, "judge"), RULES)
    once = total(known)
    assert once[1] == pytest.approx(ASSUMED_RELIABILITY["judge"].weight)
    for source in ("judge", "validator", "lookup"):
        known.record_feedback(said(1, 1.0, source), RULES)
    assert total(known) == once
    known.record_feedback(said(1, 0.9, "user"), RULES)
    assert total(known) == pytest.approx((0.9, 1.0))
    known.record_feedback(said(1, 0.2, "user"), RULES)
    known.record_feedback(said(1, 0.0, "lookup"), RULES)
    assert total(known) == pytest.approx((0.2, 1.0), abs=1e-3)


def test_another_answer_or_tier_counts_by_itself() -> None:
    known = OutcomeStore()
    for feedback in (said(1, 1.0, "user"), said(2, 1.0, "user")):
        known.record_feedback(feedback, RULES)
        known.record_feedback(feedback, RULES)
    known.record_feedback(said(1, 1.0, "user").model_copy(update={"tier": "standard"}), RULES)
    known.record_feedback(said(1, 1.0, "user").model_copy(update={"tenant": "bank"}), RULES)
    assert total(known)[1] == pytest.approx(2, abs=1e-3)
    assert len(list(known.entries())) == 3


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([*ASSUMED_RELIABILITY]), st.floats(0, 1)))
)
def test_whoever_speaks_in_whatever_order_counts_stay_counts(
    heard: list[tuple[int, FeedbackSource, float]],
) -> None:
    known = OutcomeStore()
    for number, source, good in heard:
        known.record_feedback(said(number, good, source), RULES)
    good_ones, seen = total(known)
    assert -1e-9 <= good_ones <= seen + 1e-9
    assert seen <= len({number for number, _, _ in heard}) + 1e-9


def test_what_was_heard_is_forgotten_in_bounded_memory() -> None:
    known = OutcomeStore()
    for number in range(MAX_RECORDED_ANSWERS + 1):
        known.record_feedback(said(number, 1.0, "user"), RULES)
    before = total(known)[1]
    known.record_feedback(said(0, 1.0, "judge"), RULES)
    assert total(known)[1] > before


def test_an_operator_who_measured_a_witness_says_so() -> None:
    rules = LearningSettings.model_validate(
        {"enabled": True, "witnesses": {"judge": {"catches": 0.9, "false_alarms": 0.1}}}
    )
    known = OutcomeStore()
    known.record_feedback(said(1, 1.0, "judge"), rules)
    assert total(known)[1] == pytest.approx(0.64)
    with pytest.raises(ValueError, match="oracle"):
        LearningSettings.model_validate({"witnesses": {"oracle": {}}})
