"""Do Anthropic's own SDKs get what they need, by changing base_url?"""

import asyncio
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI

from gateway.access.api_keys import hash_of, make_key
from gateway.connections.http_limits import HttpLimits
from producers.contract import message_deltas
from tests.fakes import Script, Waits, answer, fails, streams
from tests.flow.gateway_stage import Door, door
from tests.flow.stage import catalog
from workers.providers.base.call_outcome import Completion, RequestRejected, ServerError

ASKED: Any = [{"role": "user", "content": "What is the answer?"}]
CAPABLE = {
    name: {"family": "f", "context_window": 100_000, "capabilities": ["tools", "reasoning"]}
    for name in ("small", "medium", "nobody-knows")
}


def client_of(opened: Door, **options: Any) -> AsyncAnthropic:  # noqa: ANN401 the SDK's
    options = {"api_key": "none", "max_retries": 0, **options}
    return AsyncAnthropic(base_url=opened.address, **options)


async def test_a_message_with_what_came_of_it_in_its_headers() -> None:
    async with door() as opened, client_of(opened) as client:
        raw = await client.messages.with_raw_response.create(
            model="economy",
            max_tokens=100,
            system="Be brief.",
            messages=ASKED,
            stop_sequences=["END"],
            metadata={"user_id": "u1"},
        )
        message = await raw.parse()
        body = opened.stage.calls[0].body
    (block,) = message.content
    assert block.type == "text"
    assert block.text == "42"
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (10, 10)
    assert raw.headers["x-switchgear-tier"] == "economy"
    assert [m["role"] for m in body.messages] == ["system", "user"]
    assert body.model_extra == {"stop": ["END"], "user": "u1"}


async def test_the_synchronous_sdk_streams() -> None:
    async with door({"eco-a": streams("4", "2")}) as opened:

        def ask() -> tuple[str, Any]:
            with (
                Anthropic(base_url=opened.address, api_key="none") as client,
                client.messages.stream(model="economy", max_tokens=9, messages=ASKED) as stream,
            ):
                return "".join(stream.text_stream), stream.get_final_message()

        text, final = await asyncio.to_thread(ask)
    assert text == "42"
    assert final.stop_reason == "end_turn"
    assert (final.usage.input_tokens, final.usage.output_tokens) == (10, 10)


async def test_tools_in_a_stream_and_their_results() -> None:
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate([("ab", '{"x":1}'), ("cd", '{"y":2}')])
    ]
    told = {"role": "assistant", "content": "Let me see.", "tool_calls": calls}
    choice = {"index": 0, "message": told, "finish_reason": "tool_calls"}
    body = {"id": "c", "object": "chat.completion", "choices": [choice]}

    async def script(call: Any, emit: Any) -> Completion:  # noqa: ANN401 the seam's
        if call.body.messages[-1]["role"] == "tool":
            return answer("It rains.")
        await emit({"content": "Let me see."})
        for index, made in enumerate(calls):
            await emit({"tool_calls": [{**made, "index": index}]})
        return Completion(body, answer().usage, "tool_calls", 0.01)

    tools: Any = [{"name": name, "input_schema": {"type": "object"}} for name in ("ab", "cd")]
    made = catalog(models=CAPABLE)
    async with door({"eco-a": script}, catalog=made) as opened, client_of(opened) as client:
        options: Any = {"model": "economy", "max_tokens": 99, "tools": tools}
        async with client.messages.stream(**options, messages=ASKED) as stream:
            final = await stream.get_final_message()
        results: Any = [
            {"type": "tool_result", "tool_use_id": "c0", "content": "rain"},
            {"type": "tool_result", "tool_use_id": "c1", "content": "no", "is_error": True},
        ]
        turns: Any = [
            *ASKED,
            {"role": "assistant", "content": [block.to_dict() for block in final.content]},
            {"role": "user", "content": results},
        ]
        last = await client.messages.create(**options, messages=turns)
        sent = opened.stage.calls[-1].body.messages
    assert [block.type for block in final.content] == ["text", "tool_use", "tool_use"]
    assert [b.input for b in final.content if b.type == "tool_use"] == [{"x": 1}, {"y": 2}]
    assert final.stop_reason == "tool_use"
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
    assert sent[-1]["content"] == "Error:\nno"
    assert last.content[0].type == "text"


