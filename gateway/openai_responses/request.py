"""Responses request: as OpenAI's Chat Completions, which is what the contract carries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.answers.dialect import DialectCall
from gateway.answers.field_types import (
    FLAG,
    LIST,
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
from gateway.answers.unreadable import UnreadableRequest, list_at, object_at, text_at
from gateway.errors.api_error import ApiError
from gateway.openai_responses.call import ResponsesCall, request_id_of, response_id
from gateway.openai_responses.conversation import ChatOfItems, input_items
from gateway.openai_responses.tools import chat_tool_choice, chat_tools, response_format

_SHAPED: Final = frozenset(
    {
        *("model", "input", "instructions", "tools", "tool_choice", "text", "reasoning"),
        *("max_output_tokens", "top_logprobs", "metadata", "store", "stream", "background"),
        *("previous_response_id", "include", "truncation", "stream_options"),
    }
)
_REFUSED: Final = ("conversation", "prompt")
"""Kept at OpenAI: without them it would be another request."""
_DROPPED: Final = frozenset(
    {"max_tool_calls", "context_management", "moderation", "prompt_cache_options"}
)
_TYPES: Final[FieldTypes] = {
    **dict.fromkeys(("model", "instructions", "service_tier", "truncation", "user"), TEXT),
    **dict.fromkeys(("prompt_cache_key", "safety_identifier", "previous_response_id"), TEXT),
    **dict.fromkeys(("stream", "background", "store", "parallel_tool_calls"), FLAG),
    **dict.fromkeys(("temperature", "top_p"), NUMERIC),
    **dict.fromkeys(("max_output_tokens", "max_tool_calls", "top_logprobs"), WHOLE),
    **dict.fromkeys(("metadata", "reasoning", "text", "stream_options"), OBJECT),
    "input": either(TEXT, OBJECTS),
    "include": TEXTS,
    "tools": OBJECTS,
    "tool_choice": either(TEXT, OBJECT),
    "context_management": LIST,
}
_MOST_METADATA: Final = 16
_MOST_METADATA_CHARACTERS: Final = 512


@dataclass(frozen=True, slots=True)
class ResponseHistory:
    """What is known of earlier responses that a request names."""

    previous: Sequence[Mapping[str, Any]] = ()
    """The conversation up to the previous response, in the chat's terms."""

    items: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Items by id, for those that are sent as a reference."""

    previous_id: str | None = None
    """The previous response that is known."""


def referenced_responses(body: Mapping[str, Any]) -> list[str]:
    """The ids of the responses that have to be known to read a request: the previous one first."""
    names = [body.get("previous_response_id")]
    items = body.get("input")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, Mapping) and item.get("type") == "item_reference":
            name = item.get("id")
            request_id = request_id_of(name) if isinstance(name, str) else None
            names.append(None if request_id is None else response_id(request_id))
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))


def read_responses_request(
    body: Mapping[str, Any], history: ResponseHistory
) -> DialectCall | ApiError:
    """The call."""
    try:
        return _read(body, history)
    except UnreadableRequest as problem:
        return ApiError("invalid_request", "invalid_request", str(problem), problem.param)


def _read(body: Mapping[str, Any], history: ResponseHistory) -> DialectCall:
    check_types(body, _TYPES)
    given = {name: value for name, value in body.items() if value is not None}
    flags = _flags(given, history)
    include = list_at(given.get("include"), "include")
    items = _resolved(input_items(given.get("input")), history.items)
    messages, warnings = _messages(items, history.previous)
    warnings += [f"{name} was dropped: not known here" for name in sorted(_DROPPED & given.keys())]
    if given.get("truncation") == "auto":
        warnings.append("truncation was dropped: a conversation that is too long is refused")
    tools, custom = chat_tools(given)
    model = text_at(given.get("model") or "auto", "model")
    asked = "message.output_text.logprobs" in include or "top_logprobs" in given
    options = _options(given, tools)
    if asked:  # chunks of the contract have no probabilities
        options = {name: v for name, v in options.items() if name != "stream"} | {"logprobs": True}
    return ResponsesCall(
        body={"model": model, "messages": [*_instructions(given), *messages], **options},
        model=model,
        stream=flags["stream"],
        # a response that goes on by itself is told in the same events whenever it is asked for
        buffered=asked or flags["background"],
        warnings=tuple(warnings),
        fields=_fields(given, model, store=flags["store"]),
        items=items,
        messages=messages,
        custom_tools=custom,
        encrypted="reasoning.encrypted_content" in include,
        store=flags["store"],
        background=flags["background"],
    )


def _flags(given: Mapping[str, Any], history: ResponseHistory) -> dict[str, bool]:
    """How the answer is to be given; refuses what can't be."""
    for name in _REFUSED:
        if name in given:
            raise UnreadableRequest(name, "isn't served here: send what it stands for")
    if given.get("previous_response_id") != history.previous_id:
        raise UnreadableRequest("previous_response_id", "must be the id of a response")
    flags = {"stream": False, "background": False, "store": True}
    flags |= {name: given[name] for name in flags if name in given}
    if flags["background"] and not flags["store"]:
        raise UnreadableRequest("background", "needs store: true, or its answer would be lost")
    return flags


