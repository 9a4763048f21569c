from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from observability.evaluation.data_sets.evaluation_case import EvaluationCase
from observability.evaluation.grading.metric import read_metric
from observability.evaluation.running.answer_grader import AnswerGrader, GradingTools
from observability.evaluation.running.evaluation_run import EvaluationRun, RunPace
from observability.evaluation.running.pair_judging import PairJudging
from observability.evaluation.storage.evaluation_plan import EvaluationPlan
from producers.contract import Done, Failed, Request
from switchgear.evaluation.outcome import Outcome, outcome_of_run
from tests.unit.observability.evaluation.evaluation_fakes import Fleet, case, done, plan

CASES = [case(f"c{number:03}") for number in range(60)]
MOST = Decimal(1_000)


def answered(request: Request) -> Done:
    """The small model is right in all but six cases."""
    wrong = request.body.model == "small" and int(request.id.split("/")[3][1:]) < 6
    return done(request, "no" if wrong else "yes")


def judge_of(*, honest: bool) -> Fleet:
    """A judge that knows the reference, or one that always takes the first answer."""

    def answer(request: Request) -> Done:
        if request.body.model != "wise":
            return answered(request)
        data = str(request.body.messages[-1].get("content"))
        first = "<answer_1>\nyes" in data if honest else True
        return done(request, f'{{"reason": "", "better": "{1 if first else 2}"}}')

    return Fleet(answer)


async def judged(
    tmp_path: Path, fleet: Fleet, labels: dict[str, bool], cases: Sequence[EvaluationCase] = CASES
) -> Outcome:
    planned = plan(metric="judge:wise")
    async with fleet.exchange(planned, tmp_path / "calls") as exchange:
        run = EvaluationRun(planned, cases, exchange, lambda _: MOST, RunPace())
        await run.ask_all(None)
        assert await PairJudging(run, exchange).ask_all("wise")
        return await outcome_of_run(run, exchange, None, labels)


async def asked(
    tmp_path: Path,
    fleet: Fleet,
    planned: EvaluationPlan,
    labels: Mapping[str, bool],
    grader: AnswerGrader | None = None,
) -> Outcome:
    """Of a run over all cases."""
    async with fleet.exchange(planned, tmp_path / "calls") as exchange:
        run = EvaluationRun(planned, CASES, exchange, lambda _: MOST, RunPace())
        await run.ask_all(None)
        return await outcome_of_run(run, exchange, grader, labels)


async def test_a_judges_shares_are_relative_and_its_calls_are_booked(tmp_path: Path) -> None:
    outcome = await judged(tmp_path, judge_of(honest=True), {})
    assert all(result.relative for result in outcome.record.results)
    (verdict, _) = outcome.record.verdicts
    assert (verdict.only_candidate, verdict.only_baseline) == (0, 6)
    # of sixty pairs six differ, and each is judged twice
    assert outcome.record.spent_micro_usd == (120 + 12) * 100
    assert any("No hand labels" in note for note in outcome.record.notes)


async def test_a_judge_that_contradicts_itself_isnt_believed(tmp_path: Path) -> None:
    outcome = await judged(tmp_path, judge_of(honest=False), {})
    assert {verdict.outcome for verdict in outcome.record.verdicts} == {"can't tell"}
    assert any("isn't believed" in note for note in outcome.record.notes)


async def test_labels_say_how_far_a_judge_is_right(tmp_path: Path) -> None:
    planned = plan(metric="judge:wise")
    labels = {
        planned.request_id(each.id, name): name == "large" or number >= 6
        for number, each in enumerate(CASES)
        for name in planned.candidates
    }
    outcome = await judged(tmp_path, judge_of(honest=True), labels)
    (note,) = (note for note in outcome.record.notes if "kappa" in note)
    assert "agree on 100% of 60 labelled pairs, kappa 1.00" in note
    assert note.endswith("unknown.")


async def test_a_judge_that_people_contradict_gives_no_verdict(tmp_path: Path) -> None:
    """A hundred labelled pairs that have nothing to do with what it said."""
    cases = [case(f"c{number:03}") for number in range(120)]
    planned = plan(metric="judge:wise")
    labels = {
        planned.request_id(each.id, name): name == "large" or number % 2 == 0
        for number, each in enumerate(cases[20:])
        for name in planned.candidates
    }
    outcome = await judged(tmp_path, judge_of(honest=True), labels, cases)
    assert {verdict.outcome for verdict in outcome.record.verdicts} == {"can't tell"}
    notes = " ".join(outcome.record.notes)
    assert "100 labelled pairs" in notes
    assert "not usable" in notes
    # of the twenty that nobody labelled, the judge called six worse; its word has no weight
    assert "Corrected by the labels, 50.0%" in notes


async def test_failures_among_cases_that_nobody_labelled_count_for_nobody(tmp_path: Path) -> None:
    planned = plan(metric="human")
    labels = {planned.request_id(each.id, name): True for each in CASES[:10] for name in ("large",)}

    def broken(request: Request) -> Done | Failed:
        if request.body.model == "small":
            return Failed(id=request.id, code="providers_exhausted", message="no", retryable=True)
        return answered(request)

    outcome = await asked(tmp_path, Fleet(broken), planned, labels)
    shares = {each.candidate: (each.cases, each.success) for each in outcome.record.results}
    assert shares == {"large": (10, 1.0), "small": (10, 0.0)}


async def test_people_decide_where_they_have_labelled(tmp_path: Path) -> None:
    planned = plan(metric="human")
    labels = {
        planned.request_id(each.id, name): name == "large"
        for each in CASES[:30]
        for name in planned.candidates
    }
    outcome = await asked(tmp_path, Fleet(answered), planned, labels)
    shares = {each.candidate: (each.cases, each.success) for each in outcome.record.results}
    assert shares == {"large": (30, 1.0), "small": (30, 0.0)}


async def test_a_metric_is_held_against_labels(tmp_path: Path) -> None:
    planned = plan()

    async def unchecked(*_: object) -> list[str]:
        return []

    grader = AnswerGrader(read_metric("exact"), GradingTools(unchecked, lambda _: ()))
    labels = {planned.request_id(each.id, "large"): False for each in CASES[:10]}
    outcome = await asked(tmp_path, Fleet(answered), planned, labels, grader)
    assert any("Metric and people agree on 0% of 10" in note for note in outcome.record.notes)


async def test_a_baseline_that_is_never_good_is_said(tmp_path: Path) -> None:
    async def unchecked(*_: object) -> list[str]:
        return []

    grader = AnswerGrader(read_metric("exact"), GradingTools(unchecked, lambda _: ()))
    wrong = Fleet(lambda request: done(request, "no"))
    outcome = await asked(tmp_path, wrong, plan(), {}, grader)
    assert outcome.record.chosen is None
    assert any("None of the baseline's answers is good" in each for each in outcome.record.notes)
