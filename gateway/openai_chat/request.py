"""Chat Completions request: the contract's body is the same, so little has to be read."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.answers.dialect import DialectCall
from gateway.answers.field_types import (
    FLAG,
    NUMERIC,
    OBJECT,
    OBJECTS,
    TEXT,
    TEXTS,
    WHOLE,
    FieldTypes,
    check_types,
    either,
)
from gateway.answers.unreadable import UnreadableRequest
from gateway.errors.api_error import ApiError

_MOST_CHOICES: Final = 128
_TYPES: Final[FieldTypes] = {
    **dict.fromkeys(("model", "reasoning_effort", "service_tier", "user", "verbosity"), TEXT),
    **dict.fromkeys(("prompt_cache_key", "safety_identifier"), TEXT),
    **dict.fromkeys(("stream", "logprobs", "parallel_tool_calls", "store"), FLAG),
    **dict.fromkeys(("temperature", "top_p", "frequency_penalty", "presence_penalty"), NUMERIC),
    **dict.fromkeys(("n", "seed", "top_logprobs", "max_tokens", "max_completion_tokens"), WHOLE),
    **dict.fromkeys(("stream_options", "response_format", "logit_bias", "metadata"), OBJECT),
    **dict.fromkeys(("audio", "prediction", "web_search_options"), OBJECT),
    **dict.fromkeys(("messages", "tools", "functions"), OBJECTS),
    **dict.fromkeys(("tool_choice", "function_call"), either(TEXT, OBJECT)),
    "stop": either(TEXT, TEXTS),
    "modalities": TEXTS,
}


def read_chat_request(body: Mapping[str, Any]) -> DialectCall | ApiError:
    """The call; what a body may hold else is checked by the contract and by the provider."""
    try:
        return _read(body)
    except UnreadableRequest as problem:
        return ApiError("invalid_request", "invalid_request", str(problem), problem.param)


def _refuse_unserved(body: Mapping[str, Any]) -> None:
    """What an answer of ours could not tell. Raises UnreadableRequest."""
    for name, instead in (("functions", "tools"), ("function_call", "tool_choice")):
        if body.get(name) is not None:
            raise UnreadableRequest(name, f"isn't served here: use `{instead}`")
    if "audio" in (body.get("modalities") or ()):
        raise UnreadableRequest("modalities", "audio isn't served here: only text is answered")


def _read(body: Mapping[str, Any]) -> DialectCall:
    check_types(body, _TYPES)
    _refuse_unserved(body)
    model, stream, choices = body.get("model"), body.get("stream"), body.get("n")
    options = body.get("stream_options")
    if options is not None and not stream:
        raise UnreadableRequest("stream_options", "is only allowed when `stream` is true")
    if choices is not None and not 1 <= choices <= _MOST_CHOICES:
        raise UnreadableRequest("n", f"must be a whole number from 1 to {_MOST_CHOICES}")
    # how the stream is told is the gateway's business: usage always comes with the reply. A null
    # is a parameter that wasn't given
    kept = {name: value for name, value in body.items() if value is not None}
    kept.pop("stream_options", None)
    # chunks of the contract carry one choice and no probabilities
    buffered = (choices or 1) > 1 or bool(body.get("logprobs"))
    if buffered:
        kept.pop("stream", None)
    return DialectCall(
        body=kept,
        model=model or "auto",
        stream=bool(stream),
        include_usage=bool((options or {}).get("include_usage")),
        choices=choices or 1,
        logprobs=bool(body.get("logprobs")),
        buffered=buffered,
    )
