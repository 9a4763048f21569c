"""The official clients, run against the simulator: what we test against isn't our imagination."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import boto3
import botocore.exceptions
import openai
import pytest
from botocore.config import Config
from mistralai.client import Mistral
from mistralai.client import errors as mistral_errors

from dev.simulator.process import Running

from .conftest import KEY

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI_TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
ASKED: Any = [{"role": "user", "content": "What is a queue?"}]
LONG = "Answer in the house style. " * 800
MODEL = "claude-haiku-4-5"
BEDROCK_MODEL = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.fixture
def openai_client(simulator: Running) -> openai.OpenAI:
    return openai.OpenAI(api_key=KEY, base_url=f"{simulator.address}/openai/v1", max_retries=0)


@pytest.fixture
def anthropic_client(simulator: Running) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        api_key=KEY, base_url=f"{simulator.address}/anthropic", max_retries=0
    )


@pytest.fixture
def bedrock_client(simulator: Running) -> Iterator[Any]:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=f"{simulator.address}/bedrock",
        region_name="eu-central-1",
        aws_access_key_id="AKIAORACLE",
        aws_secret_access_key=KEY,
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


# ------------------------------------------------------------------------------------- OpenAI


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
    client.chat.completions.create(model="my-4o", messages=ASKED)
    assert simulator.calls()[0]["model"] == "my-4o"


# ---------------------------------------------------------------------------------- Anthropic


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


# ------------------------------------------------------------------------------------ Bedrock

CONVERSE: Any = {
    "modelId": BEDROCK_MODEL,
    "messages": [{"role": "user", "content": [{"text": "What is a queue?"}]}],
}
BEDROCK_TOOLS = {
    "tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}],
    "toolChoice": {"any": {}},
}


def test_bedrock_converses(bedrock_client: Any, simulator: Running) -> None:  # noqa: ANN401 - made by boto3
    answer = bedrock_client.converse(**CONVERSE, inferenceConfig={"maxTokens": 500})
    assert answer["output"]["message"]["content"][0]["text"].startswith("[simulated answer]")
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"]["outputTokens"] > 0
    assert simulator.calls()[0]["model"] == BEDROCK_MODEL


def test_bedrock_streams(bedrock_client: Any) -> None:  # noqa: ANN401 - made by boto3
    events = list(bedrock_client.converse_stream(**CONVERSE)["stream"])
    kinds = [next(iter(event)) for event in events]
    text = "".join(
        event["contentBlockDelta"]["delta"]["text"]
        for event in events
        if "contentBlockDelta" in event
    )
    assert kinds[0] == "messageStart"
    assert kinds[-2:] == ["messageStop", "metadata"]
    assert text.endswith(".")
    assert events[-1]["metadata"]["usage"]["outputTokens"] > 0


def test_bedrock_calls_a_tool(bedrock_client: Any) -> None:  # noqa: ANN401 - made by boto3
    answer = bedrock_client.converse(**CONVERSE, toolConfig=BEDROCK_TOOLS)
    use = answer["output"]["message"]["content"][0]["toolUse"]
    assert answer["stopReason"] == "tool_use"
    assert use["input"] == {"city": "simulated"}
    events = bedrock_client.converse_stream(**CONVERSE, toolConfig=BEDROCK_TOOLS)["stream"]
    pieces = [
        event["contentBlockDelta"]["delta"]["toolUse"]["input"]
        for event in events
        if "contentBlockDelta" in event
    ]
    assert json.loads("".join(pieces)) == use["input"]


def test_bedrock_writes_and_reads_its_cache(bedrock_client: Any) -> None:  # noqa: ANN401 - made by boto3
    system = [{"text": LONG}, {"cachePoint": {"type": "default"}}]
    first, second = (
        bedrock_client.converse(**{**CONVERSE, "modelId": "claude-sonnet-4-6"}, system=system)[
            "usage"
        ]
        for _ in range(2)
    )
    assert first["cacheWriteInputTokens"] > 1024
    assert second["cacheReadInputTokens"] == first["cacheWriteInputTokens"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("rate_limited", "ThrottlingException"),
        ("overloaded", "ServiceUnavailableException"),
        ("context_too_long", "ValidationException"),
        ("bad_credentials", "UnrecognizedClientException"),
        ("unknown_model", "ResourceNotFoundException"),
    ],
)
def test_bedrock_knows_the_errors(
    bedrock_client: Any,  # noqa: ANN401 - made by boto3
    simulator: Running,
    fault: str,
    code: str,
) -> None:
    simulator.control(next=[fault])
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        bedrock_client.converse(**CONVERSE)
    assert raised.value.response["Error"]["Code"] == code


def test_bedrock_reads_an_exception_inside_a_stream(
    bedrock_client: Any,  # noqa: ANN401 - made by boto3
    simulator: Running,
) -> None:
    simulator.control(next=["error_in_stream"])
    with pytest.raises(botocore.exceptions.EventStreamError, match="throttlingException"):
        list(bedrock_client.converse_stream(**CONVERSE)["stream"])


def test_bedrock_wants_a_signature(simulator: Running) -> None:
    from urllib.error import HTTPError  # noqa: PLC0415 - this test alone
    from urllib.request import Request, urlopen  # noqa: PLC0415 - this test alone

    url = f"{simulator.address}/bedrock/model/m/converse"
    body = json.dumps({"messages": CONVERSE["messages"]}).encode()
    with pytest.raises(HTTPError) as raised:
        urlopen(Request(url, body))  # noqa: S310 - our own address
    assert raised.value.code == 403
    raised.value.close()


# ------------------------------------------------------------------------------------ Mistral


def mistral(simulator: Running) -> Mistral:
    return Mistral(api_key=KEY, server_url=f"{simulator.address}/mistral")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
# the client leaves the socket of a finished stream open
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
