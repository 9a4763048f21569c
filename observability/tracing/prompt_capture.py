"""Prompt capture: what of a prompt and its answer does a span carry, if that is switched on?

The JSON of OpenTelemetry's GenAI conventions: messages in their order, each with its parts. Of a
long conversation the end is kept, and it stays valid JSON. What has the form of a key is redacted.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from observability.logs import without_secrets
from observability.tracing.semconv import INPUT_MESSAGES, OUTPUT_MESSAGES, Attributes

MAX_TEXT: Final = 16_000
"""Characters of text in one attribute."""
_MESSAGE: Final = 50
"""What a message takes besides its text, so that very many short ones have an end too."""
_LONGEST_KEY: Final = 256
_FINISH: Final = {"tool_calls": "tool_call", "function_call": "tool_call"}

_Part: TypeAlias = dict[str, Any]


def content_attributes(
    messages: Iterable[Mapping[str, Any]], answer: Mapping[str, Any] | None = None
) -> Attributes:
    """messages: OpenAI's; answer: a `chat.completion`, if there is one."""
    inputs = {INPUT_MESSAGES: _json(messages)}
    if answer is None:
        return inputs
    return {**inputs, OUTPUT_MESSAGES: _json(map(_chosen, answer.get("choices") or ()))}


def _chosen(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    reason = choice.get("finish_reason") or "stop"
    return {**choice.get("message", {}), "finish_reason": _FINISH.get(reason, reason)}


class _Room:
    """The characters that are left."""

    def __init__(self) -> None:
        self.left = MAX_TEXT

    def text(self, value: object) -> str:
        """As much of it as there is room for."""
        whole = value if isinstance(value, str) else json.dumps(value, default=str)
        room = max(0, self.left)
        # redacted before it is cut: half a key has no form to know it by
        seen = without_secrets(whole[: room + _LONGEST_KEY])
        shown = seen[:room]
        self.left -= len(shown) + _MESSAGE
        if shown == seen and len(whole) <= room + _LONGEST_KEY:
            return shown
        return f"{shown} … of {len(whole):,} characters"


def _json(messages: Iterable[Mapping[str, Any]]) -> str:
    return json.dumps(_rendered(list(messages)), ensure_ascii=False)


def _rendered(messages: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    room, rendered = _Room(), []
    for message in reversed(messages):
        if room.left <= 0:
            break
        named = (name for name in ("role", "name", "finish_reason") if name in message)
        fields = {name: _short(message[name]) for name in named}
        rendered.append({"role": "assistant", **fields, "parts": list(_parts(message, room))})
    return rendered[::-1]


def _parts(message: Mapping[str, Any], room: _Room) -> Iterator[_Part]:
    content = message.get("content")
    if message.get("role") == "tool":
        yield {
            "type": "tool_call_response",
            "id": _short(message.get("tool_call_id")),
            "response": _response(content, room),
        }
        return
    if message.get("reasoning_content"):
        yield {"type": "reasoning", "content": room.text(message["reasoning_content"])}
    for part in content if isinstance(content, list) else [content]:
        if part is not None:
            yield _part(part, room)
    if message.get("refusal"):
        yield {"type": "text", "content": room.text(message["refusal"])}
    for call in message.get("tool_calls") or ():
        yield _tool_call(call, room)


def _response(content: object, room: _Room) -> object:
    """What a tool said."""
    if isinstance(content, list):
        return [_part(part, room) for part in content]
    return room.text(content)


def _short(value: object) -> str:
    """A name, not a text."""
    return without_secrets(str(value)[:_LONGEST_KEY])


def _part(part: object, room: _Room) -> _Part:
    """Text as it is; of images, sound and files, only that they were there."""
    match part:
        case str(text) | {"type": "text", "text": str(text)}:
            return {"type": "text", "content": room.text(text)}
        case {"type": "image_url", "image_url": {"url": str(url)}} if not url.startswith("data:"):
            address = url.partition("?")[0]  # what follows may be a signature
            return {"type": "uri", "modality": "image", "uri": room.text(address)}
        case {"type": str(kind)}:
            return {"type": kind}
        case _:
            return {"type": "unknown"}


def _tool_call(call: object, room: _Room) -> _Part:
    match call:
        case {"id": str(name), "function": {"name": str(function), "arguments": arguments}}:
            rendered = room.text(arguments)
            return {
                "type": "tool_call",
                "id": _short(name),
                "name": _short(function),
                "arguments": rendered,
            }
        case _:
            return {"type": "unknown"}
