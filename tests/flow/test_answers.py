import asyncio
from dataclasses import replace
from decimal import Decimal

from observability.ledger.schema import failed_cost
from producers.contract import Chunk, Done, Failed, Usage
from tests.fakes import Script, Waits, answer, content, fails, streams
from tests.flow.stage import ask, playing
from workers.planning.request_state import PlanRules
from workers.providers.base.call_outcome import (
    BadCredentials,
    CallOutcome,
    ContentFiltered,
    RateLimited,
    RequestRejected,
    ServerError,
    StreamTruncated,
)
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

BROKEN = ServerError(message="it broke", status=500)
HASTY = PlanRules(patience_s=0.1, backoff_s=0.01, hedge=False)


async def test_a_request_comes_back_answered_priced_and_traced() -> None:
    async with playing() as stage:
        reply = await stage.client.submit(ask())
        assert isinstance(reply, Done)
        assert content(reply.body) == "42"
        assert (reply.route.tier, reply.route.deployment) == ("economy", "eco-a")
        assert (reply.cost_micro_usd, reply.baseline_micro_usd) == (Decimal(20), Decimal(200))
        assert len(reply.trace_id or "") == 32
        (event,) = await stage.events()
        assert (event.id, event.trace_id) == (reply.id, reply.trace_id)
        assert event.cost_micro_usd == 20
        assert event.savings is not None
        assert event.savings.routing == 180


async def test_a_stream_comes_in_order_and_ends() -> None:
    async with playing({"eco-a": streams("Hel", "lo ", "world")}) as stage:
        parts = [part async for part in stage.client.stream(ask(stream=True))]
        assert [type(part) for part in parts[-2:]] == [Chunk, Done]
        chunks = [part for part in parts if isinstance(part, Chunk)]
        assert [chunk.seq for chunk in chunks] == list(range(len(chunks)))
        assert "".join(chunk.delta["content"] for chunk in chunks) == "Hello world"


async def test_the_second_asker_gets_the_cached_answer_for_nothing() -> None:
    async with playing() as stage:
        first = await stage.client.submit(ask())
        await stage.broker.until(lambda: bool(stage.answers.kept))
        second = await stage.client.submit(ask())
        assert isinstance(first, Done)
        assert isinstance(second, Done)
        assert second.body == first.body
        assert second.cache.result == "hit"
        assert second.cost_micro_usd == 0
        assert second.cache.saved_micro_usd == 20
        assert len(stage.calls) == 1


async def test_a_cached_answer_to_a_stream_is_one_chunk() -> None:
    async with playing() as stage:
        await stage.client.submit(ask())
        await stage.broker.until(lambda: bool(stage.answers.kept))
        parts = [part async for part in stage.client.stream(ask(stream=True))]
        assert [type(part) for part in parts] == [Chunk, Done]
        assert isinstance(parts[0], Chunk)
        assert parts[0].delta["content"] == "42"


async def test_only_if_cached_never_calls() -> None:
    async with playing() as stage:
        routing = {"cache": {"mode": "only-if-cached"}}
        reply = await stage.client.submit(ask(routing=routing))
        assert isinstance(reply, Failed)
        assert reply.code == "not_in_cache"
        assert stage.calls == []
    assert stage.answers.open == 0


async def test_the_next_deployment_answers_when_the_first_is_broken() -> None:
    async with playing({"eco-a": fails(BROKEN)}) as stage:
        reply = await stage.client.submit(ask())
        assert isinstance(reply, Done)
        assert [attempt.outcome for attempt in reply.route.attempts] == ["ServerError", "ok"]
        assert reply.route.deployment == "eco-b"


async def test_a_tier_that_is_down_hands_over_to_the_next() -> None:
    refused = fails(BadCredentials(message="the key in A_KEY is wrong", status=401))
    async with playing({"eco-a": refused, "eco-b": refused}) as stage:
        reply = await stage.client.submit(ask())
        assert isinstance(reply, Done)
        assert reply.route.tier == "standard"
        assert stage.called() == ["a", "b", "c"]
        assert len(reply.route.attempts) == 3
        assert any("refused its credentials" in reason for reason in reply.route.reasons)
    assert stage.answers.open == 0


async def test_no_key_anywhere_is_told_as_what_it_is() -> None:
    refused = fails(BadCredentials(message="no key: set A_KEY"))
    async with playing(dict.fromkeys(["eco-a", "eco-b", "std"], refused)) as stage:
        reply = await stage.client.submit(ask())
        assert isinstance(reply, Failed)
        assert reply.code == "bad_credentials"
        assert not reply.retryable
        assert "operator" in reply.message


