"""Bedrock's Converse API, from the provider's side: JSON, event streams, exceptions, no limits."""

import json
import re
from collections.abc import Iterator, Mapping
from struct import pack
from typing import Any, Final
from zlib import crc32

from pydantic_core import from_json, to_json

from .address import Address
from .conduct import Fault
from .exchange import Answered, Asked, Block, Counted, Unreadable
from .limits import Verdict
from .openai_wire import pieces
from .wire import Failed

STREAM_TYPE: Final = "application/vnd.amazon.eventstream"

_FAULTS: Final[Mapping[Fault, tuple[int, str, str]]] = {
    "rate_limited": (429, "ThrottlingException", "Too many requests, please wait."),
    "ramp_too_fast": (429, "ThrottlingException", "Too many requests: slow down your ramp."),
    "quota_exhausted": (400, "ServiceQuotaExceededException", "Your monthly quota is exceeded."),
    "overloaded": (503, "ServiceUnavailableException", "The service is unavailable."),
    "server_error": (500, "InternalServerException", "Internal failure."),
    "context_too_long": (400, "ValidationException", "Input is too long for requested model."),
    "content_filtered": (400, "ValidationException", "Blocked by our content filtering policy."),
    "bad_credentials": (
        403,
        "UnrecognizedClientException",
        "The security token {key} included in the request is invalid.",
    ),
    "unknown_model": (404, "ResourceNotFoundException", "Could not resolve the model {model}."),
}
_FINISH: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refusal": "end_turn",
    "content_filter": "content_filtered",
}
_TAKES: Final = frozenset(
    {
        "messages",
        "system",
        "inferenceConfig",
        "toolConfig",
        "guardrailConfig",
        "additionalModelRequestFields",
        "promptVariables",
        "additionalModelResponseFieldPaths",
        "requestMetadata",
        "performanceConfig",
        "serviceTier",
        "outputConfig",
    }
)
_TOOL_ID: Final = re.compile("[a-zA-Z0-9_.:-]{1,64}")


def parse(address: Address, _headers: Mapping[str, str], body: bytes) -> Asked:
    """What a Converse request asks. Raises Unreadable."""
    try:
        told = from_json(body)
        messages = told["messages"]
        last = messages[-1]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise Unreadable("the body is not a Converse request", code="ValidationException") from None
    unknown = told.keys() - _TAKES
    if unknown:
        raise Unreadable(f"unknown: {sorted(unknown)}", code="ValidationException")
    _strict(told)
    config, tools = told.get("inferenceConfig") or {}, told.get("toolConfig") or {}
    specs = [tool["toolSpec"] for tool in tools.get("tools") or () if "toolSpec" in tool]
    choice = tools.get("toolChoice") or {}
    form = (told.get("outputConfig") or {}).get("textFormat") or {}
    schema = ((form.get("structure") or {}).get("jsonSchema") or {}).get("schema")
    more = told.get("additionalModelRequestFields") or {}
    return Asked(
        dialect="bedrock",
        provider=address.provider,
        model=address.model or "",
        key=address.key,
        blocks=tuple(_blocks(told)),
        question=next((_said(m) for m in reversed(messages) if m["role"] == "user"), ""),
        stream=address.stream,
        max_tokens=config.get("maxTokens"),
        stop=tuple(config.get("stopSequences") or ()),
        tools={spec["name"]: spec["inputSchema"]["json"] for spec in specs},
        called=(choice.get("tool") or {}).get("name"),
        after_tool=any("toolResult" in part for part in last),
        schema=json.loads(schema) if schema else None,
        thinks="thinking" in more,
        service_tier=(told.get("serviceTier") or {}).get("type"),
    )


def _strict(told: Mapping[str, Any]) -> None:
    """What the reference refuses inside of a message."""
    for part in (part for message in told["messages"] for part in message["content"]):
        if "text" in part and not part["text"].strip():
            raise Unreadable("the text field is blank", code="ValidationException")
        call = part.get("toolUse") or part.get("toolResult")
        if call and not told.get("toolConfig"):
            problem = "toolConfig must be defined when using toolUse and toolResult blocks"
            raise Unreadable(problem, code="ValidationException")
        if call and not _TOOL_ID.fullmatch(call["toolUseId"]):
            raise Unreadable("toolUseId must satisfy [a-zA-Z0-9_-]", code="ValidationException")


def whole(asked: Asked, said: Answered, counted: Counted, number: int) -> bytes:
    """The Converse response."""
    content: list[dict[str, Any]] = []
    if said.thinking:
        thought = {"text": said.thinking, "signature": "c2ltdWxhdG9y"}
        content.append({"reasoningContent": {"reasoningText": thought}})
    if said.text:
        content.append({"text": said.text})
    for n, call in enumerate(said.tool_calls):
        use = {"toolUseId": _use_id(number, n), "name": call.name}
        content.append({"toolUse": {**use, "input": json.loads(call.arguments)}})
    return to_json(
        {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": _FINISH[said.finish],
            "usage": _usage(counted),
            "metrics": {"latencyMs": 1},
            "serviceTier": {"type": asked.service_tier or "default"},
        }
    )


