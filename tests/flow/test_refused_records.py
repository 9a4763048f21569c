"""What a topic never takes stops nobody, and who must mend it is told which topic, and why."""

import logging
from typing import Any

import pytest

from producers.contract import Failed, topics
from producers.kafka.broker import WriteRefusal
from tests.fakes import answer, fails
from tests.flow.batch_stage import waiting_stage
from tests.flow.stage import Stage, ask, playing
from tests.flow.test_batches import all_closed, submit
from tests.flow.test_billing import WatchedBudgets
from workers.providers.base.call_outcome import (
    BadCredentials,
    CallOutcome,
)
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

_MINE = "llm.replies.mine"
_REASON = {
    WriteRefusal.TOO_LARGE: "the record is larger than the topic takes",
    WriteRefusal.NO_TOPIC: "there is no such topic",
    WriteRefusal.NOT_ALLOWED: "we may not write to it",
}


async def wordy(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
    return answer("word " * 2_000)


async def told(stage: Stage, **fields: Any) -> Failed:  # noqa: ANN401 as `ask`
    """The refusal, wherever it is told first."""
    await stage.client.publish(ask(**fields), reply_to=_MINE)
    await stage.broker.until(
        lambda: bool(stage.broker.written(_MINE) or stage.broker.written(topics.REPLIES))
    )
    (reply,) = await stage.replies(topic=_MINE if stage.broker.written(_MINE) else topics.REPLIES)
    assert isinstance(reply, Failed)
    return reply


def letter(stage: Stage) -> tuple[str, str]:
    """(reason, detail) of the only dead letter."""
    (record,) = stage.broker.written(topics.DEAD_LETTERS)
    headers = {name: (value or b"").decode() for name, value in record.headers}
    return headers["x-dlq-reason"], headers["x-dlq-detail"]


@pytest.mark.parametrize("refusal", WriteRefusal)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_reply_that_its_topic_never_takes(
    refusal: WriteRefusal,
    stream: bool,  # noqa: FBT001 a parameter of the test
    caplog: pytest.LogCaptureFixture,
) -> None:
    code = "answer_too_large" if refusal is WriteRefusal.TOO_LARGE else "reply_to_not_allowed"
    async with playing({"eco-a": wordy, "eco-b": wordy}) as stage:
        if refusal is WriteRefusal.TOO_LARGE:
            stage.broker.largest[_MINE] = 3_000
        else:
            stage.broker.refuse(_MINE, refusal)
        with caplog.at_level(logging.ERROR):
            reply = await told(stage, stream=stream)
        for words in (reply.message, letter(stage)[1], caplog.text):
            assert f"could not publish to {_MINE}: {_REASON[refusal]}" in words
        assert (reply.code, letter(stage)[0]) == (code, code)
        (event,) = await stage.events()
        assert len(event.attempts) == len(stage.calls) == 1


@pytest.mark.parametrize("refusal", WriteRefusal)
async def test_a_queue_that_never_takes_a_request(refusal: WriteRefusal) -> None:
    async with playing() as stage:
        stage.broker.refuse("llm.tier.economy", refusal)
        reply = await told(stage)
        large = refusal is WriteRefusal.TOO_LARGE
        code = "request_too_large" if large else "internal_error"
        assert (reply.code, letter(stage)[0]) == (code, code)
        assert f"to llm.tier.economy: {_REASON[refusal]}" in reply.message
        assert f"to llm.tier.economy: {_REASON[refusal]}" in letter(stage)[1]


async def test_a_handover_that_is_never_taken_is_booked() -> None:
    refused = fails(BadCredentials(message="no"))
    async with playing({"eco-a": refused, "eco-b": wordy}) as stage:
        stage.broker.refuse("llm.tier.standard", WriteRefusal.NO_TOPIC)
        checks = [{"kind": "max_length", "characters": 5}]
        reply = await told(stage, routing={"validators": checks})
        assert "could not publish to llm.tier.standard: there is no such topic" in reply.message
        (event,) = await stage.events()
        assert len(event.attempts) == len(stage.calls)


async def test_a_refusal_that_its_topic_never_takes_is_told_once_where_all_are_told() -> None:
    async with playing() as stage:
        stage.broker.largest[_MINE] = 10
        for number in (1, 2):
            sent = ask(model="unheard-of").model_copy(update={"id": f"r{number}"})
            await stage.client.publish(sent, reply_to=_MINE)
        replies = await stage.replies(2)
        assert {reply.id for reply in replies} == {"r1", "r2"}
        assert {reply.code for reply in replies} == {"unknown_model"}
        await stage.broker.until(lambda: sum(stage.broker.committed("router").values()) == 2)
        assert not stage.dead_letters()


async def test_in_a_batch_it_holds_up_nobody_else() -> None:
    async with waiting_stage("openai", full=40, tenants={"t": {"budget_usd_day": 1}}) as stage:
        stage.stage.budgets = budgets = WatchedBudgets()
        broker = stage.stage.broker
        broker.largest[_MINE] = 500
        await stage.stage.client.publish(
            ask("What is it?", routing={"latency": "batch"}), reply_to=_MINE
        )
        await submit(stage, 39)
        async with stage.batching():
            await broker.until(lambda: bool(stage.records()) and all_closed(stage))
        assert len(await stage.stage.replies(39)) == 39
        (reply,) = await stage.stage.replies(topic=_MINE)
        code, detail = letter(stage.stage)
        assert reply.code == code == "answer_too_large"
        assert f"could not publish to {_MINE}" in detail
        events = await stage.stage.events(40)
        costs = [event.cost_micro_usd for event in events]
        assert sorted(map(str, budgets.settled)) == sorted(map(str, costs))


@pytest.mark.parametrize("fails_its_checks", [False, True])
async def test_what_no_batch_answers_and_no_tier_takes_is_told_and_booked(
    fails_its_checks: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    checks = [{"kind": "contains", "texts": ["never said"]}] if fails_its_checks else []
    async with waiting_stage("openai" if fails_its_checks else "aws", full=None) as stage:
        broker = stage.stage.broker
        broker.refuse("llm.tier.economy", WriteRefusal.NO_TOPIC)
        names = await submit(stage, 3, validators=checks)
        async with stage.batching():
            replies = await stage.stage.replies(3)
        assert sorted(reply.id for reply in replies) == names
        assert {reply.code for reply in replies} == {"internal_error"}
        assert len(stage.stage.dead_letters()) == 3
        events = stage.stage.events_written()
        assert len(events) == (3 if fails_its_checks else 0)
        assert len(stage.paid()) == len(events)