async def test_where_a_model_breaks_in_its_thoughts_the_next_ones_stand_beside_them() -> None:
    """The void ones have no signature, so that they go back to nobody."""
    signed = {"type": "thinking", "thinking": "So.", "signature": "s1g"}
    told = {"role": "assistant", "content": "42", "thinking_blocks": [signed]}
    choice = {"index": 0, "message": told, "finish_reason": "stop"}
    body = {"id": "c", "object": "chat.completion", "choices": [choice]}

    async def breaks(_call: Any, emit: Any) -> ServerError:  # noqa: ANN401 the seam's
        for delta in message_deltas({"thinking_blocks": [{"type": "thinking", "thinking": "Hm"}]}):
            await emit(delta)
        return ServerError(message="it broke", status=500)

    async def answers(_call: Any, emit: Any) -> Completion:  # noqa: ANN401 the seam's
        for delta in message_deltas(told):
            await emit(delta)
        return Completion(body, answer().usage, "stop", 0.01)

    scripts: dict[str, Script] = {"eco-a": breaks, "eco-b": answers}
    made = catalog(models=CAPABLE)
    async with door(scripts, catalog=made) as opened, client_of(opened) as client:
        async with client.messages.stream(
            model="economy",
            max_tokens=3_000,
            thinking={"type": "enabled", "budget_tokens": 2_000},
            messages=ASKED,
        ) as stream:
            final = await stream.get_final_message()
        asked: Any = {"model": "economy", "messages": ASKED, "stream": True}
        async with AsyncOpenAI(base_url=f"{opened.address}/v1", api_key="none") as chat:
            words = [chunk async for chunk in await chat.chat.completions.create(**asked)]
    void, *rest = [block.to_dict() for block in final.content]
    assert (void["thinking"], void["signature"]) == ("Hm", "")
    assert rest == [signed, {"type": "text", "text": "42"}]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in words) == "42"


async def test_thoughts_keep_their_signatures_and_come_back_with_the_tools_result() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s1g"},
        {"type": "redacted_thinking", "data": "opaque"},
    ]
    function = {"name": "ab", "arguments": '{"x":1}'}
    call = {"id": "c0", "type": "function", "function": function}
    told: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [call]}
    told |= {"thinking_blocks": blocks, "reasoning_content": "Hm."}
    choice = {"index": 0, "message": told, "finish_reason": "tool_calls"}
    body = {"id": "c", "object": "chat.completion", "choices": [choice]}

    async def script(made: Any, emit: Any) -> Completion:  # noqa: ANN401 the seam's
        if made.body.messages[-1]["role"] == "tool":
            return answer("42")
        for delta in message_deltas(told):
            await emit(delta)
        return Completion(body, answer().usage, "tool_calls", 0.01)

    options: Any = {
        "model": "economy",
        "max_tokens": 3_000,
        "thinking": {"type": "enabled", "budget_tokens": 2_000},
        "tools": [{"name": "ab", "input_schema": {"type": "object"}}],
    }
    made = catalog(models=CAPABLE)
    async with door({"eco-a": script}, catalog=made) as opened, client_of(opened) as client:
        async with client.messages.stream(**options, messages=ASKED) as stream:
            thoughts = [event.thinking async for event in stream if event.type == "thinking"]
            final = await stream.get_final_message()
        result: Any = {"type": "tool_result", "tool_use_id": "c0", "content": "rain"}
        turns: Any = [
            *ASKED,
            {"role": "assistant", "content": [block.to_dict() for block in final.content]},
            {"role": "user", "content": [result]},
        ]
        last = await client.messages.create(**options, messages=turns)
        asked, again = (made.body for made in opened.stage.calls)
    assert asked.model_extra is not None
    assert asked.model_extra["reasoning_effort"] == "low"
    assert thoughts == ["Hm."]
    assert [b.to_dict() for b in final.content[:2]] == blocks
    assert [block.type for block in final.content[2:]] == ["tool_use"]
    assert final.stop_reason == "tool_use"
    assert again.messages[1]["thinking_blocks"] == blocks
    assert last.content[0].type == "text"


async def test_an_answer_of_the_cache_has_its_blocks_in_a_stream_too() -> None:
    thoughts: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s1g"},
        {"type": "redacted_thinking", "data": "opaque"},
    ]
    cited = {
        "type": "char_location", "cited_text": "x", "document_index": 0, "document_title": "d",
        "start_char_index": 0, "end_char_index": 1,
    }  # fmt: skip
    blocks = [*thoughts, {"type": "text", "text": "42", "citations": [cited]}]
    signed = {"role": "assistant", "content": "42", "thinking_blocks": thoughts}
    native = {**signed, "anthropic": {"content": blocks, "stop_reason": "end_turn"}}
    options: Any = {"model": "economy", "max_tokens": 3_000}
    options["thinking"] = {"type": "enabled", "budget_tokens": 2_000}
    for message in (signed, native):
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = {"id": "c", "object": "chat.completion", "choices": [choice]}
        script = fails(Completion(body, answer().usage, "stop", 0.01))
        made = catalog(models=CAPABLE)
        async with door({"eco-a": script}, catalog=made) as opened, client_of(opened) as client:
            whole = await client.messages.create(**options, messages=ASKED)
            async with client.messages.stream(**options, messages=ASKED) as stream:
                final = await stream.get_final_message()
            assert len(opened.stage.calls) == 1
        shown = [block.to_dict(exclude_none=True) for block in final.content]
        assert shown == [block.to_dict(exclude_none=True) for block in whole.content]
        assert shown[:2] == thoughts