async def test_what_the_provider_rejects_is_not_tried_elsewhere() -> None:
    for outcome, code in (
        (RequestRejected(message="bad tool"), "provider_rejected"),
        (ContentFiltered(message="no"), "content_filtered"),
    ):
        async with playing({"eco-a": fails(outcome)}) as stage:
            reply = await stage.client.submit(ask())
            assert isinstance(reply, Failed)
            assert (reply.code, stage.called()) == (code, ["a"])


async def test_a_refusal_of_our_translation_is_not_the_callers() -> None:
    changed = ("top_k was dropped: no such parameter",)
    ours = RequestRejected(message="system: odd", status=400, translated=True, warnings=changed)
    async with playing({"eco-a": fails(ours)}) as stage:
        reply = await stage.client.submit(ask())
        assert isinstance(reply, Done)
        assert stage.called() == ["a", "b"]
        assert reply.warnings == (
            f"eco-a was passed over: system: odd (changed for it: {changed[0]})",
        )


async def test_what_a_dialect_has_no_words_for_goes_to_one_that_has_even_a_tier_up() -> None:
    unsaid = RequestRejected(message="n: one answer only", unsent=True)
    async with playing(dict.fromkeys(["eco-a", "eco-b"], fails(unsaid))) as stage:
        reply = await stage.client.submit(ask())
        assert isinstance(reply, Done)
        assert (reply.route.tier, stage.called()) == ("standard", ["a", "b", "c"])


async def test_when_no_deployment_can_say_it_the_caller_is_told_the_field() -> None:
    unsaid = RequestRejected(message="n: one answer only", unsent=True)
    async with playing(dict.fromkeys(["eco-a", "eco-b", "std"], fails(unsaid))) as stage:
        reply = await stage.client.submit(ask())
        assert isinstance(reply, Failed)
        assert (reply.code, reply.retryable) == ("unsupported_content", False)
        assert "n: one answer only" in reply.message
        (event,) = await stage.events()
        assert event.outcome == "unsupported_content"
        assert event.cost_micro_usd == 0


