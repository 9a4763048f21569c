"""Anthropic's messages API, from the provider's side: JSON, SSE, errors, rate limit headers."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final

from pydantic_core import from_json, to_json

from .address import Address
from .conduct import Fault
from .exchange import Answered, Asked, Block, Counted, Unreadable
from .limits import Verdict
from .openai_wire import pieces
from .wire import Failed

STREAM_TYPE: Final = "text/event-stream"

_FAULTS: Final[Mapping[Fault, tuple[int, str, str]]] = {
    "rate_limited": (429, "rate_limit_error", "This request would exceed your rate limit."),
    "ramp_too_fast": (
        429,
        "rate_limit_error",
        "This request would exceed your acceleration limit: increase your traffic gradually.",
    ),
    "quota_exhausted": (
        400,
        "invalid_request_error",
        "You have reached your usage limits. You will regain access on 2030-01-01 at 00:00 UTC.",
    ),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "server_error": (500, "api_error", "Internal server error"),
    "context_too_long": (
        400,
        "invalid_request_error",
        "prompt is too long: 210000 tokens > 200000 maximum",
    ),
    "content_filtered": (
        400,
        "invalid_request_error",
        "Output blocked by content filtering policy",
    ),
    "bad_credentials": (401, "authentication_error", "invalid x-api-key: {key}"),
    "unknown_model": (404, "not_found_error", "model: {model}"),
}
_FINISH: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refusal": "refusal",
    "content_filter": "refusal",
}
_VERSIONS: Final = ("2023-06-01", "2026-10-21")
_TOOL_ID: Final = re.compile("[a-zA-Z0-9_-]+")
_IMAGES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")
_EFFORT_TAKEN: Final = {"adaptive", "enabled"}


def parse(address: Address, headers: Mapping[str, str], body: bytes) -> Asked:
    """What a messages request asks. Raises Unreadable."""
    try:
        told = from_json(body)
        messages = told["messages"]
        last = messages[-1]
        told["max_tokens"] + 0
    except (ValueError, KeyError, IndexError, TypeError):
        raise Unreadable(
            "the body is not a messages request: model, messages, max_tokens"
        ) from None
    _strict(told, headers)
    choice = told.get("tool_choice") or {}
    form = (told.get("output_config") or {}).get("format") or {}
    return Asked(
        dialect="anthropic",
        provider=address.provider,
        model=told["model"],
        key=address.key,
        blocks=tuple(_blocks(told)),
        question=next((_said(m) for m in reversed(messages) if m["role"] == "user"), ""),
        stream=bool(told.get("stream")),
        max_tokens=told["max_tokens"],
        stop=tuple(told.get("stop_sequences") or ()),
        tools={tool["name"]: tool.get("input_schema") or {} for tool in told.get("tools") or ()},
        may_call=choice.get("type") != "none",
        called=choice.get("name"),
        after_tool=any(part.get("type") == "tool_result" for part in _parts(last)),
        schema=form.get("schema"),
        thinks=(told.get("thinking") or {}).get("type") in _EFFORT_TAKEN,
    )


def whole(asked: Asked, said: Answered, counted: Counted, number: int) -> bytes:
    """The message."""
    content: list[dict[str, Any]] = []
    if said.thinking:
        content.append({"type": "thinking", "thinking": said.thinking, "signature": "c2ltdWxhdG9y"})
    if said.text:
        content.append({"type": "text", "text": said.text, "citations": None})
    for n, call in enumerate(said.tool_calls):
        content.append({**_use(number, n, call.name), "input": json.loads(call.arguments)})
    return to_json({**_message(asked, said, counted, number), "content": content})


def events(asked: Asked, said: Answered, counted: Counted, number: int) -> Iterator[bytes]:
    """The events of a stream."""
    begun = {**_message(asked, said, counted, number), "stop_reason": None, "content": []}
    begun["usage"] = {**begun["usage"], "output_tokens": 1}
    yield _sse("message_start", {"message": begun})
    index = 0
    if said.thinking:
        yield _start(index, {"type": "thinking", "thinking": "", "signature": ""})
        yield _sse("ping", {})
        yield _delta(index, {"type": "thinking_delta", "thinking": said.thinking})
        yield _delta(index, {"type": "signature_delta", "signature": "c2ltdWxhdG9y"})
        yield _sse("content_block_stop", {"index": index})
        index += 1
    if said.text:
        yield _start(index, {"type": "text", "text": ""})
        for piece in pieces(said.text):
            yield _delta(index, {"type": "text_delta", "text": piece})
        yield _sse("content_block_stop", {"index": index})
        index += 1
    for n, call in enumerate(said.tool_calls):
        yield _start(index + n, {**_use(number, n, call.name), "input": {}})
        half = len(call.arguments) // 2
        for part in ("", call.arguments[:half], call.arguments[half:]):
            yield _delta(index + n, {"type": "input_json_delta", "partial_json": part})
        yield _sse("content_block_stop", {"index": index + n})
    ended = {"stop_reason": _FINISH[said.finish], "stop_sequence": None}
    yield _sse("message_delta", {"delta": ended, "usage": {"output_tokens": counted.output}})
    yield _sse("message_stop", {})


def failed(fault: Fault, asked: Asked, retry_after_s: float | None) -> Failed:
    """Status, headers and body of an error."""
    status, kind, message = _FAULTS[fault]
    headers = {}
    if retry_after_s is not None and status == 429:
        headers["retry-after"] = str(max(1, round(retry_after_s)))
    return status, headers, _error(kind, message.format(key=asked.key, model=asked.model))


def rejected(_provider: str, problem: Unreadable) -> Failed:
    """Anthropic's words for a request that it can't read."""
    return problem.status, {}, _error(problem.code, problem.message)


def error_in_stream(_asked: Asked) -> bytes:
    """An overload after the answer has begun."""
    _, kind, message = _FAULTS["overloaded"]
    return _sse("error", {"error": {"type": kind, "message": message}})


def limit_headers(_provider: str, verdict: Verdict) -> dict[str, str]:
    """Anthropic's rate headers; resets are RFC 3339."""
    found: dict[str, str] = {}
    now = datetime.now(UTC)
    for what, window in (("requests", verdict.requests), ("tokens", verdict.tokens)):
        if window is not None:
            reset = (now + timedelta(seconds=window.reset_s)).isoformat(timespec="seconds")
            found[f"anthropic-ratelimit-{what}-limit"] = str(window.limit)
            found[f"anthropic-ratelimit-{what}-remaining"] = str(window.remaining)
            found[f"anthropic-ratelimit-{what}-reset"] = reset.replace("+00:00", "Z")
    return found


