"""Conversation: the input items of a Responses request as OpenAI's chat messages.

Calls that follow one another, and the assistant's message before them, are one message of the chat.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import to_json

from gateway.answers.unreadable import UnreadableRequest, list_at, object_at, text_at
from gateway.openai_responses.thoughts import opened_thoughts

CUSTOM_ARGUMENT: Final = "input"
"""The only argument of the function that stands for a custom tool."""
_ROLES: Final = ("user", "assistant", "system", "developer")
_CALLS: Final = ("function_call", "custom_tool_call")
_OUTPUTS: Final = ("function_call_output", "custom_tool_call_output")


def input_items(value: object) -> list[dict[str, Any]]:
    """The input as items, each with its type. Raises UnreadableRequest."""
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": _said(value)}]
    items = []
    for number, given in enumerate(list_at(value, "input")):
        item = dict(object_at(given, f"input.{number}"))
        if item.get("type") is None and "role" in item:
            item["type"] = "message"
        if item.get("type") == "message" and isinstance(item.get("content"), str):
            kind = "output_text" if item.get("role") == "assistant" else "input_text"
            item["content"] = _said(item["content"], kind)
        items.append(item)
    return items


def _said(text: str, kind: str = "input_text") -> list[dict[str, Any]]:
    return [{"type": kind, "text": text}]


class ChatOfItems:
    """The chat that items make, item by item."""

    def __init__(self, before: Sequence[Mapping[str, Any]]) -> None:
        """before: the chat that goes on."""
        self.messages: list[dict[str, Any]] = [dict(message) for message in before]
        self.dropped_thoughts = False
        self._thoughts: list[dict[str, Any]] = []
        self._called = {
            call["id"] for message in before for call in message.get("tool_calls") or ()
        }
        self._answered = {
            message["tool_call_id"] for message in before if message.get("role") == "tool"
        }

    def add(self, place: str, item: Mapping[str, Any]) -> None:
        """One more item. Raises UnreadableRequest."""
        kind = item.get("type")
        if kind == "message":
            self._message(place, item)
        elif kind == "reasoning":
            self._reasoning(item)
        elif kind in _CALLS:
            self._call(place, item)
        elif kind in _OUTPUTS:
            self._output(place, item)
        else:
            shown = repr(kind)[:60]
            raise UnreadableRequest(f"{place}.type", f"items of type {shown} aren't served here")

    def end(self) -> list[dict[str, Any]]:
        """The messages. Raises UnreadableRequest for a call whose tool hasn't answered."""
        waiting = self._called - self._answered
        if waiting:
            shown = str(min(waiting))[:100]
            raise UnreadableRequest("input", f"no tool output for the call {shown!r}")
        return self.messages

    def _message(self, place: str, item: Mapping[str, Any]) -> None:
        role = item.get("role")
        if role not in _ROLES:
            raise UnreadableRequest(f"{place}.role", f"must be one of {', '.join(_ROLES)}")
        parts = [
            _part(f"{place}.content.{n}", part)
            for n, part in enumerate(list_at(item.get("content"), f"{place}.content"))
        ]
        if role != "assistant":
            # many servers take a text alone
            alone = len(parts) == 1 and parts[0]["type"] == "text"
            self.messages.append({"role": role, "content": parts[0]["text"] if alone else parts})
            return
        message = self._assistant(opened=False)
        texts = [part["text"] for part in parts if part["type"] == "text"]
        refusals = [part["refusal"] for part in parts if part["type"] == "refusal"]
        message["content"] = "".join(texts) or None
        if refusals:
            message["refusal"] = "".join(refusals)

    def _reasoning(self, item: Mapping[str, Any]) -> None:
        blocks = opened_thoughts(item.get("encrypted_content"))
        if blocks is None:
            # another provider's, or a summary alone: no model would take it for its own
            self.dropped_thoughts = True
        else:
            self._thoughts += blocks

    def _call(self, place: str, item: Mapping[str, Any]) -> None:
        call_id = text_at(item.get("call_id"), f"{place}.call_id")
        name = text_at(item.get("name"), f"{place}.name")
        if item["type"] == "custom_tool_call":
            given = text_at(item.get("input"), f"{place}.input")
            arguments = to_json({CUSTOM_ARGUMENT: given}).decode()
        else:
            arguments = text_at(item.get("arguments"), f"{place}.arguments")
        function = {"name": name, "arguments": arguments}
        message = self._assistant(opened=True)
        calls = message.setdefault("tool_calls", [])
        calls.append({"id": call_id, "type": "function", "function": function})
        self._called.add(call_id)

    def _output(self, place: str, item: Mapping[str, Any]) -> None:
        call_id = text_at(item.get("call_id"), f"{place}.call_id")
        if call_id not in self._called:
            words = f"no call {call_id[:100]!r} in the input or in the previous response"
            raise UnreadableRequest(f"{place}.call_id", words)
        self._answered.add(call_id)
        output = item.get("output")
        content: Any = output
        if not isinstance(output, str):
            parts = list_at(output, f"{place}.output")
            content = [_part(f"{place}.output.{n}", part) for n, part in enumerate(parts)]
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": content})

    def _assistant(self, *, opened: bool) -> dict[str, Any]:
        """The assistant's message that goes on, if `opened` says that one may, else a new one."""
        last = self.messages[-1] if self.messages else {}
        if not (opened and last.get("role") == "assistant"):
            last = {"role": "assistant", "content": None}
            self.messages.append(last)
        if self._thoughts:
            last["thinking_blocks"] = [*last.get("thinking_blocks", ()), *self._thoughts]
            self._thoughts = []
        return last


def _part(place: str, value: object) -> dict[str, Any]:
    part = object_at(value, place)
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return {"type": "text", "text": text_at(part.get("text"), f"{place}.text")}
        case "refusal":
            return {"type": "refusal", "refusal": text_at(part.get("refusal"), f"{place}.refusal")}
        case "input_image":
            return _image(place, part)
        case "input_file":
            return _file(place, part)
        case "input_audio":
            audio = object_at(part.get("input_audio"), f"{place}.input_audio")
            return {"type": "input_audio", "input_audio": dict(audio)}
        case kind:
            shown = repr(kind)[:60]
            raise UnreadableRequest(f"{place}.type", f"parts of type {shown} aren't served here")


def _image(place: str, part: Mapping[str, Any]) -> dict[str, Any]:
    _refuse_references(place, part, "file_id")
    image = {"url": text_at(part.get("image_url"), f"{place}.image_url")}
    if part.get("detail") is not None:
        image["detail"] = text_at(part["detail"], f"{place}.detail")
    return {"type": "image_url", "image_url": image}


def _file(place: str, part: Mapping[str, Any]) -> dict[str, Any]:
    _refuse_references(place, part, "file_id", "file_url")
    file = {"file_data": text_at(part.get("file_data"), f"{place}.file_data")}
    if part.get("filename") is not None:
        file["filename"] = text_at(part["filename"], f"{place}.filename")
    return {"type": "file", "file": file}


def _refuse_references(place: str, part: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if part.get(name) is not None:
            raise UnreadableRequest(f"{place}.{name}", "isn't served here: send the data itself")
