import asyncio
import time
from decimal import Decimal
from pathlib import Path

import pytest

from observability.evaluation.grading.metric import read_metric
from observability.evaluation.running.answer_grader import AnswerGrader, GradingTools
from observability.evaluation.running.case_request import case_request
from observability.evaluation.running.evaluation_run import EvaluationRun, RunPace
from observability.evaluation.running.metric_process import MetricError, MetricProcess
from observability.evaluation.running.pair_judging import PairJudging
from producers.contract import ChatBody, Done, Failed, Request, topics
from tests.unit.observability.evaluation.evaluation_fakes import Fleet, case, done, plan

MOST = Decimal(1_000)
CASES = [case(f"c{number:03}") for number in range(40)]


async def unchecked(*_: object) -> list[str]:
    return []


def grader(metric: str = "exact") -> AnswerGrader:
    return AnswerGrader(read_metric(metric), GradingTools(unchecked, lambda each: each.validators))


def yes(request: Request) -> Done:
    return done(request, "yes")


async def test_every_case_is_asked_once_of_every_candidate(tmp_path: Path) -> None:
    fleet = Fleet(yes)
    async with fleet.exchange(plan(), tmp_path / "calls") as exchange:
        run = EvaluationRun(plan(), CASES, exchange, lambda _: MOST, RunPace(4))
        await run.ask_all(None)
        answers = await run.graded(grader())
    asked = [(each.body.model, each.id) for each in fleet.requests]
    assert len(asked) == len(set(asked)) == 80
    assert {model for model, _ in asked} == {"large", "small"}
    assert [answer.good for answer in answers] == [True] * 80
    assert exchange.cap.spent == 80 * 100
    assert exchange.cap.held == 0


async def test_the_request_is_an_ordinary_one_outside_of_the_cache() -> None:
    request = case_request(plan(max_tokens=7), case("a", residency=("eu",), task="sql"), "small")
    routing = request.routing
    assert (request.body.model, request.body.max_tokens) == ("small", 7)
    assert (routing.cache.mode, routing.cache.about) == ("no-cache", "conversation")
    assert routing.tags == {"evaluation": "trial"}
    assert (routing.residency, routing.latency, routing.task) == (("eu",), "interactive", "sql")
    assert case_request(plan(), case("a"), "small").routing.task is None


async def test_the_cap_is_never_exceeded(tmp_path: Path) -> None:
    """Every request costs as much as it can."""
    fleet = Fleet(lambda request: done(request, "yes", cost=1_000))
    capped = plan(cap_micro_usd=Decimal(10_500))
    async with fleet.exchange(capped, tmp_path / "calls") as exchange:
        run = EvaluationRun(capped, CASES, exchange, lambda _: MOST, RunPace(16))
        await run.ask_all(None)
    assert run.progress.out_of_money
    assert len(fleet.requests) == 10
    assert exchange.cap.spent == 10_000 <= capped.cap_micro_usd


async def test_what_has_no_price_costs_what_was_held_for_it(tmp_path: Path) -> None:
    fleet = Fleet(lambda request: done(request, "yes", cost=None))
    capped = plan(cap_micro_usd=Decimal(3_000))
    async with fleet.exchange(capped, tmp_path / "calls") as exchange:
        run = EvaluationRun(capped, CASES, exchange, lambda _: MOST, RunPace(16))
        await run.ask_all(None)
    assert len(fleet.requests) == 3


async def test_a_run_that_was_cut_goes_on_without_asking_twice(tmp_path: Path) -> None:
    silent_after = 25

    def answer(request: Request) -> Done | None:
        return done(request, "yes") if len(fleet.requests) <= silent_after else None

    fleet = Fleet(answer)
    async with fleet.exchange(plan(), tmp_path / "calls") as exchange:
        run = EvaluationRun(plan(), CASES, exchange, lambda _: MOST, RunPace(8))
        cut = asyncio.create_task(run.ask_all(None))
        await fleet.broker.until(lambda: len(fleet.requests) == silent_after + 8)
        cut.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cut
    held = [request for request in fleet.requests if request.id not in exchange.journal.answered]
    assert held
    # their replies come while nobody listens
    for request in held:
        await fleet.reply(request.tenant, done(request, "yes"))
    fleet.answer = yes
    async with fleet.exchange(plan(), tmp_path / "calls") as again:
        run = EvaluationRun(plan(), CASES, again, lambda _: MOST, RunPace(8))
        await run.ask_all(None)
    ids = [request.id for request in fleet.requests]
    assert len(ids) == len(set(ids)) == 80
    assert len(again.journal.answered) == 80
    assert again.cap.spent == 80 * 100


