"""OpenAI's chat API and its accents, from the provider's side: JSON, SSE, errors, rate limits."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic_core import from_json, to_json

from .address import Address
from .conduct import Fault
from .embeddings import embeddings_body, parse_embeddings
from .exchange import Answered, Asked, Block, Counted, Unreadable
from .limits import Verdict, Window
from .wire import Failed

CREATED: Final = 1_790_000_000
_PIECES: Final = re.compile(r"\s*\S+\s*$|\s*\S+")

_MISTRAL_FIELDS: Final = (
    "model messages temperature top_p max_tokens stream stop random_seed metadata response_format"
    " tools tool_choice presence_penalty frequency_penalty n prediction parallel_tool_calls"
    " reasoning_effort prompt_mode guardrails prompt_cache_key service_tier safe_prompt logprobs"
    " top_logprobs top_k min_tokens repetition_penalty"
)
_MISTRAL_MESSAGE: Final[Mapping[str, set[str]]] = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls", "prefix"},
    "tool": {"role", "content", "tool_call_id", "name"},
}
_OPENAI_MESSAGE: Final = {
    *("role", "content", "name", "refusal", "audio", "annotations"),
    *("tool_calls", "tool_call_id", "function_call"),
}
_MISTRAL_TAKES: Final = frozenset(_MISTRAL_FIELDS.split())
_MISTRAL_ID: Final = re.compile(r"[a-zA-Z0-9]{9}")

STREAM_TYPE: Final = "text/event-stream"

_FAULTS: Final[Mapping[Fault, tuple[int, str | None, str, str]]] = {
    "rate_limited": (429, "rate_limit_exceeded", "tokens", "Rate limit reached for the model."),
    "ramp_too_fast": (429, "slow_down", "requests", "Slow down: traffic grows too fast."),
    "quota_exhausted": (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "overloaded": (503, "server_is_overloaded", "server_error", "The engine is overloaded."),
    "server_error": (500, None, "server_error", "The server had an error."),
    "context_too_long": (
        400,
        "context_length_exceeded",
        "invalid_request_error",
        "This model's maximum context length is exceeded by your messages.",
    ),
    "content_filtered": (
        400,
        "content_filter",
        "invalid_request_error",
        "The prompt triggered the content management policy.",
    ),
    "bad_credentials": (
        401,
        "invalid_api_key",
        "invalid_request_error",
        "Incorrect API key provided: {key}.",
    ),
    "unknown_model": (
        404,
        "model_not_found",
        "invalid_request_error",
        "The model `{model}` does not exist or you do not have access to it.",
    ),
}


def parse(address: Address, _headers: Mapping[str, str], body: bytes) -> Asked:
    """What a chat completions request asks. Raises Unreadable."""
    try:
        told = from_json(body)
        if "input" in told:
            return parse_embeddings(address, told)
        messages = told["messages"]
        last = messages[-1]
    except (ValueError, KeyError, IndexError, TypeError):
        raise Unreadable("the body is not a chat completions request") from None
    if address.provider == "mistral":
        _strict(told)
    if address.provider in {"openai", "azure"}:
        _strict_messages(told)
    tools = {tool["function"]["name"]: tool["function"] for tool in told.get("tools") or ()}
    choice, form = told.get("tool_choice"), told.get("response_format") or {}
    stop = told.get("stop") or ()
    return Asked(
        dialect="openai",
        provider=address.provider,
        model=address.model or told["model"],
        key=address.key,
        blocks=tuple(_blocks(told)),
        question=next((_text(m) for m in reversed(messages) if m["role"] == "user"), ""),
        stream=bool(told.get("stream")),
        include_usage=address.provider == "mistral"
        or bool((told.get("stream_options") or {}).get("include_usage")),
        max_tokens=told.get("max_completion_tokens") or told.get("max_tokens"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        tools={name: tool.get("parameters") or {} for name, tool in tools.items()},
        may_call=choice != "none",
        called=choice["function"]["name"] if isinstance(choice, dict) else None,
        after_tool=last["role"] == "tool",
        schema=(form.get("json_schema") or {}).get("schema"),
        wants_json=form.get("type") == "json_object",
        thinks="reasoning_effort" in told,
        logprobs=bool(told.get("logprobs")),
        service_tier=told.get("service_tier"),
    )


def whole(asked: Asked, said: Answered, counted: Counted, number: int) -> bytes:
    """The `chat.completion`, or the list of vectors."""
    if asked.embedded is not None:
        return embeddings_body(asked, asked.embedded, counted)
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
    if asked.provider != "mistral":
        message["refusal"] = None
    if said.finish == "refusal":
        message |= {"content": None, "refusal": said.text}
    if said.thinking:
        message["reasoning_content"] = said.thinking
    if said.tool_calls:
        message["tool_calls"] = _calls(said, number)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(said)}
    if asked.logprobs:
        choice["logprobs"] = {"content": [_logprob(piece) for piece in pieces(said.text)]}
    return to_json(
        {**_head(asked, number, "chat.completion"), "choices": [choice], "usage": _usage(counted)}
    )


def events(asked: Asked, said: Answered, counted: Counted, number: int) -> Iterator[bytes]:
    """The chunks of a stream, each a whole SSE event; the end mark is the last."""
    head = _head(asked, number, "chat.completion.chunk")

    def chunk(delta: Mapping[str, Any], finish: str | None = None, **more: object) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _sse({**head, "choices": [choice], **more})

    yield chunk({"role": "assistant", "content": ""})
    if said.thinking:
        yield chunk({"reasoning_content": said.thinking})
    name = "refusal" if said.finish == "refusal" else "content"
    for piece in pieces(said.text):
        yield chunk({name: piece})
    for call in _calls(said, number):
        function = call["function"]
        yield chunk({"tool_calls": [{**call, "function": {**function, "arguments": ""}}]})
        half = len(function["arguments"]) // 2
        for part in (function["arguments"][:half], function["arguments"][half:]):
            yield chunk({"tool_calls": [{"index": call["index"], "function": {"arguments": part}}]})
    if asked.provider == "mistral":
        yield chunk({"content": ""}, _finish(said), usage=_usage(counted))
    else:
        yield chunk({}, _finish(said))
        if asked.include_usage:
            yield _sse({**head, "choices": [], "usage": _usage(counted)})
    yield b"data: [DONE]\n\n"


def failed(fault: Fault, asked: Asked, retry_after_s: float | None) -> Failed:
    """Status, headers and body of an error."""
    status, code, kind, message = _FAULTS[fault]
    headers = {}
    if retry_after_s is not None and status in {429, 503} and fault != "quota_exhausted":
        headers["retry-after"] = str(max(1, round(retry_after_s)))
        if asked.provider != "mistral":
            headers["retry-after-ms"] = str(round(retry_after_s * 1000))
    told = message.format(key=asked.key, model=asked.model)
    return status, headers, _error(asked.provider, status, code, kind, told)


def rejected(provider: str, problem: Unreadable) -> Failed:
    """The provider's own words for a request that it can't read."""
    kind = "invalid_request_error"
    return problem.status, {}, _error(provider, problem.status, problem.code, kind, problem.message)


def error_in_stream(asked: Asked) -> bytes:
    """An error after the answer has begun."""
    _, code, kind, message = _FAULTS["overloaded"]
    return _sse({"error": {"message": message, "type": kind, "code": code, "param": asked.model}})


def limit_headers(provider: str, verdict: Verdict) -> dict[str, str]:
    """The provider's rate headers; a self-hosted server has none."""
    if provider == "self":
        return {}
    found: dict[str, str] = {}
    for what, window in (("requests", verdict.requests), ("tokens", verdict.tokens)):
        if window is not None:
            found |= _window_headers(provider, what, window)
    return found


