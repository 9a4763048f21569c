"""Histories of every combination against the official clients' own models of a request."""

import json
from functools import cache
from itertools import product
from random import Random
from typing import Any, Final

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from botocore.session import get_session
from botocore.validate import ParamValidator
from mistralai.client.models import ChatCompletionRequest
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from producers.contract import ChatBody
from runtime.config.catalog import Deployment, Model
from workers.providers.anthropic.request import AnthropicDialect
from workers.providers.base.dialect import Dialect, WireRequest
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.bedrock.request import BedrockDialect
from workers.providers.openai.request import OpenAiDialect

IDS: Final = ("call_1", "functions.Bash:0", "x" * 70 + "|", "")
THOUGHTS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]},
    {"thinking_blocks": [{"type": "redacted_thinking", "data": "abc"}]},
    {"reasoning_content": "hm", "thinking_blocks": [{"type": "thinking", "thinking": "hm"}]},
)
BEFORE: Final[tuple[list[dict[str, Any]], ...]] = (
    [],
    [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello", "refusal": None, "annotations": []},
    ],
    [{"role": "user", "content": " "}, {"role": "assistant", "content": "\n\n"}],
)
PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
LABELS: Final = (None, "image/png", "image/jpg", "image/jpeg")
SCHEMA: Final = {
    "type": "object",
    "properties": {"n": {"type": ["integer", "null"], "minimum": 1}, "a": {"$ref": "#/$defs/A"}},
    "$defs": {"A": {"anyOf": [{"type": "string", "pattern": "^a"}, {"type": "null"}]}},
}
FORMATS: Final = (None, True, False)
"""Asked for by a schema: not, strictly, or not strictly."""
CHOICES: Final[tuple[Any, ...]] = (
    *(None, "auto", "none", "required"),
    {"type": "function", "function": {"name": "f"}},
    {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "required",
            "tools": [{"type": "function", "function": {"name": "f"}}],
        },
    },
)
OFFERED: Final = (True, False)
TOOL: Final = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
}
ALL: Final = list(product(IDS, THOUGHTS, BEFORE, LABELS, FORMATS, CHOICES, OFFERED))
SOME: Final = Random(1).sample(ALL, 400)
PLACES: Final[dict[str, dict[str, Any]]] = {
    "openai": {"provider": "openai", "model": "gpt-4o"},
    "mistral": {"provider": "mistral", "model": "mistral-small"},
    "anthropic": {"provider": "anthropic", "model": "claude-haiku-4-5", "dialect": "anthropic"},
    "bedrock": {
        "provider": "aws",
        "model": "claude-haiku-4-5",
        "dialect": "bedrock",
        "zone": "eu",
    },
}
DIALECTS: Final[dict[str, Dialect]] = {
    "openai": OpenAiDialect(),
    "mistral": OpenAiDialect(),
    "anthropic": AnthropicDialect(),
    "bedrock": BedrockDialect(),
}


def body_of(combination: tuple[Any, ...]) -> ChatBody:
    call_id, thoughts, before, label, strict, choice, offered = combination
    question: Any = "What is it?"
    if label is not None:
        url = {"url": f"data:{label};base64,{PNG}"}
        question = [{"type": "text", "text": question}, {"type": "image_url", "image_url": url}]
    call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": "Be brief."},
        *before,
        {"role": "user", "content": question},
        {"role": "assistant", "content": None, "tool_calls": [call], **thoughts},
        {"role": "tool", "tool_call_id": call_id, "content": "4"},
    ]
    body: dict[str, Any] = {"messages": messages, "max_tokens": 9000, "reasoning_effort": "low"}
    if offered:
        body |= {"tools": [TOOL]} | ({} if choice is None else {"tool_choice": choice})
    if strict is not None:
        schema = {"name": "s", "schema": SCHEMA, "strict": strict}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return ChatBody.model_validate(body)


def check_openai(fields: dict[str, Any]) -> None:
    _openai().validate_python(fields)


def check_mistral(fields: dict[str, Any]) -> None:
    ChatCompletionRequest.model_validate(fields)


def check_anthropic(fields: dict[str, Any]) -> None:
    _anthropic().validate_python(fields)


def check_bedrock(fields: dict[str, Any]) -> None:
    report = ParamValidator().validate({"modelId": "m", **fields}, _converse())
    assert not report.has_errors(), report.generate_report()


@cache
def _openai() -> TypeAdapter[Any]:
    return TypeAdapter(CompletionCreateParamsNonStreaming)


@cache
def _anthropic() -> TypeAdapter[Any]:
    return TypeAdapter(MessageCreateParamsNonStreaming)


@cache
def _converse() -> Any:  # noqa: ANN401 - a shape of botocore
    return (
        get_session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
    )


CHECKS: Final = {
    "openai": check_openai,
    "mistral": check_mistral,
    "anthropic": check_anthropic,
    "bedrock": check_bedrock,
}


@pytest.mark.parametrize("name", PLACES)
def test_every_history_is_a_request_in_the_client_s_own_model(name: str) -> None:
    deployment = Deployment.model_validate({"base_url": "http://x", "zone": "eu", **PLACES[name]})
    model = Model(
        family="f",
        context_window=200_000,
        capabilities=frozenset({"tools", "images", "json_schema", "reasoning"}),
    )
    for combination in SOME:
        request = ProviderRequest(deployment, model, body_of(combination), 60, 60)
        wire = DIALECTS[name].encode_request(request, stream=False)
        assert isinstance(wire, WireRequest), (wire, combination)
        fields = json.loads(wire.body)
        CHECKS[name](fields)
        shown = json.dumps(fields)
        if name in {"anthropic", "bedrock"}:
            assert "tools" in fields or "toolConfig" in fields
            assert '" "' not in shown
            assert "image/jp" not in shown
