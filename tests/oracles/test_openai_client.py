"""The official client of OpenAI, run against the simulator: it judges what we test against."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from dev.simulator.process import Running

from .conftest import KEY

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI_TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
ASKED: Any = [{"role": "user", "content": "What is a queue?"}]
LONG = "Answer in the house style. " * 800


@pytest.fixture
def openai_client(simulator: Running) -> Iterator[openai.OpenAI]:
    url = f"{simulator.address}/openai/v1"
    with openai.OpenAI(api_key=KEY, base_url=url, max_retries=0) as client:
        yield client


def test_openai_completes(openai_client: openai.OpenAI) -> None:
    answer = openai_client.chat.completions.create(model="gpt-4o-mini", messages=ASKED)
    assert (answer.choices[0].message.content or "").startswith("[simulated answer]")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_openai_streams(openai_client: openai.OpenAI) -> None:
    with openai_client.chat.completions.stream(
        model="gpt-4o-mini", messages=ASKED, stream_options={"include_usage": True}
    ) as stream:
        final = stream.get_final_completion()
    assert (final.choices[0].message.content or "").endswith(".")
    assert final.usage is not None
    assert final.usage.completion_tokens > 0


@pytest.mark.parametrize("streamed", [False, True])
def test_openai_calls_a_tool(openai_client: openai.OpenAI, streamed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    asked: Any = {"model": "gpt-4o-mini", "messages": ASKED, "tools": [OPENAI_TOOL]}
    if streamed:
        with openai_client.chat.completions.stream(**asked) as stream:
            choice: Any = stream.get_final_completion().choices[0]
    else:
        choice = openai_client.chat.completions.create(**asked).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert json.loads(choice.message.tool_calls[0].function.arguments) == {"city": "simulated"}


def test_openai_tells_cached_tokens_and_logprobs(openai_client: openai.OpenAI) -> None:
    messages: Any = [{"role": "system", "content": LONG}, *ASKED]
    for cached in (False, True):
        answer = openai_client.chat.completions.create(
            model="gpt-4o-mini", messages=messages, logprobs=True
        )
        assert answer.usage is not None
        assert answer.usage.prompt_tokens_details is not None
        assert bool(answer.usage.prompt_tokens_details.cached_tokens) is cached
        assert answer.choices[0].logprobs is not None
        assert answer.choices[0].logprobs.content


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("rate_limited", openai.RateLimitError, "rate_limit_exceeded"),
        ("quota_exhausted", openai.RateLimitError, "insufficient_quota"),
        ("overloaded", openai.InternalServerError, "server_is_overloaded"),
        ("context_too_long", openai.BadRequestError, "context_length_exceeded"),
        ("bad_credentials", openai.AuthenticationError, "invalid_api_key"),
        ("unknown_model", openai.NotFoundError, "model_not_found"),
        ("reset", openai.APIConnectionError, None),
    ],
)
def test_openai_knows_the_errors(
    openai_client: openai.OpenAI,
    simulator: Running,
    fault: str,
    error: type[openai.APIError],
    code: str | None,
) -> None:
    simulator.control(next=[fault], retry_after_s=3)
    with pytest.raises(error) as raised:
        openai_client.chat.completions.create(model="gpt-4o-mini", messages=ASKED)
    assert raised.value.code == code


def test_azure_openai_names_its_deployment(simulator: Running) -> None:
    client = openai.AzureOpenAI(
        api_key=KEY,
        azure_endpoint=f"{simulator.address}/azure",
        api_version="2024-10-21",
        max_retries=0,
    )
    with client:
        client.chat.completions.create(model="my-4o", messages=ASKED)
    assert simulator.calls()[0]["model"] == "my-4o"
