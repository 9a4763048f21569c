"""The official client of Mistral, run against the simulator: it judges what we test against."""

import json
from typing import Any

import pytest
from mistralai.client import Mistral
from mistralai.client import errors as mistral_errors

from dev.simulator.process import Running

from .conftest import KEY

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI_TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
ASKED: Any = [{"role": "user", "content": "What is a queue?"}]


def mistral(simulator: Running) -> Mistral:
    return Mistral(api_key=KEY, server_url=f"{simulator.address}/mistral")


def test_mistral_completes_and_streams(simulator: Running) -> None:
    with mistral(simulator) as client:
        answer = client.chat.complete(model="mistral-small-2501", messages=ASKED)
        text = answer.choices[0].message.content if answer and answer.choices else None
        assert isinstance(text, str)
        pieces: list[Any] = []
        usage = None
        with client.chat.stream(model="mistral-small-2501", messages=ASKED) as events:
            for event in events:
                pieces.append(event.data.choices[0].delta.content)
                usage = event.data.usage or usage
        assert "".join(pieces) == text
        assert usage is not None
        assert usage.completion_tokens == answer.usage.completion_tokens


def test_mistral_calls_a_tool(simulator: Running) -> None:
    with mistral(simulator) as client:
        answer = client.chat.complete(
            model="mistral-small-2501", messages=ASKED, tools=[OPENAI_TOOL], tool_choice="any"
        )
        message: Any = answer.choices[0].message
        assert answer.choices[0].finish_reason == "tool_calls"
        assert json.loads(message.tool_calls[0].function.arguments) == {"city": "simulated"}


def test_mistral_knows_a_throttle(simulator: Running) -> None:
    simulator.control(next=["rate_limited"])
    with mistral(simulator) as client, pytest.raises(mistral_errors.SDKError) as raised:
        client.chat.complete(model="mistral-small-2501", messages=ASKED)
    assert raised.value.status_code == 429
