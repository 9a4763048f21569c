"""Does OpenAI's own SDK get its Responses, by changing base_url?"""

import asyncio
import json
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel

from gateway.connections.http_limits import HttpLimits
from producers.contract import topics
from tests.fakes import Waits, answer, fails
from tests.flow.gateway_stage import PATIENCE_S, Door, door
from tests.flow.stage import catalog
from tests.waiting import until
from workers.providers.base.call_outcome import Completion, RequestRejected

CAPABLE = {
    name: {
        "family": "f",
        "context_window": 100_000,
        "capabilities": ["tools", "reasoning", "json_schema", "logprobs"],
    }
    for name in ("small", "medium", "nobody-knows")
}
CAPABLE_CATALOG = catalog(models=CAPABLE)
NO_CACHE: Any = {"switchgear": {"cache": {"mode": "no-store"}}}


def client_of(opened: Door, **options: Any) -> AsyncOpenAI:  # noqa: ANN401 the SDK's
    options = {"api_key": "none", "max_retries": 0, **options}
    return AsyncOpenAI(base_url=f"{opened.address}/v1", **options)


def says(message: dict[str, Any], reason: str = "stop") -> Any:  # noqa: ANN401 a script
    """A provider that streams the message's parts and ends with it."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    body = {"id": "c", "object": "chat.completion", "choices": [choice]}

    async def script(_call: object, emit: Any) -> Completion:  # noqa: ANN401 the seam's
        if emit is not None:
            for kind in ("reasoning_content", "content", "refusal"):
                for letter in message.get(kind) or "":
                    await emit({kind: letter})
            for index, call in enumerate(message.get("tool_calls") or ()):
                function = call["function"]
                await emit(
                    {
                        "tool_calls": [
                            {**call, "index": index, "function": {**function, "arguments": ""}}
                        ]
                    }
                )
                for letter in function["arguments"]:
                    await emit(
                        {"tool_calls": [{"index": index, "function": {"arguments": letter}}]}
                    )
        return Completion(body, answer().usage, reason, 0.01)

    return script


def called(*calls: tuple[str, str, str]) -> list[dict[str, Any]]:
    return [
        {"id": name, "type": "function", "function": {"name": function, "arguments": arguments}}
        for name, function, arguments in calls
    ]


async def test_a_text_and_what_is_repeated_of_the_request() -> None:
    async with door() as opened, client_of(opened) as client:
        raw = await client.responses.with_raw_response.create(
            model="economy",
            instructions="Be brief.",
            input="What is the answer?",
            max_output_tokens=50,
            metadata={"order": "7"},
        )
        response = raw.parse()
        sent = opened.stage.calls[0].body
    assert response.output_text == "42"
    assert response.status == "completed"
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.total_tokens) == (10, 20)
    assert response.instructions == "Be brief."
    assert response.metadata == {"order": "7"}
    assert response.max_output_tokens == 50
    assert response.id == f"resp_{raw.headers['x-request-id']}"
    assert raw.headers["x-switchgear-tier"] == "economy"
    assert sent.max_completion_tokens == 50
    assert [message["role"] for message in sent.messages] == ["system", "user"]


async def test_the_stream_helper_adds_every_event_up_to_the_response() -> None:
    message = {
        "reasoning_content": "Hm.",
        "content": "Let me see.",
        "tool_calls": called(("c0", "ab", '{"x":1}'), ("c1", "cd", '{"y":2}')),
    }
    tools: Any = [
        {"type": "function", "name": name, "parameters": {"type": "object"}}
        for name in ("ab", "cd")
    ]
    options: Any = {"model": "economy", "input": "Go", "tools": tools, "extra_body": NO_CACHE}
    script = says(message, "tool_calls")
    async with (
        door({"eco-a": script, "eco-b": script}, catalog=CAPABLE_CATALOG) as opened,
        client_of(opened) as client,
    ):
        async with client.responses.stream(**options) as stream:
            events = [event async for event in stream]
            final = await stream.get_final_response()
        whole = await client.responses.create(**options)
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [item.type for item in final.output] == [
        *("reasoning", "message", "function_call", "function_call")
    ]
    assert [item.type for item in whole.output] == [item.type for item in final.output]
    assert final.output_text == "Let me see."
    made = [item for item in final.output if item.type == "function_call"]
    assert [(item.call_id, item.name, item.arguments) for item in made] == [
        ("c0", "ab", '{"x":1}'),
        ("c1", "cd", '{"y":2}'),
    ]
    ends = [e.output_index for e in events if e.type == "response.output_item.done"]
    assert ends == [0, 1, 2, 3]


async def test_structured_output_parses() -> None:
    class Place(BaseModel):
        city: str

    script = says({"content": '{"city": "Bern"}'})
    async with (
        door({"eco-a": script, "eco-b": script}, catalog=CAPABLE_CATALOG) as opened,
        client_of(opened) as client,
    ):
        parsed = await client.responses.parse(model="economy", input="Where?", text_format=Place)
        async with client.responses.stream(
            model="economy", input="Where else?", text_format=Place
        ) as stream:
            final = await stream.get_final_response()
        sent = opened.stage.calls[0].body
    assert parsed.output_parsed == Place(city="Bern")
    assert final.output_parsed == Place(city="Bern")
    assert sent.response_format["type"] == "json_schema"
    assert sent.response_format["json_schema"]["strict"] is True


async def test_a_loop_of_tools_over_previous_response_ids_and_over_items() -> None:
    async def script(call: Any, _emit: Any) -> Completion:  # noqa: ANN401 the seam's
        if call.body.messages[-1]["role"] == "tool":
            return answer("It rains.")
        choice = {
            "index": 0,
            "message": {"role": "assistant", "tool_calls": called(("c0", "weather", "{}"))},
            "finish_reason": "tool_calls",
        }
        body = {"id": "c", "object": "chat.completion", "choices": [choice]}
        return Completion(body, answer().usage, "tool_calls", 0.01)

    tools: Any = [{"type": "function", "name": "weather", "parameters": {"type": "object"}}]
    options: Any = {"model": "economy", "tools": tools, "extra_body": NO_CACHE}
    output: Any = {"type": "function_call_output", "call_id": "c0", "output": "rain"}
    async with (
        door({"eco-a": script, "eco-b": script}, catalog=CAPABLE_CATALOG) as opened,
        client_of(opened) as client,
    ):
        first = await client.responses.create(**options, input="Weather?", instructions="Brief.")
        by_id = await client.responses.create(
            **options, input=[output], previous_response_id=first.id
        )
        sent = opened.stage.calls[-1].body.messages
        items: Any = [{"role": "user", "content": "Weather?"}, *first.output, output]
        by_items = await client.responses.create(**options, input=items)
        references: Any = [
            {"role": "user", "content": "Weather?"},
            *({"type": "item_reference", "id": item.id} for item in first.output),
            output,
        ]
        by_reference = await client.responses.create(**options, input=references)
        third = await client.responses.create(
            **options, input="And tomorrow?", previous_response_id=by_id.id
        )
        whole = opened.stage.calls[-1].body.messages
        for wrong, code in (
            ({"previous_response_id": first.id, "input": "x"}, "invalid_request"),
            ({"input": [output]}, "invalid_request"),
            ({"previous_response_id": "resp_0", "input": "x"}, "previous_response_not_found"),
        ):
            with pytest.raises(openai.APIStatusError) as caught:
                await client.responses.create(**options, **wrong)
            assert caught.value.code == code
            assert "c0" in caught.value.message or "resp_0" in caught.value.message
    assert by_id.output_text == by_items.output_text == by_reference.output_text == "It rains."
    assert by_id.previous_response_id == first.id
    # instructions aren't taken over
    assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
    assert [m["role"] for m in whole] == ["user", "assistant", "tool", "assistant", "user"]
    assert third.output[0].type == "function_call"


async def test_what_is_stored_can_be_read_listed_and_deleted_by_its_tenant_alone() -> None:
    async with door() as opened, client_of(opened) as client:
        made = await client.responses.create(model="economy", input="What is the answer?")
        read = await client.responses.retrieve(made.id)
        items = [item async for item in client.responses.input_items.list(made.id)]
        assert read.output == made.output
        assert read.usage == made.usage
        assert items[0].type == "message"
        assert items[0].id is not None
        opened.responses.kept = {
            ("other", name): text for (_, name), text in opened.responses.kept.items()
        }
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(made.id)
        opened.responses.kept = {
            ("t", name): text for (_, name), text in opened.responses.kept.items()
        }
        await client.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(made.id)
        unkept = await client.responses.create(model="economy", input="Secret", store=False)
        assert opened.responses.kept == {}
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(unkept.id)
        options: Any = {"model": "economy", "input": "x", "background": True}
        with pytest.raises(openai.BadRequestError):
            await client.responses.create(**options, store=False)
        opened.responses.away = True
        with pytest.raises(openai.InternalServerError) as caught:
            await client.responses.create(**options)
        assert caught.value.code == "store_unavailable"
        told = await client.responses.create(model="economy", input="What now?")
        assert told.output_text == "42"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("?stream=true&starting_after=--1", 400),
        ("?stream=true&starting_after=9999999999", 400),
        ("/input_items?limit=" + "0" * 4_999 + "1", 400),
        ("/input_items?" + "a=1&" * 200, 200),
    ],
)
async def test_an_odd_query_is_answered(path: str, status: int) -> None:
    async with door() as opened, client_of(opened) as client:
        made = await client.responses.create(model="economy", input="Hi", background=True)
        await ended(client, made.id)
        async with httpx2.AsyncClient(base_url=opened.address) as plain:
            answered = await plain.get(f"/v1/responses/{made.id}{path}")
        assert answered.status_code == status, answered.text


async def test_in_the_background_to_its_end() -> None:
    waits = Waits()
    async with door({"eco-a": waits}) as opened, client_of(opened) as client:
        made = await client.responses.create(model="economy", input="Slowly", background=True)
        assert made.status == "queued"
        await waits.begun.wait()
        assert (await client.responses.retrieve(made.id)).status == "in_progress"
        waits.let.set()
        done = await ended(client, made.id)
        assert done.status == "completed"
        assert done.output_text == "42"
        again = await client.responses.cancel(made.id)
        assert again.status == "completed"
        stream = await client.responses.retrieve(made.id, stream=True, starting_after=2)
        events = [event async for event in stream]
        assert events[0].sequence_number == 3
        assert events[-1].type == "response.completed"
        assert len(opened.stage.calls) == 1


async def test_in_the_background_cancelled_and_failed() -> None:
    waits = Waits()
    refused = fails(RequestRejected(message="too hot"))
    async with (
        door({"eco-a": waits, "std": refused}) as opened,
        client_of(opened) as client,
    ):
        made = await client.responses.create(model="economy", input="Slowly", background=True)
        await waits.begun.wait()
        assert (await client.responses.cancel(made.id)).status == "cancelled"
        await until(lambda: waits.cut)
        assert (await client.responses.retrieve(made.id)).status == "cancelled"
        other = await client.responses.create(model="standard", input="x", background=True)
        failed = await ended(client, other.id)
        assert failed.status == "failed"
        assert failed.error is not None
        assert failed.error.code == "provider_rejected"
        events = [event async for event in await client.responses.retrieve(other.id, stream=True)]
        assert events[-1].type == "response.failed"


async def test_a_stream_in_the_background_goes_on_where_the_caller_stopped() -> None:
    waits = Waits()
    async with door({"eco-a": waits}) as opened, client_of(opened) as client:
        stream: Any = await client.responses.create(
            model="economy", input="Slowly", background=True, stream=True
        )
        first = await anext(stream)
        assert first.type == "response.created"
        await stream.close()
        await waits.begun.wait()

        async def rest() -> list[Any]:
            told: Any = await client.responses.retrieve(
                first.response.id, stream=True, starting_after=first.sequence_number
            )
            return [event async for event in told if event.type != "keepalive"]

        task = asyncio.create_task(rest())
        waits.let.set()
        events = await task
        assert [event.sequence_number for event in events] == list(range(1, len(events) + 1))
        assert events[-1].response.output_text == "42"
        assert len(opened.stage.calls) == 1


async def test_another_gateway_finds_the_answer_of_one_that_died() -> None:
    waits = Waits()
    async with door({"eco-a": waits}) as opened, client_of(opened) as client:
        made = await client.responses.create(model="economy", input="Slowly", background=True)
        await waits.begun.wait()
        kept = dict(opened.responses.kept)
        waits.let.set()
        assert (await ended(client, made.id)).output_text == "42"
        # as another one sees it, whose follower has never heard of the answer
        opened.responses.kept = kept
        assert (await ended(client, made.id)).output_text == "42"
        assert len(opened.stage.calls) == 1
        assert len(opened.stage.broker.written(topics.REQUESTS)) == 2


async def test_an_error_before_a_stream_is_a_status() -> None:
    refused = fails(RequestRejected(message="too hot"))
    async with door({"eco-a": refused}) as opened, client_of(opened) as client:
        for stream in (False, True):
            with pytest.raises(openai.BadRequestError) as caught:
                await client.responses.create(model="economy", input="x", stream=stream)
            assert caught.value.code == "provider_rejected"


async def test_an_error_within_a_stream_is_its_last_event() -> None:
    limits = HttpLimits(hold_s=0.05, keep_alive_s=0.05, cancel_grace_s=0.2)
    async with door({"std": Waits()}, limits=limits) as opened, client_of(opened) as client:
        stream: Any = await client.responses.create(model="standard", input="x", stream=True)
        events: list[Any] = [await anext(stream) for _ in range(4)]
        opened.stop.end()
        events += [event async for event in stream]
    kinds = [str(event.type) for event in events]
    assert kinds[:4] == [
        *("response.created", "response.in_progress", "keepalive", "keepalive"),
    ]
    assert kinds[-1] == "response.failed"
    assert events[-1].response.error.code == "server_shutting_down"


async def test_the_tokens_of_an_input_with_what_came_before_it() -> None:
    async with door() as opened, client_of(opened) as client:
        first = await client.responses.create(model="economy", input="Name a river. " * 40)
        alone = await client.responses.input_tokens.count(model="economy", input="Longer?")
        after = await client.responses.input_tokens.count(
            model="economy", input="Longer?", previous_response_id=first.id
        )
        assert alone.object == "response.input_tokens"
        assert 0 < alone.input_tokens < 20
        assert after.input_tokens > alone.input_tokens + 100
        with pytest.raises(openai.NotFoundError):
            await client.responses.input_tokens.count(input="a", previous_response_id="resp_x")
        assert len(opened.stage.calls) == 1


async def test_hosted_tools_and_unknown_items_are_refused_by_name() -> None:
    async with door() as opened, client_of(opened) as client:
        for wrong, named in (
            ({"input": "x", "tools": [{"type": "web_search"}]}, "web_search"),
            ({"input": [{"type": "computer_call"}]}, "computer_call"),
            ({"input": "x", "conversation": "conv_1"}, "conversation"),
            ({"input": "x", "text": {"format": {"type": "yaml"}}}, "yaml"),
            ({"input": []}, "input"),
        ):
            with pytest.raises(openai.BadRequestError) as caught:
                await client.responses.create(model="economy", **wrong)
            assert named in caught.value.message
        assert opened.stage.broker.written(topics.REQUESTS) == []


async def test_what_codex_sends() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "s1g"}]
    patch = json.dumps({"input": "*** Begin Patch"})
    first = {
        "reasoning_content": "Hm.",
        "thinking_blocks": blocks,
        "tool_calls": called(("c0", "apply_patch", patch)),
    }

    async def script(call: Any, emit: Any) -> Any:  # noqa: ANN401 the seam's
        if call.body.messages[-1]["role"] == "tool":
            return await says({"content": "Done."})(call, emit)
        return await says(first, "tool_calls")(call, emit)

    tools: Any = [
        {"type": "custom", "name": "apply_patch", "description": "Edits.", "format": {
            "type": "grammar", "syntax": "lark", "definition": "start: x"}},
        {"type": "function", "name": "shell", "strict": False, "parameters": {"type": "object"}},
    ]  # fmt: skip
    body: Any = {
        "model": "economy",
        "instructions": "You are Codex.",
        "tools": tools,
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "abc",
        "text": {"verbosity": "low"},
    }
    asked: Any = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "Fix"}],
    }
    async with door({"eco-a": script, "eco-b": script}, catalog=CAPABLE_CATALOG) as opened:
        async with httpx2.AsyncClient(base_url=opened.address, timeout=PATIENCE_S) as client:
            events = await told(client, {**body, "input": [asked]})
            items = [e["item"] for e in events if e["type"] == "response.output_item.done"]
            output = {"type": "custom_tool_call_output", "call_id": "c0", "output": "ok"}
            more = await told(client, {**body, "input": [asked, *items, output]})
        sent = opened.stage.calls[-1].body.messages
    assert [item["type"] for item in items] == ["reasoning", "custom_tool_call"]
    assert items[1]["input"] == "*** Begin Patch"
    assert events[-1]["response"]["id"].startswith("resp_")
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool"]
    assert sent[2]["thinking_blocks"] == blocks
    assert more[-1]["response"]["output"][0]["content"][0]["text"] == "Done."


async def told(client: httpx2.AsyncClient, body: Any) -> list[dict[str, Any]]:  # noqa: ANN401 JSON
    """The data of each event, whose `event:` line says the same."""
    response = await client.post("/v1/responses", json=body)
    assert response.status_code == 200, response.text
    events = []
    for block in response.text.strip().split("\n\n"):
        name, data = block.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


async def ended(client: AsyncOpenAI, response_id: str) -> Any:  # noqa: ANN401 the SDK's
    """The response, once it isn't pending."""

    async def response() -> Any:  # noqa: ANN401 the SDK's
        seen = await client.responses.retrieve(response_id)
        return seen if seen.status not in ("queued", "in_progress") else None

    return await until(response, within_s=PATIENCE_S)
