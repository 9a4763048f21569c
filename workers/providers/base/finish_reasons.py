"""Finish reasons: other servers' words for OpenAI's, and which of several counts."""

from collections.abc import Mapping
from typing import Final

_OPENAI: Final[Mapping[str, str]] = {
    "end_turn": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "tool_use": "tool_calls",
    "tool_call": "tool_calls",
    **dict.fromkeys(
        ("safety", "recitation", "blocklist", "prohibited_content", "spii", "sensitive"),
        "content_filter",
    ),
    **dict.fromkeys(
        (
            *("abort", "aborted", "cancelled", "insufficient_system_resource", "network_error"),
            *("malformed_function_call", "unexpected_tool_call", "engine_overloaded"),
        ),
        "error",
    ),
}
"""Words of servers that speak OpenAI's dialect with an accent; `error`: the answer broke off."""
_WEIGHT: Final[Mapping[str, int]] = {
    "stop": 1,
    "length": 2,
    "tool_calls": 3,
    "function_call": 3,
    "refusal": 4,
    "content_filter": 5,
    "error": 6,
}
"""OpenAI's own words, and two of ours, by what they say beside another."""


def openai_reason(value: object) -> str | None:
    """OpenAI's word for a finish reason; None when none is told."""
    if not isinstance(value, str) or not value:
        return None
    if value in _WEIGHT:
        return value
    word = value.lower()
    return word if word in _WEIGHT else _OPENAI.get(word, value)


def weightier(first: str | None, second: str | None) -> str | None:
    """The reason that says more: some servers end a stream with `stop` after `tool_calls`."""
    if first is None or second is None:
        return first or second
    return second if _WEIGHT.get(second, 1) >= _WEIGHT.get(first, 1) else first
