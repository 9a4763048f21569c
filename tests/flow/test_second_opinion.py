"""A sample of the answers that have a context is judged by a model of the cheapest tier."""

import json

from producers import topics
from producers.feedback import Feedback
from producers.messages import Done
from tests.fakes import answer
from tests.flow.stage import ask, playing
from workers.providers.outcome import Outcome
from workers.providers.provider import Call, Emit

_CONTEXT = "The quarter closed with 4310 orders, most of them from Lisbon and from Porto. " * 6
_CLAIM = "Returns fell to 977."


async def _answers_and_judges(call: Call, _emit: Emit | None) -> Outcome:
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
        ids = [event.id for event in await stage.events(2)]
        assert ids == [request.id, f"{request.id}:judge"]
        labels = {"model": "small", "by": "judge", "verdict": "unsupported"}
        assert stage.metrics.value("switchgear_groundedness_checks_total", **labels) == 1


async def test_an_answer_without_a_context_is_not_judged() -> None:
    async with playing(judge_share=1.0) as stage:
        await stage.client.submit(ask("What is Kafka?"))
        await stage.events(1)
        assert len(stage.calls) == 1
