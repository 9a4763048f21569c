from dataclasses import replace
from decimal import Decimal

import pytest

from observability.evaluation.comparison.candidate_figures import (
    EvaluationNames,
    candidate_figures,
)
from observability.evaluation.comparison.evaluation_record import evaluation_record
from observability.evaluation.comparison.graded_answer import GradedAnswer
from observability.evaluation.comparison.verdicts import VerdictRules, verdicts_of
from observability.evaluation.results.evaluation_result import ALL_TASKS
from tests.unit.observability.evaluation.evaluation_fakes import graded

NAMES = EvaluationNames("trial", "set@1", "exact")
RULES = VerdictRules("large", 0.05, sequential=False)


def pairs(both: int, mine: int, theirs: int, candidate: str = "small") -> list[GradedAnswer]:
    """Cases that both get right, the candidate alone, the baseline alone."""
    answers = []
    for number in range(both + mine + theirs):
        alone, other = number < mine, mine <= number < mine + theirs
        name = f"c{number:05}"
        answers.append(graded(name, candidate, good=not other, cost_micro_usd=Decimal(1)))
        if candidate == "small":
            answers.append(graded(name, "large", good=not alone, cost_micro_usd=Decimal(50)))
    return answers


@pytest.mark.parametrize(
    ("both", "mine", "theirs", "outcome"),
    [
        (990, 5, 5, "not worse"),
        (900, 80, 20, "better"),
        (800, 20, 180, "worse"),
        (90, 5, 5, "can't tell"),
    ],
)
def test_the_verdict_at_a_margin(both: int, mine: int, theirs: int, outcome: str) -> None:
    (verdict,) = verdicts_of(pairs(both, mine, theirs), RULES, ALL_TASKS)
    assert verdict.outcome == outcome
    assert (verdict.only_candidate, verdict.only_baseline) == (mine, theirs)
    assert (verdict.cases_needed is not None) == (outcome == "can't tell")
    assert verdict.cost_ratio == pytest.approx(0.02)


def test_as_bad_as_a_baseline_that_is_never_good_proves_nothing() -> None:
    never = [
        graded(f"c{number:04}", candidate, good=False)
        for number in range(1_000)
        for candidate in ("small", "large")
    ]
    (verdict,) = verdicts_of(never, RULES, ALL_TASKS)
    assert (verdict.outcome, verdict.cases_needed) == ("can't tell", None)
    better = [replace(each, good=each.candidate == "small") for each in never]
    assert verdicts_of(better, RULES, ALL_TASKS)[0].outcome == "better"


def test_a_judge_that_isnt_believed_gives_no_verdict() -> None:
    rules = VerdictRules("large", 0.05, sequential=False, believed=False)
    (verdict,) = verdicts_of(pairs(990, 5, 5), rules, ALL_TASKS)
    assert verdict.outcome == "can't tell"
    assert verdict.cases_needed is None


def test_several_candidates_are_held_to_a_stricter_level() -> None:
    answers = pairs(900, 30, 30)
    alone = verdicts_of(answers, RULES, ALL_TASKS)
    three = verdicts_of(
        [*answers, *pairs(900, 30, 30, "b"), *pairs(900, 30, 30, "c")], RULES, ALL_TASKS
    )
    assert {verdict.candidate for verdict in three} == {"small", "b", "c"}
    assert three[0].confidence > alone[0].confidence == pytest.approx(0.95)
    assert three[0].low < alone[0].low


def test_a_candidate_that_only_looks_shown_grants_the_others_no_looser_level() -> None:
    """All losses in one conversation: by the cases alone shown, by the conversations not."""
    answers = []
    for number in range(1_000):
        name, group = f"c{number:04}", f"g{number // 25}"
        good = {"large": True, "alike": group != "g0", "spread": number % 33 != 0}
        answers += [graded(name, each, good=told, group=group) for each, told in good.items()]
    rules = VerdictRules("large", 0.05, sequential=False, candidates=2)
    alike, spread = verdicts_of(answers, rules, ALL_TASKS)
    assert (alike.candidate, alike.outcome) == ("alike", "can't tell")
    assert spread.confidence == pytest.approx(1 - 0.025)