@pytest.mark.parametrize(("days", "published"), [(1, True), (8, False)])
async def test_what_was_reserved_is_published_while_the_topics_tell_that_it_wasnt(
    tmp_path: Path,
    days: int,
    published: bool,  # noqa: FBT001
) -> None:
    """After a week nobody knows whether it was answered, and paid for."""
    recent = plan(created_ms=int((time.time() - days * 86_400) * 1000))
    fleet = Fleet(yes)
    request = case_request(recent, CASES[0], "large")
    async with fleet.exchange(recent, tmp_path / "calls") as exchange:
        exchange.journal.reserve(request.id, "t", MOST)
    async with fleet.exchange(recent, tmp_path / "calls") as again:
        assert again.cap.held == MOST
        assert await again.ask(request, MOST)
        await again.settled()
        assert again.cap.held == (0 if published else MOST)
        outcome = again.journal.answered[request.id].outcome
    assert [each.id for each in fleet.requests] == ([request.id] if published else [])
    assert outcome == ("done" if published else "no reply")


async def test_anothers_reply_isnt_taken(tmp_path: Path) -> None:
    fleet = Fleet(lambda _: None)
    async with fleet.exchange(plan(), tmp_path / "calls") as exchange:
        request = case_request(plan(), CASES[0], "large")
        assert await exchange.ask(request, MOST)
        await fleet.reply("somebody", done(request, "no"))
        await fleet.broker.has(topics.EVALUATION_REPLIES, 1)
        assert not exchange.journal.answered
        await fleet.reply("t", done(request, "yes"))
        await exchange.settled()
    assert exchange.journal.answered[request.id].text == "yes"


async def test_what_isnt_answered_in_time_counts_as_a_failure_and_stays_booked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observability.evaluation.running.call_exchange._GRACE_S", 0)
    fleet, hasty = Fleet(lambda _: None), plan(within_s=0.01)
    async with fleet.exchange(hasty, tmp_path / "calls") as exchange:
        run = EvaluationRun(hasty, CASES[:1], exchange, lambda _: MOST, RunPace(4))
        await run.ask_all(None)
        answers = await run.graded(grader())
    assert [(answer.call.outcome, answer.good) for answer in answers] == [("no reply", False)] * 2
    assert exchange.cap.held == 2 * MOST


async def test_a_failure_is_graded_as_one(tmp_path: Path) -> None:
    def answer(request: Request) -> Done | Failed:
        if request.body.model == "large":
            return done(request, "yes")
        return Failed(id=request.id, code="content_filtered", message="no", retryable=False)

    fleet = Fleet(answer)
    async with fleet.exchange(plan(), tmp_path / "calls") as exchange:
        run = EvaluationRun(plan(), CASES[:3], exchange, lambda _: MOST, RunPace(4))
        await run.ask_all(None)
        answers = await run.graded(grader())
    assert {(each.candidate, each.good) for each in answers} == {("large", True), ("small", False)}


async def test_a_candidate_is_dropped_once_its_verdict_is_clear(tmp_path: Path) -> None:
    cases = [case(f"c{number:03}") for number in range(400)]
    early = plan(stop_early=True, look_every=20, candidates=("large", "small", "bad"), margin=0.1)
    fleet = Fleet(lambda request: done(request, "no" if request.body.model == "bad" else "yes"))
    async with fleet.exchange(early, tmp_path / "calls") as exchange:
        run = EvaluationRun(early, cases, exchange, lambda _: MOST, RunPace(32))
        await run.ask_all(grader())
    asked = dict.fromkeys(early.candidates, 0)
    for request in fleet.requests:
        asked[request.body.model] += 1
    assert asked["bad"] < asked["small"] == asked["large"] < 400
    outcomes = {name: verdict.outcome for name, verdict in run.progress.settled.items()}
    assert outcomes == {"bad": "worse", "small": "not worse"}


