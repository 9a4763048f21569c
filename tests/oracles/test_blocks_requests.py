"""Our requests, field by field beside those of Anthropic's and Bedrock's official clients."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import boto3
import pytest
from botocore.config import Config

from workers.prompt_cache.policy import Breakpoints, CachePlan, Unmarked

from .both_sides import (
    BEDROCK,
    CALLED,
    CLAUDE,
    FORM,
    HELLO,
    PIXEL,
    RESULT,
    SCHEMA,
    SEES,
    SYSTEM,
    TOOLS,
    ours,
    same,
    theirs,
)
from .conftest import KEY, Recorder, Sent

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
            "output_config": {
                "format": {"type": "json_schema", "schema": anthropic.transform_schema(SCHEMA)}
            },
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
    client.close()
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
                            "schema": json.dumps(
                                anthropic.transform_schema(SCHEMA), separators=(",", ":")
                            ),
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