def pieces(text: str) -> list[str]:
    """The text as a stream tells it: word by word."""
    return _PIECES.findall(text)


def _strict(told: Mapping[str, Any]) -> None:
    """Mistral rejects what it doesn't know, and tool call ids that aren't nine characters."""
    unknown = told.keys() - _MISTRAL_TAKES
    if unknown:
        raise Unreadable(f"Extra inputs are not permitted: {sorted(unknown)}", 422)
    for message in told["messages"]:
        made = [call["id"] for call in message.get("tool_calls") or ()]
        for name in (*made, *([message["tool_call_id"]] if "tool_call_id" in message else ())):
            if not _MISTRAL_ID.fullmatch(name):
                raise Unreadable(f"Tool call id was {name} but must be a-z, A-Z, 0-9, length 9")
        if message["role"] == "developer":
            raise Unreadable("role: input should be system, user, assistant or tool", 422)
        extra = message.keys() - _MISTRAL_MESSAGE[message["role"]]
        if extra or "cache_control" in json.dumps(message.get("content")):
            raise Unreadable(f"Extra inputs are not permitted: {sorted(extra)}", 422)


def _strict_messages(told: Mapping[str, Any]) -> None:
    """OpenAI rejects message fields that it doesn't know, and long tool call ids."""
    for index, message in enumerate(told["messages"]):
        unknown = message.keys() - _OPENAI_MESSAGE
        if unknown or "cache_control" in json.dumps(message.get("content")):
            raise Unreadable(f"Unknown parameter: 'messages[{index}].{min(unknown, default='')}'")
        made = [call["id"] for call in message.get("tool_calls") or ()]
        for name in (*made, *([message["tool_call_id"]] if "tool_call_id" in message else ())):
            if not isinstance(name, str) or not 0 < len(name) <= 40:
                raise Unreadable(f"Invalid 'messages[{index}].tool_calls[0].id': string too long")


