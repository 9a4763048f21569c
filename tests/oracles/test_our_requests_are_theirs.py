"""Our adapters' requests, field by field beside those of the official clients for the same call."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import anthropic
import boto3
import botocore.exceptions
import openai
import pytest
from aiohttp import ClientSession
from botocore.config import Config
from mistralai.client import Mistral
from mistralai.client import errors as mistral_errors

from producers.messages import ChatBody
from workers.catalog import Deployment, Model
from workers.prompt_cache import Breakpoints, CachePlan, Unmarked
from workers.providers import provider_of
from workers.providers.provider import Call

from .conftest import KEY, Recorder, Sent

MODEL = Model(
    family="any",
    context_window=200_000,
    max_output=4096,
    capabilities=frozenset({"tools", "images", "json_schema", "logprobs", "reasoning"}),
)
CLAUDE = "claude-haiku-4-5"
BEDROCK = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"name": "weather", "description": "Tells the weather.", "parameters": SCHEMA}
PIXEL = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
SYSTEM = {"role": "system", "content": "Be brief."}
HELLO = {"role": "user", "content": "Hello"}
SEES = {
    "role": "user",
    "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{PIXEL}"}},
    ],
}
CALLED = {
    "role": "assistant",
    "content": "Let me look.",
    "tool_calls": [
        {
            "id": "abcDEF123",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city":"Ulm"}'},
        }
    ],
}
RESULT = {"role": "tool", "tool_call_id": "abcDEF123", "content": "Rain"}
TOOLS = [{"type": "function", "function": TOOL}]
FORM = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}


def ours(
    recorder: Recorder,
    body: Mapping[str, Any],
    *,
    stream: bool = False,
    plan: CachePlan | None = None,
    path: str = "",
    **deployment: Any,  # noqa: ANN401 - fields of Deployment
) -> Sent:
    """What our adapter sends."""
    told = {"zone": "eu", "api_key_env": "KEY", "base_url": recorder.address + path, **deployment}
    chosen = Deployment.model_validate(told)
    environment = {"KEY": KEY, "AWS_ACCESS_KEY_ID": "AKIAORACLE", "AWS_SECRET_ACCESS_KEY": KEY}
    asked = ChatBody.model_validate(body)
    call = Call(chosen, MODEL, asked, 60, 60, plan or Unmarked())

    async def drop(_: dict[str, Any]) -> None:
        """Nothing comes: the recorder doesn't answer."""

    async def send() -> None:
        async with ClientSession() as session:
            provider = provider_of(chosen, session, environment)
            await provider.call(call, drop if stream else None)

    asyncio.run(send())
    return recorder.take()


def theirs(recorder: Recorder, call: Callable[[], object]) -> Sent:
    """What the official client sends."""
    refused = (
        openai.APIError,
        anthropic.APIError,
        botocore.exceptions.ClientError,
        mistral_errors.MistralError,
    )
    with suppress(*refused):
        call()
    return recorder.take()


def same(our: Sent, their: Sent, *headers: str) -> None:
    """The same path, body, and headers that count."""
    assert our.path == their.path
    assert our.body == their.body
    assert {n: our.headers[n] for n in headers} == {n: their.headers[n] for n in headers}


# ------------------------------------------------------------------------------------- OpenAI