async def test_a_judge_hears_both_orders_of_answers_that_differ(tmp_path: Path) -> None:
    """It prefers the word `best`, wherever it stands."""
    judged = plan(metric="judge:wise")

    def answer(request: Request) -> Done:
        if request.body.model != "wise":
            text = "best" if request.body.model == "small" and "000" in request.id else "same"
            return done(request, text)
        data = str(request.body.messages[-1].get("content"))
        first = data.index("best") < data.index("<answer_2>")
        return done(request, f'{{"reason": "r", "better": "{1 if first else 2}"}}')

    fleet = Fleet(answer)
    async with fleet.exchange(judged, tmp_path / "calls") as exchange:
        run = EvaluationRun(judged, CASES[:3], exchange, lambda _: MOST, RunPace(4))
        await run.ask_all(None)
        judging = PairJudging(run, exchange)
        assert await judging.ask_all("wise")
        answers, verdicts = judging.graded()
    assert sum(request.body.model == "wise" for request in fleet.requests) == 2
    assert [verdict.point for verdict in verdicts] == [1]
    points = [each.preference for each in answers if each.candidate == "small"]
    assert sorted(point for point in points if point is not None) == [0, 0, 1]
    assert all(request.routing.tags == {"evaluation": "trial"} for request in fleet.requests)


async def graded_by(tmp_path: Path, place: str, cases: int, seconds: float = 30) -> EvaluationRun:
    """A run whose answers the operator's function has graded."""
    fleet = Fleet(yes)
    metric = grader(f"python:tests.unit.observability.evaluation.running.own_metrics:{place}")
    metric._function = MetricProcess(metric._metric.argument, seconds)  # noqa: SLF001 less patient
    try:
        async with fleet.exchange(plan(), tmp_path / "calls") as exchange:
            run = EvaluationRun(plan(), CASES[:cases], exchange, lambda _: MOST, RunPace(4))
            await run.ask_all(None)
            answers = await run.graded(metric)
    finally:
        await metric.end()
    assert all(answer.good for answer in answers)
    assert len(answers) + 2 * run.progress.ungradable == 2 * cases
    return run


@pytest.mark.parametrize("name", ["sync_metric", "async_metric"])
async def test_the_operators_function_grades(tmp_path: Path, name: str) -> None:
    run = await graded_by(tmp_path, name, 2)
    assert run.progress.ungradable == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken_metric", "raised KeyError"),
        ("odd_metric", "gave nan, not 0 to 1"),
        ("starry_metric", "gave 4, not 0 to 1"),
        ("talkative_metric", "gave a str"),
        ("quitting_metric", "ended its process"),
        ("greedy_metric", "raised MemoryError"),
    ],
)
async def test_a_function_that_fails_at_one_case_leaves_the_others_graded(
    tmp_path: Path, name: str, words: str
) -> None:
    """Each fails at case c001 alone."""
    run = await graded_by(tmp_path, name, 3)
    assert run.progress.ungradable == 1
    (why,) = run.progress.why_ungradable
    assert words in why


async def test_a_function_that_hangs_is_killed_and_no_more_begun_after_five(tmp_path: Path) -> None:
    run = await graded_by(tmp_path, "hanging_metric", 4, seconds=0.1)
    assert run.progress.ungradable == 4
    whys = dict(run.progress.why_ungradable)
    assert [(why.partition(" ")[2], number) for why, number in whys.items()] == [
        ("took more than 0.1 seconds", 5),
        ("ended its process 5 times in a row", 3),
    ]


@pytest.mark.parametrize("place", ["tests.nothing:metric", "tests.nothing", "json:__name__"])
async def test_a_function_that_isnt_there_is_named_before_anything_is_paid(place: str) -> None:
    with pytest.raises(MetricError, match="can't be loaded"):
        await grader(f"python:{place}").check()


@pytest.mark.parametrize(("latency", "streams"), [("interactive", True), ("batch", False)])
def test_who_waits_is_streamed_to(latency: str, streams: bool) -> None:  # noqa: FBT001
    """Else there would be no time to the first token."""
    asked = case_request(plan(latency=latency), CASES[0], "small")
    assert (asked.body.stream, asked.routing.validators) == (streams, ())


def test_a_variant_replaces_the_system_prompt_of_the_case() -> None:
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    asked = case("a", body=ChatBody.model_validate({"messages": said}))
    candidate = "small#short:1"
    planned = plan(candidates=("large", candidate), prompts={candidate: "Brief!"})
    messages = case_request(planned, asked, candidate).body.messages
    assert messages[0] == {"role": "system", "content": "Brief!"}
    assert messages[1:] == [each for each in asked.body.messages if each["role"] != "system"]
    assert case_request(planned, asked, "large").body.messages == asked.body.messages