async def test_errors_have_their_status_and_type() -> None:
    refused = fails(RequestRejected(message="too hot"))
    async with door({"eco-a": refused}) as opened, client_of(opened) as client:
        for stream in (False, True):
            with pytest.raises(anthropic.BadRequestError) as caught:
                await client.messages.create(
                    model="economy", max_tokens=9, messages=ASKED, stream=stream
                )
            assert caught.value.type == "invalid_request_error"
            assert "too hot" in caught.value.message
        with pytest.raises(anthropic.NotFoundError):
            await client.messages.create(model="nothing", max_tokens=9, messages=ASKED)


async def test_keys_by_either_header_models_and_counts() -> None:
    key = make_key("team-a", "s" * 43)
    made = catalog(gateway={"keys": {"team-a": {"sha256": hash_of(key), "tenant": "t"}}})
    async with door(catalog=made, anonymous=None) as opened:
        async with client_of(opened, api_key=key) as client:
            counted = await client.messages.count_tokens(model="economy", messages=ASKED)
            listed = [model.id async for model in client.models.list()]
            one = await client.models.retrieve("small")
        async with client_of(opened) as stranger:
            with pytest.raises(anthropic.AuthenticationError) as caught:
                await stranger.messages.create(model="economy", max_tokens=9, messages=ASKED)
        headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
        async with httpx2.AsyncClient(base_url=opened.address, headers=headers) as raw:
            sent: Any = {"model": "economy", "max_tokens": 9, "messages": ASKED}
            old = await raw.post("/anthropic/v1/messages?beta=true", json=sent)
            lost = await raw.get("/messages")
    assert 5 <= counted.input_tokens <= 20
    assert listed[:2] == ["auto", "economy"]
    assert one.display_name == "small"
    assert caught.value.type == "authentication_error"
    assert old.json()["content"][0]["text"] == "42"
    assert lost.status_code == 404
    assert lost.json()["error"]["type"] == "not_found_error"


async def test_each_refusal_is_the_sdks_own_exception() -> None:
    narrow, slow = make_key("narrow", "s"), make_key("slow", "s")
    entries = {
        "narrow": {"sha256": hash_of(narrow), "tenant": "t", "scopes": ["chat"]},
        "slow": {"sha256": hash_of(slow), "tenant": "t", "rpm": 1},
    }
    made = catalog(gateway={"keys": entries})
    asked: Any = {"model": "economy", "max_tokens": 9, "messages": ASKED}
    large: Any = [{"role": "user", "content": "x" * 1_100_000}]
    other: Any = [{"role": "user", "content": "What else?"}]
    once = {"extra_headers": {"Idempotency-Key": "k"}}
    short = {"extra_headers": {"x-switchgear-deadline-ms": "300"}}
    late = {"model": "standard", "messages": other, **short}
    invalid = "invalid_request_error"
    reused = {"messages": other, **once}
    cases: list[tuple[str, dict[str, Any], type[anthropic.APIStatusError], int, str]] = [
        ("none", {"extra_body": {"top_k": "x"}}, anthropic.BadRequestError, 400, invalid),
        (narrow, {}, anthropic.PermissionDeniedError, 403, "permission_error"),
        ("none", {"messages": large}, anthropic.RequestTooLargeError, 413, "request_too_large"),
        (slow, {}, anthropic.RateLimitError, 429, "rate_limit_error"),
        ("none", reused, anthropic.UnprocessableEntityError, 422, invalid),
        ("none", late, anthropic.DeadlineExceededError, 504, "timeout_error"),
    ]
    async with door({"std": Waits()}, catalog=made) as opened, client_of(opened) as client:

        async def ask(key: str, **changes: Any) -> None:  # noqa: ANN401 the SDK's
            told: Any = client.with_options(api_key=key).messages
            await told.create(**{**asked, **changes})

        await ask("none", **once)
        await ask(slow)
        for key, changes, kind, status, name in cases:
            with pytest.raises(kind) as caught:
                await ask(key, **changes)
            assert caught.value.status_code == status
            assert caught.value.type == name
            assert caught.value.request_id
        opened.stop.drain()
        with pytest.raises(anthropic.OverloadedError) as overloaded:
            await ask("none")
        assert overloaded.value.response.headers["retry-after"] == "1"


async def test_what_breaks_a_stream_is_an_event_of_its_own() -> None:
    waits = Waits()
    limits = HttpLimits(hold_s=0.05, keep_alive_s=0.05, cancel_grace_s=0.2)
    async with door({"eco-a": waits}, limits=limits) as opened, client_of(opened) as client:

        async def read() -> None:
            async with client.messages.stream(
                model="economy", max_tokens=9, messages=ASKED
            ) as stream:
                async for event in stream:
                    if event.type == "message_start":
                        opened.stop.end()

        with pytest.raises(anthropic.APIStatusError) as caught:
            await read()
        assert caught.value.status_code == 200  # it is out already: the type tells
        assert caught.value.type == "overloaded_error"
