"""Messages answer: the reply's completion as a message with content blocks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.answers.dialect import AnswerContext
from gateway.demands.outcome import outcome_of
from producers.contract import Done, answer_message
from producers.contract.codec import MAX_ANSWER_MARKS
from producers.json_values import read_json_text

_REASONS: Final[Mapping[str, str]] = {
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


def message_of(context: AnswerContext, done: Done) -> dict[str, Any]:
    """The whole message, with the outcome under `switchgear`."""
    return {
        "id": message_id(context),
        "type": "message",
        "role": "assistant",
        "model": done.route.model or context.call.model,
        "content": _content(context, done),
        "stop_reason": stop_reason(done),
        "stop_sequence": stop_sequence(done),
        "usage": message_usage(done),
        "switchgear": outcome_of(done, context.call.warnings),
    }


def message_id(context: AnswerContext) -> str:
    """The same in the whole message and in the stream's first event."""
    return f"msg_{context.request_id}"


def _content(context: AnswerContext, done: Done) -> list[dict[str, Any]]:
    return list(content_blocks(answer_message(done.body), unsigned=context.call.thoughts))


def content_blocks(message: Mapping[str, Any], *, unsigned: bool) -> Iterator[dict[str, Any]]:
    """Thoughts, then the text, then the tools. A signature is never made up.

    The model's own blocks, where OpenAI's shape would have lost something of them. unsigned:
    whether thoughts that nobody has signed are shown too.
    """
    if message.get("anthropic"):
        yield from message["anthropic"]["content"]
        return
    yield from _thoughts(message, unsigned=unsigned)
    text = message.get("content") or message.get("refusal")
    if isinstance(text, str) and text:
        yield {"type": "text", "text": text}
    for number, call in enumerate(message.get("tool_calls") or ()):
        function = call.get("function") or {}
        yield {
            "type": "tool_use",
            "id": call.get("id") or f"call_{number}",
            "name": function.get("name") or "",
            "input": _arguments(function.get("arguments")),
        }


def _thoughts(message: Mapping[str, Any], *, unsigned: bool) -> Iterator[dict[str, Any]]:
    blocks = message.get("thinking_blocks") or ()
    reasoning = message.get("reasoning_content")
    if not blocks and unsigned and isinstance(reasoning, str) and reasoning:
        yield {"type": "thinking", "thinking": reasoning, "signature": ""}
    for block in blocks:
        signature = block.get("signature") or ""
        if block.get("type") == "redacted_thinking":
            yield {"type": "redacted_thinking", "data": block.get("data") or ""}
        elif signature or unsigned:
            told = {"thinking": block.get("thinking") or "", "signature": signature}
            yield {"type": "thinking", **told}


def stop_reason(done: Done) -> str:
    """Why the answer ends."""
    choices: Sequence[Mapping[str, Any]] = done.body.get("choices") or ({},)
    message = choices[0].get("message") or {}
    native = message.get("anthropic") or {}
    if native.get("stop_reason"):
        return str(native["stop_reason"])
    if message.get("refusal"):
        return "refusal"
    reason = _REASONS.get(choices[0].get("finish_reason") or "stop", "end_turn")
    return "tool_use" if message.get("tool_calls") and reason == "end_turn" else reason


def stop_sequence(done: Done) -> str | None:
    """The sequence that ended the answer, where the model says it."""
    native = answer_message(done.body).get("anthropic") or {}
    told = native.get("stop_sequence")
    return told if isinstance(told, str) else None


def message_usage(done: Done) -> dict[str, int]:
    """Tokens: `input_tokens` is without what the provider's cache served or took."""
    usage = done.usage
    if usage.input_total or usage.output:
        return _counts(
            usage.input_uncached,
            usage.cache_read,
            usage.cache_write_5m + usage.cache_write_1h,
            usage.output,
        )
    # a hit of our cache: the counts of the call that it repeats
    told = done.body.get("usage") or {}
    details = told.get("prompt_tokens_details") or {}
    read = details.get("cached_tokens") or 0
    return _counts(
        max(0, (told.get("prompt_tokens") or 0) - read),
        read,
        0,
        told.get("completion_tokens") or 0,
    )


def _counts(fresh: int, read: int, written: int, output: int) -> dict[str, int]:
    return {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "output_tokens": output,
    }


def _arguments(told: object) -> Any:  # noqa: ANN401 JSON
    """A call's arguments; those that a limit has cut are no JSON, and so none."""
    if not isinstance(told, str):
        return told or {}
    try:
        return read_json_text(told, MAX_ANSWER_MARKS) if told.strip() else {}
    except ValueError:
        return {}