def events(asked: Asked, said: Answered, counted: Counted, number: int) -> Iterator[bytes]:
    """The messages of a stream."""
    yield framed("messageStart", {"role": "assistant"})
    index = 0
    if said.thinking:
        yield _delta(index, {"reasoningContent": {"text": said.thinking}})
        yield _delta(index, {"reasoningContent": {"signature": "c2ltdWxhdG9y"}})
        yield framed("contentBlockStop", {"contentBlockIndex": index})
        index += 1
    if said.text:
        for piece in pieces(said.text):
            yield _delta(index, {"text": piece})
        yield framed("contentBlockStop", {"contentBlockIndex": index})
        index += 1
    for n, call in enumerate(said.tool_calls):
        use = {"toolUseId": _use_id(number, n), "name": call.name}
        start = {"start": {"toolUse": use}, "contentBlockIndex": index + n}
        yield framed("contentBlockStart", start)
        half = len(call.arguments) // 2
        for part in (call.arguments[:half], call.arguments[half:]):
            yield _delta(index + n, {"toolUse": {"input": part}})
        yield framed("contentBlockStop", {"contentBlockIndex": index + n})
    yield framed("messageStop", {"stopReason": _FINISH[said.finish]})
    tier = {"type": asked.service_tier or "default"}
    told = {"usage": _usage(counted), "metrics": {"latencyMs": 1}, "serviceTier": tier}
    yield framed("metadata", told)


def failed(fault: Fault, asked: Asked, _retry_after_s: float | None) -> Failed:
    """Status, headers and body of an exception: AWS gives no hint how long to wait."""
    status, code, message = _FAULTS[fault]
    body = to_json({"message": message.format(key=asked.key, model=asked.model)})
    return status, {"x-amzn-errortype": f"{code}:http://internal.amazon.com/"}, body


def rejected(_provider: str, problem: Unreadable) -> Failed:
    """AWS's words for a request that it can't read."""
    return (
        problem.status,
        {"x-amzn-errortype": "ValidationException"},
        to_json({"message": problem.message}),
    )


def error_in_stream(_asked: Asked) -> bytes:
    """Throttled after the answer has begun."""
    told = {"message": "Too many requests."}
    return _frame({":message-type": "exception", ":exception-type": "throttlingException"}, told)


def limit_headers(_provider: str, _verdict: Verdict) -> dict[str, str]:
    """Bedrock tells nothing."""
    return {}


def _blocks(told: Mapping[str, Any]) -> Iterator[Block]:
    """The blocks in the order that is cached; a cache point marks the block before it."""
    tools = (told.get("toolConfig") or {}).get("tools") or ()
    groups = [tools, told.get("system") or (), *(m["content"] for m in told["messages"])]
    for group in groups:
        for n, part in enumerate(group):
            following = group[n + 1] if n + 1 < len(group) else {}
            if "cachePoint" not in part:
                point = following.get("cachePoint")
                text = part["text"] if "text" in part else json.dumps(part, sort_keys=True)
                yield Block(text, point.get("ttl", "5m") if point else None)


def _said(message: Mapping[str, Any]) -> str:
    return " ".join(part["text"] for part in message["content"] if "text" in part)


def _usage(counted: Counted) -> dict[str, Any]:
    written = {"5m": counted.written_5m, "1h": counted.written_1h}
    return {
        "inputTokens": counted.plain,
        "outputTokens": counted.output,
        "totalTokens": counted.prompt + counted.output,
        "cacheReadInputTokens": counted.read,
        "cacheWriteInputTokens": sum(written.values()),
        "cacheDetails": [{"ttl": ttl, "inputTokens": n} for ttl, n in written.items() if n],
    }


def _use_id(number: int, n: int) -> str:
    return f"tooluse_simulator_{number}_{n}"


def _delta(index: int, delta: Mapping[str, Any]) -> bytes:
    return framed("contentBlockDelta", {"delta": delta, "contentBlockIndex": index})


def framed(kind: str, told: Mapping[str, Any]) -> bytes:
    """One event of a stream."""
    return _frame({":event-type": kind, ":message-type": "event"}, told)


def _frame(headers: Mapping[str, str], told: Mapping[str, Any]) -> bytes:
    """One message of `application/vnd.amazon.eventstream`."""
    head = b"".join(
        _header(*each) for each in {**headers, ":content-type": "application/json"}.items()
    )
    payload = to_json(told)
    prelude = pack(">II", 12 + len(head) + len(payload) + 4, len(head))
    frame = prelude + pack(">I", crc32(prelude)) + head + payload
    return frame + pack(">I", crc32(frame))


def _header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + pack(">H", len(value)) + value.encode()