OPENAI_CALLS: list[dict[str, Any]] = [
    {"messages": [SYSTEM, HELLO]},
    {"messages": [HELLO], "max_tokens": 50, "temperature": 0.2, "stop": ["END"], "seed": 7},
    {"messages": [HELLO], "logprobs": True, "top_logprobs": 2, "n": 2, "user": "u1"},
    {"messages": [SEES]},
    {"messages": [HELLO], "tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False},
    {"messages": [HELLO, CALLED, RESULT], "tools": TOOLS},
    {"messages": [HELLO], "response_format": FORM},
]


@pytest.mark.parametrize(
    ("body", "stream"),
    [
        (body, stream)
        for body in OPENAI_CALLS
        for stream in (False, True)
        if not (stream and "n" in body)
    ],
)
def test_openai(recorder: Recorder, body: dict[str, Any], stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    client = openai.OpenAI(api_key=KEY, base_url=f"{recorder.address}/v1", max_retries=0)
    limited = {**body}
    if "max_tokens" in limited:
        limited["max_completion_tokens"] = limited.pop("max_tokens")
    more: dict[str, Any] = (
        {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    )
    their = theirs(
        recorder,
        lambda: client.chat.completions.create(model="gpt-4o-mini", **limited, **more),
    )
    our = ours(recorder, body, stream=stream, path="/v1", model="gpt-4o-mini", provider="openai")
    same(our, their, "authorization", "content-type")


@pytest.mark.parametrize("stream", [False, True])
def test_azure_openai(recorder: Recorder, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    client = openai.AzureOpenAI(
        api_key=KEY, azure_endpoint=recorder.address, api_version="2024-10-21", max_retries=0
    )
    more: Any = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    messages: Any = [SYSTEM, HELLO]
    their = theirs(
        recorder,
        lambda: client.chat.completions.create(model="my-4o", messages=messages, **more),
    )
    our = ours(
        recorder,
        {"messages": [SYSTEM, HELLO]},
        stream=stream,
        model="gpt-4o",
        provider="azure",
        wire_model="my-4o",
        api_version="2024-10-21",
    )
    same(our, their, "api-key", "content-type")


# ------------------------------------------------------------------------------------ Mistral


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("body", "own"),
    [
        ({"messages": [SYSTEM, HELLO], "seed": 7}, {"random_seed": 7}),
        ({"messages": [HELLO], "max_completion_tokens": 9, "stop": "X"}, {"max_tokens": 9}),
        ({"messages": [HELLO, CALLED, RESULT], "tools": TOOLS, "tool_choice": "auto"}, {}),
        ({"messages": [HELLO], "response_format": FORM}, {}),
    ],
)
def test_mistral(
    recorder: Recorder,
    body: dict[str, Any],
    own: dict[str, Any],
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    renamed = {"seed", "max_completion_tokens"}
    asked: Any = {name: told for name, told in body.items() if name not in renamed} | own
    with Mistral(api_key=KEY, server_url=recorder.address) as client:
        call = client.chat.stream if stream else client.chat.complete
        their = theirs(recorder, lambda: call(model="mistral-small-2501", **asked))
    our = ours(
        recorder,
        body,
        stream=stream,
        path="/v1",
        model="mistral-small-3",
        provider="mistral",
        wire_model="mistral-small-2501",
    )
    assert our.path == their.path.removesuffix("#stream")
    assert our.headers["authorization"] == their.headers["authorization"]
    assert without_defaults(our.body) == without_defaults(their.body)


def without_defaults(told: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Mistral's client writes out what is the default, wherever it may stand."""
    defaults: dict[str, Any] = {"stream": False, "prefix": False, "index": 0, "strict": False}
    if isinstance(told, dict):
        return {
            name: without_defaults(value)
            for name, value in told.items()
            if name not in defaults or defaults[name] != value
        }
    return [without_defaults(each) for each in told] if isinstance(told, list) else told


# ---------------------------------------------------------------------------------- Anthropic

TEXT_HELLO = {"role": "user", "content": [{"type": "text", "text": "Hello"}]}
THEIR_TOOL = {"name": "weather", "description": "Tells the weather.", "input_schema": SCHEMA}
THEIR_SYSTEM = [{"type": "text", "text": "Be brief."}]
MARK = {"type": "ephemeral"}

ANTHROPIC_CALLS: list[tuple[dict[str, Any], dict[str, Any], CachePlan]] = [
    (
        {"messages": [SYSTEM, HELLO], "max_tokens": 50, "stop": "END", "user": "u1"},
        {
            "system": THEIR_SYSTEM,
            "messages": [TEXT_HELLO],
            "max_tokens": 50,
            "stop_sequences": ["END"],
            "metadata": {"user_id": "u1"},
        },
        Unmarked(),
    ),
    (
        {"messages": [SEES]},
        {
            "max_tokens": 4096,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/gif", "data": PIXEL},
                        },
                    ],
                }
            ],
        },
        Unmarked(),
    ),
    (
        {
            "messages": [SYSTEM, HELLO, CALLED, RESULT, HELLO],
            "tools": TOOLS,
            "tool_choice": "required",
            "parallel_tool_calls": False,
        },
        {
            "max_tokens": 4096,
            "system": [{**THEIR_SYSTEM[0], "cache_control": MARK}],
            "tools": [{**THEIR_TOOL, "cache_control": MARK}],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
            "messages": [
                TEXT_HELLO,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "Let me look."},
                        {
                            "type": "tool_use",
                            "id": "abcDEF123",
                            "name": "weather",
                            "input": {"city": "Ulm"},
                        },
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "abcDEF123",
                            "content": [{"type": "text", "text": "Rain"}],
                            "cache_control": MARK,
                        },
                        {"type": "text", "text": "Hello"},
                    ],
                },
            ],
        },
        Breakpoints(("tools", "system", 3)),
    ),
    (
        {"messages": [HELLO], "response_format": FORM, "reasoning_effort": "low"},
        {
            "max_tokens": 4096,
            "messages": [TEXT_HELLO],
            "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
        Unmarked(),
    ),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("body", "own", "plan"), ANTHROPIC_CALLS)
