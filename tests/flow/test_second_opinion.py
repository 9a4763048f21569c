"""A sample of the answers that have a context is judged by a model of the cheapest tier."""

import json
from decimal import Decimal
from typing import Any

from producers.contract import Done, Judgement, Savings, topics
from producers.contract.feedback import Feedback
from producers.kafka.broker import WriteRefusal
from runtime.config.catalog import Catalog
from tests.fakes import answer
from tests.flow.stage import ask, catalog, playing
from workers.providers.base.call_outcome import CallOutcome
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

_CONTEXT = "The quarter closed with 4310 orders, most of them from Lisbon and from Porto. " * 6
_CLAIM = "Returns fell to 977."


async def _answers_and_judges(call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
    if call.request_id is not None and call.request_id.endswith(":judge"):
        return answer(json.dumps({"unsupported": [_CLAIM]}))
    return answer(f"There were 4310 orders. {_CLAIM}")


async def test_an_unsupported_claim_is_counted_accounted_for_and_teaches_the_router() -> None:
    scripts = {"eco-a": _answers_and_judges, "eco-b": _answers_and_judges}
    async with playing(scripts, judge_share=1.0) as stage:
        request = ask(_CONTEXT, routing={"task": "summarise"})
        done = await stage.client.submit(request)
        assert isinstance(done, Done)
        (lesson,) = await stage.broker.has(topics.FEEDBACK, 1)
        feedback = Feedback.model_validate_json(lesson.value)
        assert (feedback.task, feedback.tier, feedback.good) == ("summarise", "economy", 0.0)
        assert feedback.source == "judge"
        event, aside = await stage.events(2)
        assert (event.id, aside.id) == (request.id, f"{request.id}:judge")
        assert (event.aside, aside.aside) == (None, "judge")
        assert aside.judged == Judgement(model="small", supported=False)
        assert (aside.task, aside.deployment, aside.cost_micro_usd) == (
            "summarise",
            "eco-a",
            Decimal(20),
        )
        assert aside.baseline_micro_usd == 0
        assert aside.savings == Savings(judge=Decimal(-20))
        assert (aside.finish_reason, aside.prompt_hash, aside.prefix_hash) == (None, None, None)
        assert stage.reports.events == [event, aside]
        labels = {"model": "small", "by": "judge", "verdict": "unsupported"}
        assert stage.metrics.value("switchgear_groundedness_checks_total", **labels) == 1


async def _taught(routing: dict[str, Any], said: str, **parts: Any) -> list[tuple[str, float]]:  # noqa: ANN401 as Stage's
    """(source, good) of what the answer `said` teaches."""

    async def script(call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        judging = call.request_id is not None and call.request_id.endswith(":judge")
        return answer(json.dumps({"unsupported": []}) if judging else said)

    learning = {"min_quality": 0.0, "learning": {"enabled": parts.pop("learns", True)}}
    parts["catalog"] = catalog(policy=learning)
    async with playing(dict.fromkeys(["eco-a", "eco-b", "std"], script), **parts) as stage:
        await stage.client.submit(ask(_CONTEXT, routing={"task": "qa", **routing}))
        await stage.events(2 if parts.get("judge_share") else 1)
    records = stage.broker.written(topics.FEEDBACK)
    heard = [Feedback.model_validate_json(record.value) for record in records]
    assert len({feedback.id for feedback in heard}) <= 1
    return [(feedback.source, feedback.good) for feedback in heard]


_SOUND = "There were 4310 orders, most from Lisbon and Porto."
_MADE_UP = "There were 4310 orders. Returns fell to 977, says Oporto Freight."
_PASSES = {"validators": [{"kind": "max_length", "characters": 5000}]}


async def test_an_answer_teaches_once_whatever_looked_at_it() -> None:
    assert await _taught({}, _SOUND) == [("lookup", 1.0)]
    assert await _taught({}, _MADE_UP) == [("lookup", 0.0)]
    assert await _taught(_PASSES, _SOUND) == [("validator", 1.0)]
    assert await _taught(_PASSES, _MADE_UP) == [("lookup", 0.0)]
    assert await _taught({}, _MADE_UP, judge_share=1.0) == [("judge", 1.0)]
    assert await _taught(_PASSES, _MADE_UP, judge_share=1.0) == [("validator", 1.0)]


async def test_too_few_claims_teach_nothing() -> None:
    assert await _taught({}, "There were 977 orders.") == []


async def test_a_look_up_is_not_sent_to_a_router_that_does_not_learn() -> None:
    assert await _taught({}, _MADE_UP, learns=False) == []
    assert await _taught(_PASSES, _SOUND, learns=False) == [("validator", 1.0)]


async def test_the_account_names_the_judges_model_and_the_verdict_the_judged_one() -> None:
    scripts = {"eco-a": _answers_and_judges, "std": _answers_and_judges}
    async with playing(scripts, judge_share=1.0) as stage:
        await stage.client.submit(ask(_CONTEXT, routing={"tier": "standard", "task": "qa"}))
        event, aside = await stage.events(2)
        assert (event.model, event.tier, event.cost_micro_usd) == (
            "medium",
            "standard",
            Decimal(200),
        )
        assert (aside.model, aside.tier, aside.cost_micro_usd) == ("small", "economy", Decimal(20))
        assert aside.judged == Judgement(model="medium", supported=False)


async def test_a_judge_that_cannot_be_read_is_paid_all_the_same() -> None:
    async with playing(judge_share=1.0) as stage:
        await stage.client.submit(ask(_CONTEXT, routing={"task": "qa"}))
        _, aside = await stage.events(2)
        assert (aside.cost_micro_usd, aside.judged) == (Decimal(20), None)
        assert stage.broker.written(topics.FEEDBACK) == []


async def test_the_longest_id_has_room_for_the_purpose() -> None:
    async with playing(judge_share=1.0) as stage:
        request = ask(_CONTEXT).model_copy(update={"id": "r" * 200})
        await stage.client.submit(request)
        assert [len(event.id) for event in await stage.events(2)] == [200, 206]


async def test_an_answer_without_a_context_is_not_judged() -> None:
    async with playing(judge_share=1.0) as stage:
        await stage.client.submit(ask("What is Kafka?"))
        await stage.events(1)
        assert len(stage.calls) == 1


async def test_an_evaluations_answer_has_a_judge_of_its_own() -> None:
    async with playing(judge_share=1.0) as stage:
        await stage.client.submit(ask(_CONTEXT, routing={"tags": {"evaluation": "trial"}}))
        await stage.events(1)
        assert len(stage.calls) == 1


async def test_no_judge_is_paid_from_a_budget_that_runs_out() -> None:
    for soft_share, events in ((0.8, 2), (0.00001, 1)):
        tenant = {"budget_usd_day": 1, "budget_soft_share": soft_share}
        book = catalog(tenants={"t": tenant})
        async with playing(judge_share=1.0, catalog=book) as stage:
            done = await stage.client.submit(ask(_CONTEXT))
            assert isinstance(done, Done)
        assert len(stage.broker.written(topics.USAGE)) == events
        assert len(stage.calls) == events


async def test_nobody_judges_himself_where_another_can() -> None:
    book = catalog().model_dump(by_alias=True, exclude_unset=True)
    book["deployments"]["eco-b"]["model"] = "nobody-knows"
    async with playing(judge_share=1.0, catalog=Catalog.model_validate(book)) as stage:
        await stage.client.submit(ask(_CONTEXT))
        answered, judged = await stage.events(2)
        assert (answered.deployment, judged.deployment) == ("eco-a", "eco-b")


async def test_a_judge_may_see_no_more_than_the_one_who_answered() -> None:
    book = catalog().model_dump(by_alias=True, exclude_unset=True)
    for name in ("eco-a", "eco-b"):
        book["deployments"][name]["zone"] = "eu"
    async with playing(judge_share=1.0, catalog=Catalog.model_validate(book)) as stage:
        routing = {"residency": ["us"], "tier": "standard"}
        done = await stage.client.submit(ask(_CONTEXT, routing=routing))
        assert isinstance(done, Done), done
        await stage.events(1)
    assert stage.called() == ["c"]


async def test_a_tenant_who_did_not_ask_for_a_judge_has_none() -> None:
    async with playing() as stage:
        await stage.client.submit(ask(_CONTEXT))
        await stage.events(1)
    assert len(stage.calls) == 1


async def test_a_lesson_that_cannot_be_told_makes_no_second_reply() -> None:
    learning = catalog(policy={"min_quality": 0.0, "learning": {"enabled": True}})
    scripts = dict.fromkeys(["eco-a", "eco-b", "std"], _answers_and_judges)
    async with playing(scripts, catalog=learning, judge_share=1.0) as stage:
        stage.broker.refuse(topics.FEEDBACK, WriteRefusal.NO_TOPIC)
        request = ask(_CONTEXT, routing={"task": "summarise"})
        assert isinstance(await stage.client.submit(request), Done)
        await stage.events(2)
    assert len(stage.broker.written(topics.REPLIES)) == 1
    assert not stage.broker.written(topics.DEAD_LETTERS)
