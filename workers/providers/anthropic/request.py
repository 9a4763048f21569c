"""Anthropic dialect: an OpenAI chat as a request of the messages API."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, assert_never

from producers.contract import ChatBody
from workers.prompt_cache.policy import Breakpoints
from workers.providers.anthropic.native import beta_headers, with_native
from workers.providers.anthropic.response import AnthropicReader, anthropic_answer
from workers.providers.base.call_outcome import Failure, RequestRejected
from workers.providers.base.dialect import Answer, WireRequest
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.json_values import json_of
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.blocks.conversation import Conversation
from workers.providers.blocks.generation import Generation, wire_model
from workers.providers.blocks.images import ImagePart, LinkedImage
from workers.providers.blocks.parameters import ANTHROPIC
from workers.providers.blocks.parts import (
    Part,
    RedactedThinking,
    TextPart,
    Thinking,
    ToolResult,
    ToolUse,
)
from workers.providers.blocks.request import BlockRequest, encode_body
from workers.providers.blocks.tools import AnyTool, ModelChooses, NamedTool, NoTool, ToolChoice

NEWEST_VERSION: Final = "2026-10-21"
SAMPLING_VERSION: Final = "2023-06-01"
"""The last version of the API that takes temperature, top_p and top_k, whatever the model."""


class AnthropicDialect:
    """Anthropic messages, JSON and SSE."""

    stream_type = "text/event-stream"

    def encode_request(
        self, request: ProviderRequest, *, stream: bool
    ) -> WireRequest | RequestRejected:
        """The request on the wire, or why it can't be said in this dialect."""
        parts = request.body.anthropic

        def render(block_request: BlockRequest) -> dict[str, Any]:
            body = _body(block_request) | ({"stream": True} if stream else {})
            return body if parts is None else with_native(body, parts)

        # the caller's own blocks need no translation, which might have no words for them
        asked = request if parts is None else replace(request, body=_untranslated(request.body))
        body = encode_body(asked, ANTHROPIC, render)
        if isinstance(body, RequestRejected):
            return body
        headers = {"anthropic-version": _version(request, body.fields)}
        if parts is not None:
            headers |= beta_headers(parts)
        return WireRequest("/v1/messages", body.wire, headers, body.warnings)

    def decode_answer(self, payload: bytes) -> Answer | ErrorReport | Failure:
        """The answer in a 200 response. May raise one of MALFORMED."""
        return anthropic_answer(json_of(payload))

    def stream_reader(self) -> AnthropicReader:
        """A reader for one streamed response."""
        return AnthropicReader()


def _untranslated(body: ChatBody) -> ChatBody:
    """A placeholder for the messages; everything beside them is as it was."""
    return body.model_copy(update={"messages": [{"role": "user", "content": "-"}]})


def _version(request: ProviderRequest, body: Mapping[str, Any]) -> str:
    """The deployment's own, else the newest that takes what is asked."""
    samples = not body.keys().isdisjoint({"temperature", "top_p", "top_k"})
    return request.deployment.api_version or (SAMPLING_VERSION if samples else NEWEST_VERSION)


def _body(request: BlockRequest) -> dict[str, Any]:
    system = [{"type": "text", "text": text} for text in request.system]
    body: dict[str, Any] = {
        "model": wire_model(request.call),
        "messages": [
            {"role": turn.role, "content": [_block(part) for part in turn.parts]}
            for turn in request.chat.turns
        ],
        **({"system": system} if system else {}),
        **_tools(request),
        **_generation(request.generation),
        **request.applied.wire,
    }
    shaped = request.applied.shaped
    user = shaped.get("safety_identifier") or shaped.get("user")
    if isinstance(user, str):
        body["metadata"] = {"user_id": user}
    elif user:
        request.applied.warnings.append("user was dropped: it must be a text")
    if request.breakpoints is not None:
        _mark(request.breakpoints, body, request.chat)
    return body


def _generation(settings: Generation) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if settings.thinking.effort:
        config["effort"] = settings.thinking.effort
    if settings.schema is not None:
        config["format"] = {"type": "json_schema", "schema": settings.schema.schema}
    optional = {
        "thinking": settings.thinking.field,
        "temperature": settings.sampling.temperature,
        "top_p": settings.sampling.top_p,
        "top_k": settings.sampling.top_k,
        "stop_sequences": settings.stops,
        "output_config": config or None,
    }
    fields = {name: value for name, value in optional.items() if value is not None}
    return {"max_tokens": settings.limit, **fields}


def _tools(request: BlockRequest) -> dict[str, Any]:
    tools, used = request.tools.tools, request.chat.used_tools
    if not tools and used:
        warning = "the tools in the conversation were told again, since Anthropic wants them"
        request.applied.warnings.append(warning)
        known = [{"name": name, "input_schema": {"type": "object"}} for name in used]
        return {"tools": known, "tool_choice": {"type": "none"}}
    if not tools:
        return {}
    fields: dict[str, Any] = {
        "tools": [{"name": t.name, "input_schema": t.schema, **t.optional} for t in tools]
    }
    choice = _choice(request.tools.choice)
    if request.applied.shaped.get("parallel_tool_calls") is False:
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return fields | ({"tool_choice": choice} if choice is not None else {})


def _choice(choice: ToolChoice | None) -> dict[str, Any] | None:
    match choice:
        case None:
            return None
        case ModelChooses():
            return {"type": "auto"}
        case NoTool():
            return {"type": "none"}
        case AnyTool():
            return {"type": "any"}
        case NamedTool(name):
            return {"type": "tool", "name": name}
        case _:
            assert_never(choice)


def _block(part: Part) -> dict[str, Any]:  # noqa: PLR0911 - a case a part
    match part:
        case TextPart(text):
            return {"type": "text", "text": text}
        case ImagePart(media_type, data):
            source = {"type": "base64", "media_type": media_type, "data": data}
            return {"type": "image", "source": source}
        case LinkedImage(url):
            return {"type": "image", "source": {"type": "url", "url": url}}
        case Thinking(text, signature):
            return {"type": "thinking", "thinking": text, "signature": signature}
        case RedactedThinking(data):
            return {"type": "redacted_thinking", "data": data}
        case ToolUse(call_id, name, given):
            return {"type": "tool_use", "id": call_id, "name": name, "input": given}
        case ToolResult(call_id, content):
            blocks = [_block(inner) for inner in content]
            return {"type": "tool_result", "tool_use_id": call_id, "content": blocks}
        case _:
            assert_never(part)


def _mark(plan: Breakpoints, body: dict[str, Any], chat: Conversation) -> None:
    """Put the breakpoints on the last block before each anchor; one that isn't there is skipped."""
    mark = {"type": "ephemeral"} | ({"ttl": plan.ttl} if plan.ttl != "5m" else {})
    for anchor in plan.anchors:
        if isinstance(anchor, str):
            block = body[anchor][-1] if body.get(anchor) else None
        else:
            place = chat.ends.get(anchor)
            block = body["messages"][place[0]]["content"][place[1]] if place else None
        if block is not None:
            block["cache_control"] = mark
