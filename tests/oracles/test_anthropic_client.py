"""The official client of Anthropic, run against the simulator: it judges what we test against."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from dev.simulator.process import Running

from .conftest import KEY

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ASKED: Any = [{"role": "user", "content": "What is a queue?"}]
LONG = "Answer in the house style. " * 800
MODEL = "claude-haiku-4-5"


@pytest.fixture
def anthropic_client(simulator: Running) -> Iterator[anthropic.Anthropic]:
    url = f"{simulator.address}/anthropic"
    with anthropic.Anthropic(api_key=KEY, base_url=url, max_retries=0) as client:
        yield client


def test_anthropic_completes(anthropic_client: anthropic.Anthropic) -> None:
    message = anthropic_client.messages.create(model=MODEL, max_tokens=100, messages=ASKED)
    block = message.content[0]
    assert block.type == "text"
    assert block.text.startswith("[simulated answer]")
    assert message.stop_reason in {"end_turn", "max_tokens"}
    assert message.usage.output_tokens > 0


def test_anthropic_streams(anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.stream(model=MODEL, max_tokens=900, messages=ASKED) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text.endswith(".")
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 1


@pytest.mark.parametrize("streamed", [False, True])
def test_anthropic_calls_a_tool(anthropic_client: anthropic.Anthropic, streamed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    asked: Any = {
        "model": MODEL,
        "max_tokens": 100,
        "messages": ASKED,
        "tools": [{"name": "weather", "input_schema": SCHEMA}],
    }
    if streamed:
        with anthropic_client.messages.stream(**asked) as stream:
            message = stream.get_final_message()
    else:
        message = anthropic_client.messages.create(**asked)
    block = message.content[0]
    assert message.stop_reason == "tool_use"
    assert block.type == "tool_use"
    assert block.input == {"city": "simulated"}


def test_anthropic_thinks(anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.stream(
        model=MODEL,
        max_tokens=4000,
        messages=ASKED,
        thinking={"type": "enabled", "budget_tokens": 1024},
    ) as stream:
        thought, said = stream.get_final_message().content
    assert thought.type == "thinking"
    assert thought.signature
    assert said.type == "text"


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_anthropic_writes_and_reads_its_cache(
    anthropic_client: anthropic.Anthropic,
    ttl: Any,  # noqa: ANN401 - a literal of the client
) -> None:
    def usage(text: str) -> anthropic.types.Usage:
        system: Any = [
            {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": ttl}}
        ]
        return anthropic_client.messages.create(
            model="claude-sonnet-4-6", max_tokens=50, system=system, messages=ASKED
        ).usage

    first, second = usage(LONG), usage(LONG)
    assert first.cache_creation is not None
    hour = ttl == "1h"
    assert bool(first.cache_creation.ephemeral_1h_input_tokens) is hour
    assert bool(first.cache_creation.ephemeral_5m_input_tokens) is not hour
    assert first.cache_read_input_tokens == 0
    assert second.cache_read_input_tokens == first.cache_creation_input_tokens
    assert second.cache_creation_input_tokens == 0
    assert usage("Too short to be cached.").cache_creation_input_tokens == 0


@pytest.mark.parametrize(
    ("fault", "error", "kind"),
    [
        ("rate_limited", anthropic.RateLimitError, "rate_limit_error"),
        ("overloaded", anthropic.APIStatusError, "overloaded_error"),
        ("bad_credentials", anthropic.AuthenticationError, "authentication_error"),
        ("unknown_model", anthropic.NotFoundError, "not_found_error"),
        ("context_too_long", anthropic.BadRequestError, "invalid_request_error"),
    ],
)
def test_anthropic_knows_the_errors(
    anthropic_client: anthropic.Anthropic,
    simulator: Running,
    fault: str,
    error: type[anthropic.APIStatusError],
    kind: str,
) -> None:
    simulator.control(next=[fault])
    with pytest.raises(error) as raised:
        anthropic_client.messages.create(model=MODEL, max_tokens=100, messages=ASKED)
    body: Any = raised.value.body
    assert body["error"]["type"] == kind
