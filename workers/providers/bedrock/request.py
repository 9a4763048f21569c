"""How does AWS Bedrock's Converse dialect say a call?"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, assert_never
from urllib.parse import quote

from pydantic_core import from_json, to_json

from workers.prompt_cache.policy import Breakpoints
from workers.providers.base.call_outcome import Failure, RequestRejected
from workers.providers.base.dialect import Answer, WireRequest
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.parameters import AppliedParameters, apply_parameters
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.bedrock.response import BedrockReader, bedrock_answer
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
from workers.providers.blocks.parameters import BEDROCK

_NO_INPUT: Final = {"type": "object", "properties": {}}
_NO_LINKS: Final = "Bedrock takes images as data:image/…;base64,… only: it fetches no address"


class BedrockDialect:
    """Bedrock Converse, JSON and the AWS event stream."""

    stream_type = "application/vnd.amazon.eventstream"

    def encode_request(
        self, call: ProviderRequest, *, stream: bool
    ) -> WireRequest | RequestRejected:
        """The request on the wire, or why it can't be said in this dialect."""
        applied = apply_parameters(BEDROCK, call.body)
        if applied.refusals:
            return RequestRejected(
                message="; ".join(applied.refusals), code="unsupported_parameter"
            )
        try:
            body = _body(call, applied)
        except UnsupportedContent as problem:
            return RequestRejected(message=str(problem), code="unsupported_content")
        model = quote(wire_model(call), safe="")
        path = f"/model/{model}/{'converse-stream' if stream else 'converse'}"
        return WireRequest(path, to_json(body), {}, tuple(applied.warnings))

    def decode_answer(self, payload: bytes) -> Answer | ErrorReport | Failure:
        """The answer in a 200 response. May raise one of MALFORMED."""
        return bedrock_answer(from_json(payload))

    def stream_reader(self) -> BedrockReader:
        """A reader for one streamed response."""
        return BedrockReader()


def _body(call: ProviderRequest, applied: AppliedParameters) -> dict[str, Any]:
    said = conversation(call.body.messages)
    if said.moved_system:
        applied.warnings.append("a system message inside the conversation was moved to its top")
    messages = [
        {"role": turn.role, "content": [_block(part) for part in turn.parts]} for turn in said.turns
    ]
    system = [{"text": text} for text in system_of(said.system, applied)]
    tools = _tools(applied, said)
    if isinstance(call.prompt_cache, Breakpoints):
        _mark(call.prompt_cache, said, messages, system, tools)
    optional = {"system": system, "toolConfig": tools, **_generation(call, applied)}
    return {"messages": messages, **{name: told for name, told in optional.items() if told}}


def _generation(call: ProviderRequest, applied: AppliedParameters) -> dict[str, Any]:
    limit = output_limit(call)
    thought = thinking(call, applied, limit)
    effort, schema = thought.pop("effort", None), schema_of(applied)
    random = sampling(call, applied, thinks=bool(thought))
    inference = {
        "maxTokens": limit,
        "temperature": random.temperature,
        "topP": random.top_p,
        "stopSequences": stops(applied),
    }
    output: dict[str, Any] = {"effort": effort} if effort else {}
    if schema is not None:
        output["textFormat"] = {"type": "json_schema", "structure": _structure(schema)}
    passed = {"top_k": random.top_k, "thinking": applied.shaped.get("thinking")}
    tier = applied.shaped.get("service_tier")
    return {
        "inferenceConfig": _set(inference),
        "outputConfig": output,
        "additionalModelRequestFields": thought | _set(passed),
        "requestMetadata": applied.shaped.get("metadata"),
        "serviceTier": {"type": tier} if tier in {"default", "flex", "priority"} else None,
    }


def _set(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told for name, told in fields.items() if told is not None}


def _structure(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Converse wants the schema as a JSON text."""
    named = {name: schema[name] for name in ("name", "description") if schema.get(name)}
    return {"jsonSchema": {"schema": to_json(schema.get("schema") or {}).decode(), **named}}


def _tools(applied: AppliedParameters, said: Conversation) -> dict[str, Any]:
    """Converse can't forbid the tools it is told of, but it must know those in the history."""
    tools, choice = applied.shaped.get("tools"), applied.shaped.get("tool_choice")
    used = any(isinstance(part, ToolUse) for turn in said.turns for part in turn.parts)
    if not tools or (choice == "none" and not used):
        return {}
    if choice == "none":
        applied.warnings.append("tool_choice none was dropped: the conversation has used tools")
    told: dict[str, Any] = {"tools": [{"toolSpec": _spec(tool["function"])} for tool in tools]}
    chosen = _choice(choice)
    return told | ({"toolChoice": chosen} if chosen else {})


def _spec(function: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"json": function.get("parameters") or _NO_INPUT}
    spec = {"name": function["name"], "inputSchema": schema}
    return spec | {name: function[name] for name in ("description", "strict") if function.get(name)}


def _choice(told: Any) -> dict[str, Any] | None:  # noqa: ANN401 - a word or an object
    match told:
        case "auto":
            return {"auto": {}}
        case "required":
            return {"any": {}}
        case {"function": {"name": name}}:
            return {"tool": {"name": name}}
        case _:
            return None


def _block(part: Part) -> dict[str, Any]:
    match part:
        case TextPart(text):
            return {"text": text}
        case ImagePart(media_type, data):
            kind = media_type.removeprefix("image/")
            return {"image": {"format": kind, "source": {"bytes": data}}}
        case LinkedImage():
            raise UnsupportedContent(_NO_LINKS)
        case Thinking(text, signature):
            return {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}
        case ToolUse(call_id, name, given):
            return {"toolUse": {"toolUseId": call_id, "name": name, "input": given}}
        case ToolResult(call_id, content):
            blocks = [_block(each) for each in content]
            return {"toolResult": {"toolUseId": call_id, "content": blocks}}
        case _:
            assert_never(part)


def _mark(
    plan: Breakpoints,
    said: Conversation,
    messages: Sequence[Mapping[str, Any]],
    system: list[dict[str, Any]],
    tools: Mapping[str, Any],
) -> None:
    """Put a cache point behind each anchor, from the last to the first: places stay valid."""
    point = {"cachePoint": {"type": "default"} | ({"ttl": plan.ttl} if plan.ttl != "5m" else {})}
    ends = [said.ends[at] for at in plan.anchors if isinstance(at, int) and at in said.ends]
    for turn, part in sorted(ends, reverse=True):
        messages[turn]["content"].insert(part + 1, point)
    if "system" in plan.anchors and system:
        system.append(point)
    if "tools" in plan.anchors and tools:
        tools["tools"].append(point)
