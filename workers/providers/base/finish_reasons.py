"""Finish reasons: other servers' words for OpenAI's, and which of several counts."""

from collections.abc import Mapping
from typing import Final

_OPENAI: Final[Mapping[str, str]] = {
    "end_turn": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "tool_use": "tool_calls",
}
"""Words of servers that speak OpenAI's dialect with an accent."""
_WEIGHT: Final[Mapping[str, int]] = {
    "stop": 1,
    "length": 2,
    "tool_calls": 3,
    "function_call": 3,
    "refusal": 4,
    "content_filter": 5,
    "error": 6,
}


def openai_reason(value: object) -> str | None:
    """OpenAI's word for a finish reason; None when none is told."""
    if not isinstance(value, str) or not value:
        return None
    return _OPENAI.get(value, value)


def weightier(first: str | None, second: str | None) -> str | None:
    """The reason that says more: some servers end a stream with `stop` after `tool_calls`."""
    if first is None or second is None:
        return first or second
    return second if _WEIGHT.get(second, 1) >= _WEIGHT.get(first, 1) else first
