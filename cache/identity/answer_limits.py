"""Answer limits: what a request's body allows of any answer. Does a stored answer keep to them?

The body is part of the key, so a kept answer was asked for under the same limits. A provider need
not have heeded them, and what it sent to one caller is not for all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from producers.contract import ChatBody
from producers.contract.codec import MAX_ANSWER_MARKS
from producers.json_values import read_json_text


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """Of one request's body."""

    choices: int = 1
    """`n`: how many answers were asked for."""
    output_tokens: int | None = None
    """`max_completion_tokens`, else `max_tokens`."""
    stops: tuple[str, ...] = ()
    """`stop`: texts at which the answer ends, so that they aren't in it."""
    is_json: bool = False
    """Whether `response_format` asks for JSON."""


NO_LIMITS: Final = AnswerLimits()


def limits_of(body: ChatBody) -> AnswerLimits:
    """The limits in a request's body."""
    more = body.model_extra or {}
    tokens = body.max_completion_tokens or body.max_tokens
    if tokens is None and body.response_format is None and "n" not in more and "stop" not in more:
        return NO_LIMITS
    n, form = more.get("n"), body.response_format or {}
    return AnswerLimits(
        n if isinstance(n, int) else 1, tokens, _stops(more.get("stop")), _asks_for_json(form)
    )


def exceeded_limit(
    limits: AnswerLimits, answer: Mapping[str, Any], output_tokens: int
) -> str | None:
    """The parameter that an answer, a `chat.completion`, breaks; None when it keeps to all.

    output_tokens: that were billed for it.
    """
    if limits is NO_LIMITS and len(answer.get("choices") or ()) == 1:
        return None
    texts = _texts(answer)
    if len(texts) != limits.choices:
        return "n"
    if limits.output_tokens is not None and output_tokens > limits.output_tokens * limits.choices:
        return "max_tokens"
    if any(stop in text for stop in limits.stops for text in texts):
        return "stop"
    return "response_format" if limits.is_json and not all(map(_is_json, texts)) else None


def _texts(answer: Mapping[str, Any]) -> list[str]:
    messages = (choice.get("message") or {} for choice in answer.get("choices") or ())
    return [str(message.get("content") or "") for message in messages]


def _stops(stop: object) -> tuple[str, ...]:
    if isinstance(stop, str):
        return (stop,) if stop else ()
    given = stop if isinstance(stop, Sequence) else ()
    return tuple(text for text in given if isinstance(text, str) and text)


def _asks_for_json(form: Mapping[str, Any]) -> bool:
    return form.get("type") in {"json_object", "json_schema"}


def _is_json(text: str) -> bool:
    try:
        read_json_text(text, MAX_ANSWER_MARKS)
    except ValueError:
        return False
    return True