def test_turns_of_one_conversation_widen_the_interval() -> None:
    apart, together = [], []
    for number in range(400):
        for candidate in ("large", "small"):
            good = candidate == "large" or number % 40 >= 10
            name, group = f"c{number:03}", f"g{number // 10}"
            apart.append(graded(name, candidate, good=good))
            together.append(graded(name, candidate, good=good, group=group))
    (one,), (other,) = (verdicts_of(each, RULES, ALL_TASKS) for each in (apart, together))
    assert other.low < one.low - 0.05


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("conversations", [1, 5])
def test_a_few_long_conversations_prove_nothing(conversations: int, sequential: bool) -> None:  # noqa: FBT001
    """A thousand turns that all say the same are no more than so many conversations."""
    together = [
        graded(f"c{number:04}", candidate, good=True, group=f"g{number % conversations}")
        for number in range(1_000)
        for candidate in ("small", "large")
    ]
    rules = VerdictRules("large", 0.05, sequential=sequential)
    (verdict,) = verdicts_of(together, rules, ALL_TASKS)
    assert verdict.outcome == "can't tell"
    apart = [replace(each, case=each.case.model_copy(update={"group": None})) for each in together]
    assert verdicts_of(apart, rules, ALL_TASKS)[0].outcome == "not worse"


def test_cost_per_1k_tokens_is_weighted_by_length() -> None:
    """Not the mean of 1,000 and 10 micro-dollars."""
    answers = [
        graded("a", "small", good=True, output_tokens=1, cost_micro_usd=Decimal(1)),
        graded("b", "small", good=False, output_tokens=999, cost_micro_usd=Decimal(9)),
    ]
    result = candidate_figures(NAMES, "small", ALL_TASKS, answers)
    assert result.cost_per_1k_micro_usd == 10
    assert result.cost_per_success_micro_usd == 10
    assert (result.successes, result.cases, result.success) == (1, 2, 0.5)


def test_one_unpriced_call_makes_the_sum_unpriced() -> None:
    answers = [
        graded("a", "small", good=True),
        graded("b", "small", good=True, cost_micro_usd=None),
    ]
    assert candidate_figures(NAMES, "small", ALL_TASKS, answers).cost_micro_usd is None


def test_the_served_model_and_its_figures_come_from_the_replies() -> None:
    served = {"served": "real", "deployment": "eu-1", "finish_reason": "length"}
    answers = [
        graded(f"c{n}", "alias#v2", good=True, call_ms=float(n), first_token_ms=5.0, **served)
        for n in range(100)
    ]
    result = candidate_figures(NAMES, "alias#v2", ALL_TASKS, answers)
    assert (result.model, result.deployment, result.variant) == ("real", "eu-1", "v2")
    assert (result.p50_ms, result.p95_ms, result.first_token_p50_ms) == (49, 94, 5)
    assert result.cut_off == result.answers == 100


def test_the_record_names_the_cheapest_that_isnt_worse_by_task_too() -> None:
    record = evaluation_record(NAMES, RULES, pairs(990, 5, 5), Decimal(7))
    assert record.chosen == "small"
    assert {(each.candidate, each.task) for each in record.results} == {
        ("small", "*"), ("large", "*"), ("small", "other"), ("large", "other"),
    }  # fmt: skip
    assert any("Batches answered" in note for note in record.notes)
    undecided = evaluation_record(NAMES, RULES, pairs(90, 5, 5), Decimal(7))
    assert undecided.chosen is None


def test_of_no_answers_there_is_an_empty_record() -> None:
    record = evaluation_record(NAMES, RULES, [], Decimal(0))
    assert (record.results, record.verdicts, record.chosen) == ((), (), None)
