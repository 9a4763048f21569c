"""Does the gateway's process serve, with the official SDK, and stop in good order?"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from dev.stack import Ports, Stack, stack

ASKED: Any = [{"role": "user", "content": "Say something about queues."}]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    with stack(folder, Ports(), {}) as started:
        yield started


def client_of(running: Stack, **options: Any) -> openai.AsyncOpenAI:  # noqa: ANN401 the SDK's
    return openai.AsyncOpenAI(base_url=f"{running.gateway}/v1", api_key="none", **options)


@pytest.mark.timeout(180)
async def test_the_whole_stack_answers_the_sdk(running: Stack) -> None:
    async with client_of(running, timeout=120) as client:
        raw = await client.chat.completions.with_raw_response.create(model="auto", messages=ASKED)
        assert raw.parse().choices[0].message.content
        assert raw.headers["x-switchgear-tier"] in running.tiers
        for tier in running.tiers:
            async with client.chat.completions.stream(model=tier, messages=ASKED) as stream:
                async for _ in stream:
                    pass
                final = await stream.get_final_completion()
            assert final.choices[0].message.content
            assert final.choices[0].finish_reason == "stop"


@pytest.mark.timeout(180)
async def test_tools_and_structured_output(running: Stack) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    tool: Any = {"type": "function", "function": {"name": "weather", "parameters": schema}}
    form: Any = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}
    async with client_of(running, timeout=120) as client:
        called = await client.chat.completions.create(
            model="economy", messages=ASKED, tools=[tool], tool_choice="required"
        )
        shaped = await client.chat.completions.create(
            model="economy", messages=ASKED, response_format=form
        )
    assert called.choices[0].finish_reason == "tool_calls"
    assert called.choices[0].message.tool_calls
    assert '"city"' in (shaped.choices[0].message.content or "")


@pytest.mark.timeout(180)
async def test_the_whole_stack_answers_anthropics_sdk(running: Stack) -> None:
    options: Any = {"model": "premium", "max_tokens": 3_000, "messages": ASKED}
    tool: Any = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
    thinking: Any = {"type": "enabled", "budget_tokens": 1_024}
    async with anthropic.AsyncAnthropic(base_url=running.gateway, api_key="none") as client:
        async with client.messages.stream(**options) as stream:
            said = await stream.get_final_message()
        called = await client.messages.create(**options, tools=[tool], tool_choice={"type": "any"})
        async with client.messages.stream(**options, thinking=thinking) as stream:
            thought = await stream.get_final_message()
    assert [block.type for block in said.content] == ["text"]
    assert called.stop_reason == "tool_use"
    assert [block.type for block in thought.content] == ["thinking", "text"]


@pytest.mark.timeout(180)
async def test_sigterm_ends_the_process_and_its_streams(running: Stack) -> None:
    (gateway,) = (child for child in running.children if child.name == "gateway")
    async with httpx2.AsyncClient(base_url=running.gateway) as client:
        assert (await client.get("/readyz")).status_code == 200
    status = await asyncio.to_thread(gateway.stop)
    assert status == 0, gateway.tail()
    assert "queues" not in gateway.log.read_text()