def _resolved(
    items: Sequence[dict[str, Any]], known: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The items, with those that are meant in place of the references to them."""
    resolved = []
    for number, item in enumerate(items):
        if item.get("type") == "item_reference":
            name = text_at(item.get("id"), f"input.{number}.id")
            if name not in known:
                words = f"no stored item {name[:100]!r}: send the item itself"
                raise UnreadableRequest(f"input.{number}.id", words)
            item = dict(known[name])  # noqa: PLW2901 the item that is meant
        resolved.append(item)
    return resolved


def _messages(
    items: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    chat = ChatOfItems(before)
    for number, item in enumerate(items):
        chat.add(f"input.{number}", item)
    messages = chat.end()
    if not messages:
        raise UnreadableRequest("input", "is required")
    lost = "reasoning items were dropped: no model here could take them for its own"
    return messages, [lost] if chat.dropped_thoughts else []


def _instructions(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of this request alone: they aren't taken over from the previous response."""
    if "instructions" not in given:
        return []
    text = text_at(given["instructions"], "instructions")
    return [{"role": "system", "content": text}] if text else []


def _options(given: Mapping[str, Any], tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    text = object_at(given.get("text") or {}, "text")
    reasoning = object_at(given.get("reasoning") or {}, "reasoning")
    choice = given.get("tool_choice")
    options = {
        # what the contract doesn't know is the provider's affair, as everywhere
        **{name: value for name, value in given.items() if name not in _SHAPED | _DROPPED},
        "max_completion_tokens": given.get("max_output_tokens"),
        "tools": list(tools) or None,
        "tool_choice": chat_tool_choice(choice) if tools and choice is not None else None,
        "response_format": response_format(text),
        "verbosity": text.get("verbosity"),
        "reasoning_effort": reasoning.get("effort"),
        "top_logprobs": given.get("top_logprobs"),
        "stream": given.get("stream") or None,
    }
    if not tools:
        options["parallel_tool_calls"] = None
    return {name: value for name, value in options.items() if value is not None}


def _fields(given: Mapping[str, Any], model: str, *, store: bool) -> dict[str, Any]:
    """What the response object repeats; where nothing was said, OpenAI's defaults."""
    reasoning = object_at(given.get("reasoning") or {}, "reasoning")
    text = object_at(given.get("text") or {}, "text")
    return {
        "model": model,
        "instructions": given.get("instructions"),
        "max_output_tokens": given.get("max_output_tokens"),
        "max_tool_calls": given.get("max_tool_calls"),
        "metadata": _metadata(given.get("metadata")),
        "parallel_tool_calls": given.get("parallel_tool_calls", True),
        "previous_response_id": given.get("previous_response_id"),
        "prompt_cache_key": given.get("prompt_cache_key"),
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "safety_identifier": given.get("safety_identifier"),
        "service_tier": given.get("service_tier", "auto"),
        "store": store,
        "temperature": given.get("temperature", 1.0),
        "text": {**text, "format": text.get("format") or {"type": "text"}},
        "tool_choice": given.get("tool_choice", "auto"),
        "tools": list_at(given.get("tools"), "tools"),
        "top_logprobs": given.get("top_logprobs", 0),
        "top_p": given.get("top_p", 1.0),
        "truncation": "disabled",
        "user": given.get("user"),
    }


def _metadata(value: object) -> Mapping[str, Any]:
    metadata = object_at(value or {}, "metadata")
    texts = all(
        isinstance(text, str) and len(text) <= _MOST_METADATA_CHARACTERS
        for text in (*metadata, *metadata.values())
    )
    if not texts or len(metadata) > _MOST_METADATA:
        words = f"at most {_MOST_METADATA} texts of {_MOST_METADATA_CHARACTERS} characters"
        raise UnreadableRequest("metadata", words)
    return metadata
