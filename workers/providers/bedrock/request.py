"""Bedrock dialect: an OpenAI chat as a request of the Converse API."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, assert_never
from urllib.parse import quote

from pydantic_core import to_json

from workers.prompt_cache.policy import Breakpoints
from workers.providers.base.call_outcome import Failure, RequestRejected
from workers.providers.base.dialect import Answer, WireRequest
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.json_values import json_of
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.base.shapes import UnsupportedContent
from workers.providers.bedrock.response import BedrockReader, bedrock_answer
from workers.providers.blocks.conversation import Conversation
from workers.providers.blocks.generation import AnswerSchema, wire_model
from workers.providers.blocks.images import ImagePart, LinkedImage
from workers.providers.blocks.parameters import BEDROCK
from workers.providers.blocks.parts import (
    Part,
    RedactedThinking,
    TextPart,
    Thinking,
    ToolResult,
    ToolUse,
)
from workers.providers.blocks.request import BlockRequest, encode_body
from workers.providers.blocks.tools import (
    AnyTool,
    ModelChooses,
    NamedTool,
    NoTool,
    Tool,
    ToolChoice,
)

_NO_LINKS: Final = "Bedrock takes images as data:image/…;base64,… only: it fetches no address"
_TIERS: Final = ("default", "flex", "priority")


class BedrockDialect:
    """Bedrock Converse, JSON and the AWS event stream."""

    stream_type = "application/vnd.amazon.eventstream"

    def encode_request(
        self, request: ProviderRequest, *, stream: bool
    ) -> WireRequest | RequestRejected:
        """The request on the wire, or why it can't be said in this dialect."""
        body = encode_body(request, BEDROCK, _body)
        if isinstance(body, RequestRejected):
            return body
        model = quote(wire_model(request), safe="")
        path = f"/model/{model}/{'converse-stream' if stream else 'converse'}"
        return WireRequest(path, body.wire, {}, body.warnings)

    def decode_answer(self, payload: bytes) -> Answer | ErrorReport | Failure:
        """The answer in a 200 response. May raise one of MALFORMED."""
        return bedrock_answer(json_of(payload))

    def stream_reader(self) -> BedrockReader:
        """A reader for one streamed response."""
        return BedrockReader()


def _body(request: BlockRequest) -> dict[str, Any]:
    messages = [
        {"role": turn.role, "content": [_block(part) for part in turn.parts]}
        for turn in request.chat.turns
    ]
    system: list[dict[str, Any]] = [{"text": text} for text in request.system]
    tools = _tools(request)
    if request.breakpoints is not None:
        _mark(request.breakpoints, request.chat, messages, system, tools)
    optional = {"system": system, "toolConfig": tools, **_generation(request)}
    return {"messages": messages, **{name: value for name, value in optional.items() if value}}


def _generation(request: BlockRequest) -> dict[str, Any]:
    settings, shaped = request.generation, request.applied.shaped
    inference = {
        "maxTokens": settings.limit,
        "temperature": settings.sampling.temperature,
        "topP": settings.sampling.top_p,
        "stopSequences": settings.stops,
    }
    output: dict[str, Any] = {}
    if settings.thinking.effort:
        output["effort"] = settings.thinking.effort
    if settings.schema is not None:
        structure = _structure(settings.schema)
        output["textFormat"] = {"type": "json_schema", "structure": structure}
    thinking = shaped.get("thinking")
    passed = {
        "thinking": settings.thinking.field if thinking is None else thinking,
        "top_k": settings.sampling.top_k,
    }
    return {
        "inferenceConfig": _set(inference),
        "outputConfig": output,
        "additionalModelRequestFields": _set(passed),
        "requestMetadata": _metadata(request),
        "serviceTier": _tier(request),
    }


def _set(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _metadata(request: BlockRequest) -> Mapping[str, str] | None:
    metadata = request.applied.shaped.get("metadata")
    if not metadata:
        return None
    if isinstance(metadata, Mapping) and all(isinstance(v, str) for v in metadata.values()):
        return metadata
    request.applied.warnings.append("metadata was dropped: it must be an object of texts")
    return None


def _tier(request: BlockRequest) -> dict[str, str] | None:
    tier = request.applied.shaped.get("service_tier")
    if tier in _TIERS:
        return {"type": tier}
    if tier is not None and tier != "auto":
        request.applied.warnings.append("service_tier was dropped: Bedrock has no such tier")
    return None


def _structure(schema: AnswerSchema) -> dict[str, Any]:
    """Converse wants the schema as a JSON text."""
    return {"jsonSchema": {"schema": to_json(schema.schema).decode(), **schema.labels}}


def _tools(request: BlockRequest) -> dict[str, Any]:
    """Converse can't forbid the tools it is told of, but it must know of those in the history."""
    tools, choice = request.tools.tools, request.tools.choice
    used, warnings = request.chat.used_tools, request.applied.warnings
    if not used and (not tools or isinstance(choice, NoTool)):
        return {}
    if not tools:
        warnings.append("the tools in the conversation were told again, since Bedrock wants them")
        tools = tuple(Tool(name, {"type": "object"}, {}) for name in used)
    elif isinstance(choice, NoTool):
        warnings.append("tool_choice none was dropped: the conversation has used tools")
    chosen = _choice(choice)
    config: dict[str, Any] = {"tools": [{"toolSpec": _spec(tool)} for tool in tools]}
    return config | ({"toolChoice": chosen} if chosen and request.tools.tools else {})


def _spec(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "inputSchema": {"json": tool.schema}, **tool.optional}


def _choice(choice: ToolChoice | None) -> dict[str, Any] | None:
    match choice:
        case None | NoTool():
            return None
        case ModelChooses():
            return {"auto": {}}
        case AnyTool():
            return {"any": {}}
        case NamedTool(name):
            return {"tool": {"name": name}}
        case _:
            assert_never(choice)


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
        case RedactedThinking(data):
            return {"reasoningContent": {"redactedContent": data}}
        case ToolUse(call_id, name, given):
            return {"toolUse": {"toolUseId": call_id, "name": name, "input": given}}
        case ToolResult(call_id, content):
            blocks = [_block(inner) for inner in content]
            return {"toolResult": {"toolUseId": call_id, "content": blocks}}
        case _:
            assert_never(part)


def _mark(
    plan: Breakpoints,
    chat: Conversation,
    messages: Sequence[Mapping[str, Any]],
    system: list[dict[str, Any]],
    tools: Mapping[str, Any],
) -> None:
    """Put a cache point behind each anchor, from the last to the first: places stay valid."""
    point = {"cachePoint": {"type": "default"} | ({"ttl": plan.ttl} if plan.ttl != "5m" else {})}
    ends = [chat.ends[at] for at in plan.anchors if isinstance(at, int) and at in chat.ends]
    for turn, part in sorted(ends, reverse=True):
        messages[turn]["content"].insert(part + 1, point)
    if "system" in plan.anchors and system:
        system.append(point)
    if "tools" in plan.anchors and tools:
        tools["tools"].append(point)
