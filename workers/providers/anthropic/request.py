"""How does Anthropic's messages dialect say a call?"""

from collections.abc import Mapping
from typing import Any, Final, assert_never

from pydantic_core import from_json, to_json

from workers.prompt_cache.policy import Breakpoints
from workers.providers.anthropic.response import AnthropicReader, anthropic_answer
from workers.providers.base.call_outcome import Failure, RequestRejected
from workers.providers.base.dialect import Answer, WireRequest
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.parameters import AppliedParameters, apply_parameters
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.blocks.conversation import (
    Conversation,
    ImagePart,
    LinkedImage,
    Part,
    TextPart,
    Thinking,
    ToolResult,
    ToolUse,
    UnsupportedContent,
    conversation,
)
from workers.providers.blocks.generation import (
    output_limit,
    sampling,
    schema_of,
    stops,
    system_of,
    thinking,
    wire_model,
)
from workers.providers.blocks.parameters import ANTHROPIC

NEWEST_VERSION: Final = "2026-10-21"
SAMPLING_VERSION: Final = "2023-06-01"
"""The last version of the API that takes temperature, top_p and top_k, whatever the model."""


class AnthropicDialect:
    """Anthropic messages, JSON and SSE."""

    stream_type = "text/event-stream"

    def encode_request(
        self, call: ProviderRequest, *, stream: bool
    ) -> WireRequest | RequestRejected:
        """The request on the wire, or why it can't be said in this dialect."""
        applied = apply_parameters(ANTHROPIC, call.body)
        if applied.refusals:
            return RequestRejected(
                message="; ".join(applied.refusals), code="unsupported_parameter"
            )
        try:
            body = _body(call, applied)
        except UnsupportedContent as problem:
            return RequestRejected(message=str(problem), code="unsupported_content")
        if stream:
            body["stream"] = True
        headers = {"anthropic-version": _version(call, body)}
        return WireRequest("/v1/messages", to_json(body), headers, tuple(applied.warnings))

    def decode_answer(self, payload: bytes) -> Answer | ErrorReport | Failure:
        """The answer in a 200 response. May raise one of MALFORMED."""
        return anthropic_answer(from_json(payload))

    def stream_reader(self) -> AnthropicReader:
        """A reader for one streamed response."""
        return AnthropicReader()


def _version(call: ProviderRequest, body: Mapping[str, Any]) -> str:
    """The deployment's own, else the newest that takes what is asked."""
    samples = not body.keys().isdisjoint({"temperature", "top_p", "top_k"})
    return call.deployment.api_version or (SAMPLING_VERSION if samples else NEWEST_VERSION)


def _body(call: ProviderRequest, applied: AppliedParameters) -> dict[str, Any]:
    said = conversation(call.body.messages)
    if said.moved_system:
        applied.warnings.append("a system message inside the conversation was moved to its top")
    system = [{"type": "text", "text": text} for text in system_of(said.system, applied)]
    body: dict[str, Any] = {
        "model": wire_model(call),
        "messages": [
            {"role": turn.role, "content": [_block(part) for part in turn.parts]}
            for turn in said.turns
        ],
        **({"system": system} if system else {}),
        **_tools(applied),
        **_generation(call, applied),
        **applied.wire,
    }
    user = applied.shaped.get("safety_identifier") or applied.shaped.get("user")
    if user:
        body["metadata"] = {"user_id": user}
    if isinstance(call.prompt_cache, Breakpoints):
        _mark(call.prompt_cache, body, said)
    return body


def _generation(call: ProviderRequest, applied: AppliedParameters) -> dict[str, Any]:
    limit = output_limit(call)
    thought = thinking(call, applied, limit)
    effort, schema = thought.pop("effort", None), schema_of(applied)
    random = sampling(call, applied, thinks=bool(thought))
    config: dict[str, Any] = {"effort": effort} if effort else {}
    if schema is not None:
        config["format"] = {"type": "json_schema", "schema": schema.get("schema") or {}}
    optional = {
        "temperature": random.temperature,
        "top_p": random.top_p,
        "top_k": random.top_k,
        "stop_sequences": stops(applied),
        "output_config": config or None,
    }
    told = {name: value for name, value in optional.items() if value is not None}
    return {"max_tokens": limit, **thought, **told}


def _tools(applied: AppliedParameters) -> dict[str, Any]:
    tools = applied.shaped.get("tools")
    if not tools:
        return {}
    told: dict[str, Any] = {"tools": [_tool(tool["function"]) for tool in tools]}
    choice = _choice(applied.shaped.get("tool_choice"))
    if applied.shaped.get("parallel_tool_calls") is False:
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    if choice is not None:
        told["tool_choice"] = choice
    return told


def _tool(function: Mapping[str, Any]) -> dict[str, Any]:
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    tool = {"name": function["name"], "input_schema": schema}
    kept = {name: function[name] for name in ("description", "strict") if function.get(name)}
    return tool | kept


def _choice(told: Any) -> dict[str, Any] | None:  # noqa: ANN401 - a word or an object
    match told:
        case "auto" | "none":
            return {"type": told}
        case "required":
            return {"type": "any"}
        case {"function": {"name": name}}:
            return {"type": "tool", "name": name}
        case _:
            return None


def _block(part: Part) -> dict[str, Any]:
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
        case ToolUse(call_id, name, given):
            return {"type": "tool_use", "id": call_id, "name": name, "input": given}
        case ToolResult(call_id, content):
            blocks = [_block(each) for each in content]
            return {"type": "tool_result", "tool_use_id": call_id, "content": blocks}
        case _:
            assert_never(part)


def _mark(plan: Breakpoints, body: dict[str, Any], said: Conversation) -> None:
    """Put the breakpoints on the last block before each anchor; one that isn't there is skipped."""
    mark = {"type": "ephemeral"} | ({"ttl": plan.ttl} if plan.ttl != "5m" else {})
    for anchor in plan.anchors:
        if isinstance(anchor, str):
            block = body[anchor][-1] if body.get(anchor) else None
        else:
            place = said.ends.get(anchor)
            block = body["messages"][place[0]]["content"][place[1]] if place else None
        if block is not None:
            block["cache_control"] = mark
