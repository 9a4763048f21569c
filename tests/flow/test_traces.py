"""What a trace shows of retries, reroutes, redeliveries, checks, and of what follows a reply."""

import asyncio

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from observability.tracing.semconv import CHECKS_FAILED, DEPLOYMENT, ERROR_TYPE
from observability.tracing.tracer import TracingSettings
from producers.contract import Done, topics
from producers.kafka.broker import Outgoing
from tests.fakes import Waits, answer, fails
from tests.flow.stage import Stage, ask, playing
from tests.seen_spans import said
from workers.planning.request_state import PlanRules
from workers.providers.base.call_outcome import BadCredentials, CallOutcome, RateLimited
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

ALL = TracingSettings(sample_ratio=1)
NO_STORE = {"cache": {"mode": "no-store"}}


async def serves(stage: Stage, number: int) -> list[ReadableSpan]:
    """The servings, once so many have ended, in that order."""
    await stage.broker.until(lambda: len(stage.seen.all("serve ")) >= number)
    return stage.seen.all("serve ")


async def again(stage: Stage, topic: str) -> None:
    """The last record of `topic` comes once more."""
    record = stage.broker.written(topic)[-1]
    await stage.broker.publish(Outgoing(topic, record.value, record.key, record.headers))


def place(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def linked(span: ReadableSpan) -> list[tuple[int, int]]:
    return [(link.context.trace_id, link.context.span_id) for link in span.links]


async def test_a_delayed_request_links_to_its_earlier_try_and_its_wait_shows() -> None:
    limited = [RateLimited(message="slow down", wait_s=0.4)] * 2

    async def script(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        return limited.pop() if limited else answer()

    hasty = PlanRules(patience_s=0.1, backoff_s=0.01, hedge=False)
    batch = ask(routing={"latency": "batch", **NO_STORE})
    async with playing({"eco-a": script, "eco-b": script}, rules=hasty, tracing=ALL) as stage:
        assert isinstance(await stage.client.submit(batch), Done)
        first, second = await serves(stage, 2)
        assert linked(first) == []
        assert linked(second) == [place(first)]
        assert place(first)[0] == place(second)[0]
        waited = stage.seen.named(f"queue {topics.retry_topic_name(1_000)}")
        assert (waited.end_time or 0) - (waited.start_time or 0) >= 0.3e9
        back = stage.seen.named("return to llm.tier.economy")
        for step in (waited, back):
            assert step.parent is not None
            assert step.parent.span_id == place(first)[1]


async def test_a_request_in_another_tier_links_to_the_one_that_gave_it_up() -> None:
    refused = fails(BadCredentials(message="no"))
    never = TracingSettings(sample_ratio=0)
    async with playing({"eco-a": refused, "eco-b": refused}, tracing=never) as stage:
        assert isinstance(await stage.client.submit(ask()), Done)
        first, second = await serves(stage, 2)
        assert [span.name for span in (first, second)] == ["serve economy", "serve standard"]
        assert linked(second) == [place(first)]
        assert said(first)["switchgear.trace.kept"] == "escalated"


@pytest.mark.parametrize("topic", [topics.REQUESTS, "llm.tier.economy"])
async def test_a_record_that_comes_again_links_to_who_answered_it(topic: str) -> None:
    async with playing(tracing=ALL) as stage:
        await stage.client.submit(ask(routing=NO_STORE))
        await again(stage, topic)
        first, second = await serves(stage, 2)
        assert said(second)["switchgear.redelivered"] is True
        assert linked(second) == [place(first)]
        assert linked(first) == []


async def test_a_hit_on_what_was_answered_before_links_to_that_answer() -> None:
    async with playing(tracing=ALL) as stage:
        await stage.client.submit(ask())
        await stage.broker.until(lambda: bool(stage.answers.kept))
        await again(stage, "llm.tier.economy")
        first, second = await serves(stage, 2)
        assert linked(second) == [place(first)]


async def test_checks_are_a_step_that_names_what_failed() -> None:
    texts = ["not json", '{"a": 1}']

    async def script(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        return answer(texts.pop(0))

    rules = PlanRules(hedge=False)
    async with playing({"eco-a": script}, tracing=ALL, rules=rules) as stage:
        checked = ask(routing={"validators": [{"kind": "json_schema", "schema": {}}], **NO_STORE})
        assert isinstance(await stage.client.submit(checked), Done)
        (served,) = await serves(stage, 1)
        failed, passed = stage.seen.all("validate")
        assert said(failed)[CHECKS_FAILED] == ["json_schema"]
        assert said(failed)[ERROR_TYPE] == "validation_failed"
        assert CHECKS_FAILED not in said(passed)
        assert failed.parent is not None
        assert failed.parent.span_id == place(served)[1]


async def test_an_answer_without_checks_has_no_such_step() -> None:
    async with playing(tracing=ALL) as stage:
        await stage.client.submit(ask())
        await serves(stage, 1)
        assert stage.seen.all("validate") == []


async def test_a_judge_who_is_asked_after_the_reply_is_in_the_trace() -> None:
    request = ask("The bridge was built in 1932, and it is 503 m long. " * 20)
    rules = PlanRules(hedge=False)
    async with playing(tracing=ALL, judge_share=1, rules=rules) as stage:
        await stage.client.submit(request)
        await stage.broker.until(lambda: bool(stage.seen.all("second opinion")))
        (served,), (opinion,) = stage.seen.all("serve "), stage.seen.all("second opinion")
        calls = [span.parent.span_id for span in stage.seen.all("chat ") if span.parent]
        assert calls == [place(served)[1], place(opinion)[1]]
        assert opinion.parent is not None
        assert opinion.parent.span_id == place(served)[1]


async def test_a_call_is_a_clients_span_and_a_queues_a_consumers() -> None:
    async with playing(tracing=ALL) as stage:
        await stage.client.submit(ask())
        await serves(stage, 1)
        kinds = {span.name.split()[0]: span.kind.name for span in stage.seen.spans}
    assert kinds["chat"] == "CLIENT"
    assert kinds["reply"] == "PRODUCER"
    assert kinds["queue"] == kinds["route"] == kinds["serve"] == "CONSUMER"
    assert kinds["cache"] == kinds["decide"] == "INTERNAL"


async def test_a_call_that_was_cut_says_what_it_was() -> None:
    slow = Waits()
    async with playing({"eco-a": slow}, tracing=ALL, rules=PlanRules(hedge=False)) as stage:
        request = ask()
        asking = asyncio.create_task(stage.client.submit(request))
        await slow.begun.wait()
        await stage.client.cancel(request.id, tenant=request.tenant)
        await asking
        await serves(stage, 1)
        (call,) = stage.seen.all("chat ")
        assert (said(call)[ERROR_TYPE], said(call)[DEPLOYMENT]) == ("cancelled", "eco-a")
