"""Responses answer: the reply's completion as a `response` object with its items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.answers.dialect import AnswerContext
from gateway.demands.outcome import outcome_of
from gateway.errors.api_error import ApiError
from gateway.openai_chat.response import choices_of, usage_of
from gateway.openai_responses.call import ResponsesCall, response_id, responses_call
from gateway.openai_responses.conversation import CUSTOM_ARGUMENT
from gateway.openai_responses.thoughts import sealed_thoughts
from producers.contract import Done, answer_message
from producers.contract.codec import MAX_ANSWER_MARKS
from producers.json_values import read_json_text

Item = dict[str, Any]
_CUT: Final[Mapping[str, str]] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}


def response_object(
    context: AnswerContext,
    status: str,
    output: Sequence[Item] = (),
    **more: object,
) -> dict[str, Any]:
    """The `response` in any of its states. more: `usage`, `error`, `incomplete_details` …"""
    call = responses_call(context)
    return {
        "id": response_id(context.request_id),
        "object": "response",
        "created_at": context.created,
        "status": status,
        "background": call.background,
        "error": None,
        "incomplete_details": None,
        **call.fields,
        "output": list(output),
        "usage": None,
        **more,
    }


def finished_response(
    context: AnswerContext, done: Done, output: Sequence[Item] | None = None
) -> dict[str, Any]:
    """The whole response. output: its items where a stream has told them."""
    call = responses_call(context)
    cut = _CUT.get(_finish_reason(done))
    return response_object(
        context,
        "completed" if cut is None else "incomplete",
        output_items(context, done) if output is None else output,
        incomplete_details=None if cut is None else {"reason": cut},
        usage=response_usage(done),
        model=done.route.model or call.model,
        switchgear=outcome_of(done, call.warnings),
    )


def failed_response(context: AnswerContext, error: ApiError) -> dict[str, Any]:
    """A response that ends without an answer."""
    status = "cancelled" if error.kind == "cancelled" else "failed"
    told = None if status == "cancelled" else {"code": error.code, "message": error.message}
    return response_object(context, status, error=told)


def output_items(context: AnswerContext, done: Done) -> list[Item]:
    """Thoughts, then the message, then the calls."""
    call = responses_call(context)
    message = answer_message(done.body)
    status = item_status(done)
    items = []
    reasoning = message.get("reasoning_content")
    sealed = encrypted_thoughts(call, message)
    if reasoning or sealed:
        items.append(reasoning_item(context, reasoning or "", sealed))
    text, refusal = message.get("content"), message.get("refusal")
    if text or refusal:
        parts = [text_part(text, probabilities(done))] if text else []
        parts += [refusal_part(refusal)] if refusal else []
        items.append(message_item(context, parts, status))
    for number, made in enumerate(message.get("tool_calls") or ()):
        function = made.get("function") or {}
        call_id = made.get("id") or f"call_{number}"
        name, arguments = function.get("name") or "", function.get("arguments") or ""
        items.append(call_item(context, ItemCall(number, call_id, name, arguments), status))
    return items


def item_status(done: Done) -> str:
    """Of the items: `incomplete` where a limit or a filter has cut the answer."""
    return "incomplete" if _finish_reason(done) in _CUT else "completed"


def _finish_reason(done: Done) -> str:
    choices = choices_of(done)
    return str(choices[0].get("finish_reason")) if choices else "stop"


def message_item(context: AnswerContext, parts: Sequence[Item], status: str) -> Item:
    """What the model says."""
    return {
        "id": f"msg_{context.request_id}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": list(parts),
    }


def text_part(text: str, logprobs: Sequence[Mapping[str, Any]] = ()) -> Item:
    """Words of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": list(logprobs)}


def refusal_part(text: str) -> Item:
    """Why the model won't."""
    return {"type": "refusal", "refusal": text}


def reasoning_item(context: AnswerContext, text: str, sealed: str | None) -> Item:
    """What the model thought; sealed: the same for the model itself, to be sent back."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    item: Item = {"id": f"rs_{context.request_id}", "type": "reasoning", "summary": summary}
    return item if sealed is None else {**item, "encrypted_content": sealed}


def encrypted_thoughts(call: ResponsesCall, message: Mapping[str, Any]) -> str | None:
    """The thoughts for a caller that keeps the conversation itself."""
    return sealed_thoughts(message.get("thinking_blocks") or ()) if call.encrypted else None


@dataclass(frozen=True, slots=True)
class ItemCall:
    """One call of a tool; number: among the calls of the answer, from 0."""

    number: int
    call_id: str
    name: str
    arguments: str


def call_item(context: AnswerContext, made: ItemCall, status: str) -> Item:
    """The call of a function, or of a custom tool."""
    told = {"call_id": made.call_id, "name": made.name, "status": status}
    if made.name in responses_call(context).custom_tools:
        item_id = f"ctc_{context.request_id}.{made.number}"
        told |= {"id": item_id, "type": "custom_tool_call"}
        return {**told, "input": custom_input(made.arguments)}
    item_id = f"fc_{context.request_id}.{made.number}"
    return {**told, "id": item_id, "type": "function_call", "arguments": made.arguments}


def custom_input(arguments: str) -> str:
    """The text for a custom tool; what is no such argument is passed on as it is."""
    try:
        given = read_json_text(arguments, MAX_ANSWER_MARKS)
    except ValueError:
        return arguments
    text = given.get(CUSTOM_ARGUMENT) if isinstance(given, dict) else None
    return text if isinstance(text, str) else arguments


def probabilities(done: Done) -> Sequence[Mapping[str, Any]]:
    """Of the text's tokens, where they were asked for."""
    choices = choices_of(done)
    told = (choices[0].get("logprobs") or {}).get("content") if choices else None
    return told if isinstance(told, list) else ()


def response_usage(done: Done) -> dict[str, Any]:
    """Tokens, with all the details that strict clients want."""
    usage = usage_of(done)
    details = usage.get("prompt_tokens_details") or {}
    read, written = details.get("cached_tokens") or 0, details.get("cache_write_tokens") or 0
    thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    prompt, output = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": prompt + output,
    }
