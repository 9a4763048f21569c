"""Kept responses: what of a request and its answer has to be stored, and the way back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from gateway.answers.dialect import AnswerContext
from gateway.errors.api_error import ApiError
from gateway.openai_responses.call import ResponsesCall, responses_call
from gateway.openai_responses.response import failed_response, finished_response, response_object
from gateway.stored_responses.stored_response import StoredResponse
from producers.contract import Done, Request, answer_message, codec

_KINDS: Final[Mapping[str, str]] = {"reasoning": "rs", "function_call": "fc"}
_SAID: Final = ("content", "refusal", "tool_calls", "thinking_blocks")


def queued_response(context: AnswerContext, request: Request, digest: bytes) -> StoredResponse:
    """A response that goes on by itself, before it has begun. digest: of the caller's request."""
    queued = _stored(
        context,
        response_object(context, "queued"),
        responses_call(context).messages,
        request=codec.encode_request(request).decode(),
    )
    return replace(queued, call={**queued.call, "digest": digest.hex()})


def answered_response(context: AnswerContext, done: Done) -> StoredResponse:
    """A whole response; the conversation goes on behind it."""
    call = responses_call(context)
    message = answer_message(done.body)
    said = {name: message[name] for name in _SAID if message.get(name)}
    messages = [*call.messages, {"role": "assistant", **said}]
    reply = codec.encode(done).decode() if call.background else ""
    return _stored(context, finished_response(context, done), messages, reply=reply)


def ended_response(context: AnswerContext, error: ApiError) -> StoredResponse:
    """A response that has failed, or was cancelled."""
    return _stored(context, failed_response(context, error), responses_call(context).messages)


def kept_context(stored: StoredResponse, request_id: str) -> AnswerContext:
    """The context in which the answer of a stored request is told."""
    kept = stored.call
    call = ResponsesCall(
        body={},
        model=stored.response["model"],
        stream=True,
        buffered=True,
        warnings=tuple(kept["warnings"]),
        fields=kept["fields"],
        items=stored.items,
        messages=kept["messages"],
        custom_tools=frozenset(kept["custom_tools"]),
        encrypted=kept["encrypted"],
        background=stored.background,
    )
    return AnswerContext(call, request_id, stored.response["created_at"])


def _stored(
    context: AnswerContext,
    response: Mapping[str, Any],
    messages: Sequence[Mapping[str, Any]],
    *,
    request: str = "",
    reply: str = "",
) -> StoredResponse:
    call = responses_call(context)
    kept = {
        "fields": call.fields,
        # while it is pending, the conversation is what has to be kept for its end
        "messages": call.messages if request else (),
        "custom_tools": sorted(call.custom_tools),
        "encrypted": call.encrypted,
        "warnings": call.warnings,
    }
    items = [_with_id(context, number, item) for number, item in enumerate(call.items)]
    return StoredResponse(response, items, messages, kept, request, reply)


def _with_id(context: AnswerContext, number: int, item: Mapping[str, Any]) -> dict[str, Any]:
    kind = _KINDS.get(str(item.get("type")), "msg")
    return {"id": f"{kind}_{context.request_id}.in{number}", **item}