def _strict(told: Mapping[str, Any], headers: Mapping[str, str]) -> None:  # noqa: C901 - a list of rules
    version = headers.get("anthropic-version")
    if version not in _VERSIONS:
        raise Unreadable("anthropic-version: header is required, and must be a known version")
    sampling = told.keys() & {"temperature", "top_p", "top_k"}
    if sampling and version == _VERSIONS[-1]:
        raise Unreadable(f"{min(sampling)}: Extra inputs are not permitted")
    roles = {message["role"] for message in told["messages"]}
    if roles - {"user", "assistant"}:
        raise Unreadable("messages: roles are user and assistant")
    if "temperature" in told and "top_p" in told:
        raise Unreadable("temperature and top_p cannot both be specified for this model")
    if told.get("temperature", 0) > 1:
        raise Unreadable("temperature: range: 0..1")
    unknown = told.keys() & {
        "n",
        "seed",
        "logprobs",
        "response_format",
        "stop",
        "frequency_penalty",
    }
    if unknown:
        raise Unreadable(f"{min(unknown)}: Extra inputs are not permitted")
    for part in chain.from_iterable(map(_parts, told["messages"])):
        _strict_part(part)
    marks = sum(1 for block in _blocks(told) if block.cached)
    if marks > 4:
        raise Unreadable("A maximum of 4 blocks with cache_control may be provided")


def _strict_part(part: Mapping[str, Any]) -> None:
    """What the reference refuses inside of a message."""
    match part:
        case {"type": "text", "text": str(text)} if not text.strip():
            raise Unreadable("messages: text content blocks must contain non-whitespace text")
        case {"type": "tool_use", "id": call_id} | {"type": "tool_result", "tool_use_id": call_id}:
            if not isinstance(call_id, str) or not _TOOL_ID.fullmatch(call_id):
                raise Unreadable("tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    match part:
        case {"type": "tool_use", "input": given} if not isinstance(given, dict):
            raise Unreadable("tool_use.input: Input should be a valid dictionary")
        case {"type": "image", "source": {"media_type": kind}} if kind not in _IMAGES:
            raise Unreadable(f"source.media_type: Input should be one of {_IMAGES}")


def _blocks(told: Mapping[str, Any]) -> Iterator[Block]:
    for tool in told.get("tools") or ():
        yield _block(tool)
    system = told.get("system") or ()
    for part in [{"type": "text", "text": system}] if isinstance(system, str) else system:
        yield _block(part)
    for message in told["messages"]:
        for part in _parts(message):
            yield _block({"role": message["role"], **part})


def _block(part: Mapping[str, Any]) -> Block:
    """The block without its mark, so that a prefix is the same marked or not."""
    mark = part.get("cache_control")
    bare = {name: value for name, value in part.items() if name != "cache_control"}
    text = bare["text"] if bare.get("type") == "text" else json.dumps(bare, sort_keys=True)
    return Block(text, mark.get("ttl", "5m") if mark else None)


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _said(message: Mapping[str, Any]) -> str:
    return " ".join(part["text"] for part in _parts(message) if part.get("type") == "text")


def _message(asked: Asked, said: Answered, counted: Counted, number: int) -> dict[str, Any]:
    return {
        "id": f"msg_simulator_{number}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": _FINISH[said.finish],
        "stop_sequence": None,
        "usage": _usage(counted),
    }


def _usage(counted: Counted) -> dict[str, Any]:
    return {
        "input_tokens": counted.plain,
        "cache_creation_input_tokens": counted.written_5m + counted.written_1h,
        "cache_read_input_tokens": counted.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counted.written_5m,
            "ephemeral_1h_input_tokens": counted.written_1h,
        },
        "output_tokens": counted.output,
        "service_tier": "standard",
    }


def _use(number: int, n: int, name: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_simulator_{number}_{n}", "name": name}


def _start(index: int, block: Mapping[str, Any]) -> bytes:
    return _sse("content_block_start", {"index": index, "content_block": block})


def _delta(index: int, delta: Mapping[str, Any]) -> bytes:
    return _sse("content_block_delta", {"index": index, "delta": delta})


def _sse(kind: str, told: Mapping[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), to_json({"type": kind, **told}))


def _error(kind: str, message: str) -> bytes:
    return to_json({"type": "error", "error": {"type": kind, "message": message}})
