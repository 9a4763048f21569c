"""Chat Completions answer: the reply's `chat.completion` as OpenAI's SDKs model it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.answers.dialect import AnswerContext
from gateway.demands.outcome import outcome_of
from producers.contract import Done

_REASONS: Final = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})


def completion_id(context: AnswerContext) -> str:
    """The same in the whole answer and in each of its events."""
    return f"chatcmpl-{context.request_id}"


def completion(context: AnswerContext, done: Done) -> dict[str, Any]:
    """The `chat.completion`, with the outcome under `switchgear`."""
    body = done.body
    return {
        **body,
        "id": completion_id(context),
        "object": "chat.completion",
        "created": body.get("created") or context.created,
        "model": body.get("model") or done.route.model or context.call.model,
        "choices": [_choice(number, choice) for number, choice in enumerate(choices_of(done))],
        "usage": usage_of(done),
        "switchgear": outcome_of(done, context.call.warnings),
    }


def choices_of(done: Done) -> Sequence[Mapping[str, Any]]:
    """The choices of the reply."""
    choices: Sequence[Mapping[str, Any]] = done.body.get("choices") or ()
    return choices


def finish_reason(choice: Mapping[str, Any]) -> str:
    """One of OpenAI's own: the SDKs know no others."""
    reason = choice.get("finish_reason")
    if reason in _REASONS and reason != "stop":
        return str(reason)
    # some servers say `stop` where a call was forced, and agents then don't make it
    return "tool_calls" if (choice.get("message") or {}).get("tool_calls") else "stop"


def usage_of(done: Done) -> dict[str, Any]:
    """The provider's counts; a hit of the cache has those of the call that it repeats."""
    told = done.body.get("usage")
    if isinstance(told, Mapping) and told.get("total_tokens") is not None:
        return dict(told)
    prompt, output = done.usage.input_total, done.usage.output
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": done.usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": done.usage.reasoning},
    }


def _choice(number: int, choice: Mapping[str, Any]) -> dict[str, Any]:
    message = {"content": None, "refusal": None, **(choice.get("message") or {})}
    message["role"] = "assistant"
    message.pop("anthropic", None)
    if not message.get("tool_calls"):
        message.pop("tool_calls", None)
    return {
        **choice,
        "index": number,
        "message": message,
        "logprobs": choice.get("logprobs"),
        "finish_reason": finish_reason(choice),
    }