async def test_who_cannot_say_it_is_asked_once_however_often_it_comes_back() -> None:
    unsaid = RequestRejected(message="n: one answer only", unsent=True)
    limited = [RateLimited(message="slow down", wait_s=0.4)] * 3

    async def script(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        return limited.pop() if limited else unsaid

    scripts = {"eco-a": fails(unsaid), "eco-b": script, "std": fails(unsaid)}
    async with playing(scripts, rules=HASTY) as stage:
        reply = await stage.client.submit(ask(routing={"latency": "batch"}))
        assert isinstance(reply, Failed)
        assert (reply.code, reply.retryable) == ("unsupported_content", False)
        assert "n: one answer only" in reply.message
        assert sorted(stage.called()) == ["a", *"bbbb", "c"]
        delayed = stage.broker.written("llm.retry.1000")
        # what was never sent is no attempt of those that a tier has
        assert [dict(each.headers)["x-attempt"] for each in delayed] == [b"1", b"2", b"3"]


async def test_a_batch_request_comes_back_after_its_delay() -> None:
    limited = [RateLimited(message="slow down", wait_s=0.4)] * 2

    async def script(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        return limited.pop() if limited else answer()

    async with playing({"eco-a": script, "eco-b": script}, rules=HASTY) as stage:
        reply = await stage.client.submit(ask(routing={"latency": "batch"}))
        assert isinstance(reply, Done)
        assert reply.route.tier == "economy"
        assert len(reply.route.attempts) == 3
        (delayed,) = stage.broker.written("llm.retry.1000")
        assert dict(delayed.headers)["x-target"] == b"llm.tier.economy"
        again = stage.broker.written("llm.tier.economy")[-1]
        assert again.key == delayed.key
        assert "x-due" not in dict(again.headers)
        assert dict(again.headers)["x-attempt"] == b"2"


async def test_a_stream_that_breaks_after_a_part_was_seen_fails_and_is_paid_for() -> None:
    broken = StreamTruncated(message="it ended early", usage=answer().usage)
    async with playing({"eco-a": streams("Hel", then=broken)}) as stage:
        parts = [part async for part in stage.client.stream(ask(stream=True))]
        assert isinstance(parts[-1], Failed)
        assert parts[-1].code == "providers_exhausted"
        assert stage.called() == ["a"]
        (event,) = await stage.events()
        assert event.cost_micro_usd == 20


async def thinks_and_breaks(_call: ProviderRequest, emit: Emit | None) -> CallOutcome:
    assert emit is not None
    await emit({"reasoning_content": "Hm"})
    return StreamTruncated(message="it ended early", usage=answer().usage)


async def test_where_a_call_breaks_in_its_thoughts_another_one_answers_under_a_higher_run() -> None:
    async with playing({"eco-a": thinks_and_breaks, "eco-b": streams("4", "2")}) as stage:
        *chunks, reply = [part async for part in stage.client.stream(ask(stream=True))]
        assert isinstance(reply, Done)
        assert stage.called() == ["a", "b"]
        told = [chunk for chunk in chunks if isinstance(chunk, Chunk)]
        assert told[0].delta == {"reasoning_content": "Hm"}
        assert {chunk.run for chunk in told[1:]} == {told[0].run + 1}
        assert "".join(chunk.delta["content"] for chunk in told[1:]) == "42"
        (event,) = await stage.events()
        assert event.cost_micro_usd == 40


async def test_in_its_turn_a_request_whose_tier_breaks_in_its_thoughts_goes_up() -> None:
    scripts = {"eco-a": thinks_and_breaks, "eco-b": thinks_and_breaks, "std": streams("4", "2")}
    async with playing(scripts) as stage:
        asked = ask(stream=True, routing={"conversation": "c", "ordered": True})
        told: dict[int, list[object]] = {}
        async for part in stage.client.stream(asked):
            if isinstance(part, Chunk):
                told.setdefault(part.run, []).extend(part.delta.values())
        *void, whole = [told[run] for run in range(min(told), max(told) + 1)]
        assert void == [["Hm"]] * (len(stage.calls) - 1)
        assert "".join(map(str, whole)) == "42"
        assert stage.called()[-1] == "c"


async def test_an_unpriced_answer_says_so() -> None:
    async with playing() as stage:
        reply = await stage.client.submit(ask(model="odd"))
        assert isinstance(reply, Done)
        assert reply.cost_micro_usd is None
        (event,) = await stage.events()
        assert (event.cost_micro_usd, event.savings) == (None, None)


async def test_a_deadline_ends_a_call_and_the_request() -> None:
    waits = Waits()
    async with playing({"eco-a": _obedient(waits), "eco-b": _obedient(waits)}) as stage:
        reply = await stage.client.submit(ask(routing={"deadline_ms": 300}))
        assert isinstance(reply, Failed)
        assert (reply.code, reply.retryable) == ("deadline_exceeded", True)


def _obedient(waits: Waits) -> Script:
    """A provider that keeps to its timeout, as the real ones do."""

    async def script(call: ProviderRequest, emit: Emit | None) -> CallOutcome:
        try:
            async with asyncio.timeout(call.timeout_s):
                return await waits(call, emit)
        except TimeoutError:
            return ServerError(message="too late")

    return script


async def test_an_expired_request_is_not_called() -> None:
    async with playing() as stage:
        await stage.send(
            b'{"id":"r1","tenant":"t","body":{"messages":[{"role":"user","content":"x"}]}}',
            x_deadline=1,
        )
        (reply,) = await stage.replies()
        assert (reply.code, reply.retryable) == ("deadline_exceeded", True)
        assert stage.calls == []


async def test_a_flex_call_is_priced_as_flex() -> None:
    async def flex(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        usual = answer()
        return replace(usual, body=usual.body | {"service_tier": "flex"})

    async with playing({"eco-a": flex}) as stage:
        done = await stage.client.submit(ask(service_tier="flex"))
        assert isinstance(done, Done)
        assert done.cost_micro_usd == 10


async def test_an_answer_that_fails_its_checks_was_paid_for_in_vain() -> None:
    said = iter(["too long an answer", "still too long", "short"])

    async def script(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        return answer(next(said))

    checks = {"validators": [{"kind": "max_length", "characters": 10}]}
    scripts = dict.fromkeys(["eco-a", "eco-b", "std"], script)
    async with playing(scripts, rules=HASTY) as stage:
        reply = await stage.client.submit(ask(routing=checks))
        assert isinstance(reply, Done)
        attempts = [attempt.outcome for attempt in reply.route.attempts]
        assert attempts == ["inadequate", "inadequate", "ok"]
        (event,) = await stage.events()
        good = event.attempts[-1].cost_micro_usd
        assert event.cost_micro_usd is not None
        assert good is not None
        assert failed_cost(event) == event.cost_micro_usd - good > 0
        assert event.savings is not None
        assert event.savings.retries == -failed_cost(event)


async def test_the_account_names_the_price_lists_of_all_its_calls() -> None:
    failed = fails(BadCredentials(message="no", usage=Usage(input_uncached=5)))
    async with playing({"eco-a": failed, "eco-b": failed}) as stage:
        assert isinstance(await stage.client.submit(ask()), Done)
        (event,) = await stage.events()
        versions = [attempt.price_version for attempt in event.attempts]
        assert versions == ["list-of-a:1", "list-of-b:1", "list-of-c:1"]
        assert event.price_version == "list-of-a:1,list-of-b:1,list-of-c:1"


async def test_what_has_no_price_names_no_price_list() -> None:
    async with playing() as stage:
        assert isinstance(await stage.client.submit(ask(model="odd")), Done)
        (event,) = await stage.events()
        assert event.cost_micro_usd is None
        assert event.price_version is None