def _blocks(told: Mapping[str, Any]) -> Iterator[Block]:
    if told.get("tools"):
        yield Block(json.dumps(told["tools"]))
    for message in told["messages"]:
        yield Block(_text(message) + json.dumps(message.get("tool_calls") or ""))


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text") or f"[{part.get('type')}]" for part in content)


def _calls(said: Answered, number: int) -> list[dict[str, Any]]:
    return [
        {
            "index": n,
            "id": f"call{number % 10_000:04d}{n}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for n, call in enumerate(said.tool_calls)
    ]


def _head(asked: Asked, number: int, kind: str) -> dict[str, Any]:
    told = {"service_tier": asked.service_tier} if asked.service_tier else {}
    return {
        **told,
        "id": f"chatcmpl-simulator-{number}",
        "object": kind,
        "created": CREATED + number,
        "model": asked.model,
        "system_fingerprint": "simulator",
    }


def _usage(counted: Counted) -> dict[str, Any]:
    return {
        "prompt_tokens": counted.prompt,
        "completion_tokens": counted.output,
        "total_tokens": counted.prompt + counted.output,
        "prompt_tokens_details": {"cached_tokens": counted.read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": counted.thinking, "audio_tokens": 0},
    }


def _finish(said: Answered) -> str:
    return "stop" if said.finish == "refusal" else said.finish


def _logprob(piece: str) -> dict[str, Any]:
    return {"token": piece, "logprob": -0.1, "bytes": list(piece.encode()), "top_logprobs": []}


def _sse(told: Mapping[str, Any]) -> bytes:
    return b"data: " + to_json(told) + b"\n\n"


def _error(provider: str, status: int, code: str | None, kind: str, message: str) -> bytes:
    if provider == "mistral":
        return to_json({"object": "error", "message": message, "type": kind, "code": code})
    if provider == "self":
        return to_json({"error": {"message": message, "type": kind, "code": status}})
    return to_json({"error": {"message": message, "type": kind, "param": None, "code": code}})


def _window_headers(provider: str, what: str, window: Window) -> dict[str, str]:
    if provider == "mistral" and what == "tokens":
        return {
            "x-ratelimitbysize-limit-minute": str(window.limit),
            "x-ratelimitbysize-remaining-minute": str(window.remaining),
            "ratelimitbysize-reset": str(round(window.reset_s)),
        }
    told = {f"x-ratelimit-remaining-{what}": str(window.remaining)}
    if provider != "azure":
        told[f"x-ratelimit-limit-{what}"] = str(window.limit)
        told[f"x-ratelimit-reset-{what}"] = f"{round(window.reset_s * 1000)}ms"
    return told