def test_anthropic(
    recorder: Recorder,
    body: dict[str, Any],
    own: Any,  # noqa: ANN401 - the client's own arguments
    plan: CachePlan,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    client = anthropic.Anthropic(api_key=KEY, base_url=recorder.address, max_retries=0)
    more: Any = {"stream": True} if stream else {}
    their = theirs(recorder, lambda: client.messages.create(model=CLAUDE, **own, **more))
    our = ours(
        recorder,
        body,
        stream=stream,
        plan=plan,
        model=CLAUDE,
        provider="anthropic",
        dialect="anthropic",
    )
    same(our, their, "authorization", "anthropic-version", "content-type")


# ------------------------------------------------------------------------------------ Bedrock

POINT = {"cachePoint": {"type": "default", "ttl": "1h"}}
B_HELLO = {"role": "user", "content": [{"text": "Hello"}]}
B_CALLED = {
    "role": "assistant",
    "content": [
        {"text": "Let me look."},
        {"toolUse": {"toolUseId": "abcDEF123", "name": "weather", "input": {"city": "Ulm"}}},
    ],
}
B_RESULT = {"toolResult": {"toolUseId": "abcDEF123", "content": [{"text": "Rain"}]}}
B_SPEC = {
    "toolSpec": {
        "name": "weather",
        "description": "Tells the weather.",
        "inputSchema": {"json": SCHEMA},
    }
}

BEDROCK_CALLS: list[tuple[dict[str, Any], Callable[[], dict[str, Any]], CachePlan]] = [
    (
        {"messages": [SYSTEM, HELLO], "max_tokens": 50, "temperature": 0.5, "stop": ["END"]},
        lambda: {
            "system": [{"text": "Be brief."}],
            "messages": [B_HELLO],
            "inferenceConfig": {"maxTokens": 50, "temperature": 0.5, "stopSequences": ["END"]},
        },
        Unmarked(),
    ),
    (
        {"messages": [SEES], "top_k": 5, "metadata": {"team": "a"}, "service_tier": "flex"},
        lambda: {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"text": "What is this?"},
                        {"image": {"format": "gif", "source": {"bytes": _pixel()}}},
                    ],
                }
            ],
            "inferenceConfig": {"maxTokens": 4096},
            "additionalModelRequestFields": {"top_k": 5},
            "requestMetadata": {"team": "a"},
            "serviceTier": {"type": "flex"},
        },
        Unmarked(),
    ),
    (
        {
            "messages": [SYSTEM, HELLO, CALLED, RESULT],
            "tools": TOOLS,
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
            "response_format": FORM,
        },
        lambda: {
            "system": [{"text": "Be brief."}, POINT],
            "messages": [B_HELLO, B_CALLED, {"role": "user", "content": [B_RESULT, POINT]}],
            "inferenceConfig": {"maxTokens": 4096},
            "toolConfig": {"tools": [B_SPEC, POINT], "toolChoice": {"tool": {"name": "weather"}}},
            "outputConfig": {
                "textFormat": {
                    "type": "json_schema",
                    "structure": {
                        "jsonSchema": {
                            "schema": json.dumps(SCHEMA, separators=(",", ":")),
                            "name": "place",
                        }
                    },
                }
            },
        },
        Breakpoints(("tools", "system", 3), "1h"),
    ),
]


def _pixel() -> bytes:
    from base64 import b64decode  # noqa: PLC0415 - the client encodes by itself

    return b64decode(PIXEL)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("body", "own", "plan"), BEDROCK_CALLS)
def test_bedrock(
    recorder: Recorder,
    body: dict[str, Any],
    own: Callable[[], dict[str, Any]],
    plan: CachePlan,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=recorder.address,
        region_name="eu-central-1",
        aws_access_key_id="AKIAORACLE",
        aws_secret_access_key=KEY,
        config=Config(retries={"total_max_attempts": 1}),
    )
    method = client.converse_stream if stream else client.converse
    their = theirs(recorder, lambda: method(modelId=BEDROCK, **own()))
    client.close()
    our = ours(
        recorder,
        body,
        stream=stream,
        plan=plan,
        model="claude-haiku-4-5",
        provider="aws",
        dialect="bedrock",
        wire_model=BEDROCK,
        region="eu-central-1",
        api_key_env=None,
    )
    same(our, their, "content-type")
    assert _scope(our) == _scope(their)


def _scope(sent: Sent) -> str:
    """Algorithm and credential scope of a signature, without what depends on the time."""
    return sent.headers["authorization"].partition(",")[0]
