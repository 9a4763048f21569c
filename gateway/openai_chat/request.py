"""Chat Completions request: the contract's body is the same, so little has to be read."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.answers.dialect import DialectCall
from gateway.errors.api_error import ApiError

_MOST_CHOICES: Final = 128


def read_chat_request(body: Mapping[str, Any]) -> DialectCall | ApiError:
    """The call; what a body may hold else is checked by the contract and by the provider."""
    model, stream, choices = body.get("model"), body.get("stream"), body.get("n")
    options = body.get("stream_options")
    if model is not None and not isinstance(model, str):
        return _wrong("model", "must be a text: a tier, a model, or `auto`")
    if stream is not None and not isinstance(stream, bool):
        return _wrong("stream", "must be true or false")
    if options is not None and not isinstance(options, Mapping):
        return _wrong("stream_options", "must be an object")
    if options is not None and not stream:
        return _wrong("stream_options", "is only allowed when `stream` is true")
    if choices is not None and not _is_count(choices):
        return _wrong("n", f"must be a whole number from 1 to {_MOST_CHOICES}")
    # how the stream is told is the gateway's business: usage always comes with the reply. A null
    # is a parameter that wasn't given
    kept = {name: value for name, value in body.items() if value is not None}
    kept.pop("stream_options", None)
    return DialectCall(
        body=kept,
        model=model or "auto",
        stream=bool(stream),
        include_usage=bool((options or {}).get("include_usage")),
        choices=choices or 1,
        logprobs=bool(body.get("logprobs")),
        # chunks of the contract carry one choice and no probabilities
        buffered=(choices or 1) > 1 or bool(body.get("logprobs")),
    )


def _is_count(choices: object) -> bool:
    whole = isinstance(choices, int) and not isinstance(choices, bool)
    return whole and 1 <= choices <= _MOST_CHOICES  # type: ignore[operator]


def _wrong(param: str, problem: str) -> ApiError:
    return ApiError("invalid_request", "invalid_request", f"{param}: {problem}", param)
