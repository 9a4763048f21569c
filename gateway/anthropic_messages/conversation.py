"""Conversation: Anthropic's system text and messages as OpenAI's messages."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import to_json

from gateway.answers.unreadable import (
    UnreadableRequest,
    list_at,
    object_at,
    text_at,
)


def chat_messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages; the system text comes first. Raises UnreadableRequest."""
    messages = []
    if body.get("system") is not None:
        messages.append({"role": "system", "content": _system(body["system"])})
    for number, told in enumerate(list_at(body.get("messages"), "messages")):
        place = f"messages.{number}"
        message = object_at(told, place)
        blocks = _blocks(message.get("content"), f"{place}.content")
        if not blocks and message.get("role") == "user":
            raise UnreadableRequest(f"{place}.content", "must not be empty")
        match message.get("role"):
            case "user":
                messages += _user(blocks)
            case "assistant":
                messages.append(_assistant(blocks))
            case "system":
                messages.append({"role": "system", "content": _parts(blocks)})
            case _:
                raise UnreadableRequest(f"{place}.role", "must be user or assistant")
    return messages


def _system(told: object) -> "str | list[dict[str, Any]]":
    if isinstance(told, str):
        return told
    return _parts(_blocks(told, "system"))


def _blocks(content: object, place: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The blocks with their places; a text is one block."""
    if isinstance(content, str):
        return [(place, {"type": "text", "text": content})]
    blocks = list_at(content, place)
    return [(f"{place}.{n}", object_at(block, f"{place}.{n}")) for n, block in enumerate(blocks)]


def _user(blocks: list[tuple[str, Mapping[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Tool results are messages of their own, before what the user says beside them."""
    said = []
    for place, block in blocks:
        if block.get("type") == "tool_result":
            yield _tool_result(place, block)
        else:
            said.append((place, block))
    if said:
        yield {"role": "user", "content": _parts(said)}


def _tool_result(place: str, block: Mapping[str, Any]) -> dict[str, Any]:
    call_id = text_at(block.get("tool_use_id"), f"{place}.tool_use_id")
    content = block.get("content")
    parts = [] if content is None else _parts(_blocks(content, f"{place}.content"))
    if block.get("is_error"):
        parts = [{"type": "text", "text": "Error:"}, *parts]
    texts = all(part["type"] == "text" for part in parts)
    # many servers take a text alone here
    told = "\n".join(part["text"] for part in parts) if texts else parts
    return {"role": "tool", "tool_call_id": call_id, "content": told}


def _assistant(blocks: list[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    texts, thoughts, calls = [], [], []
    for place, block in blocks:
        match block.get("type"):
            case "text":
                texts.append(text_at(block.get("text"), f"{place}.text"))
            case "thinking" | "redacted_thinking":
                thoughts.append(dict(block))
            case "tool_use":
                calls.append(_tool_call(place, block))
            case kind:
                raise _unsupported(place, kind)
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
    if signed := [block for block in thoughts if is_signed(block)]:
        message["thinking_blocks"] = signed
    elif thoughts:  # of a server that signs nothing: some of them want theirs back
        message["reasoning_content"] = "".join(str(b.get("thinking") or "") for b in thoughts)
    if calls:
        message["tool_calls"] = calls
    return message


def is_signed(block: Mapping[str, Any]) -> bool:
    """Whether the provider that made a thought will believe it."""
    return block.get("type") == "redacted_thinking" or bool(block.get("signature"))


def _tool_call(place: str, block: Mapping[str, Any]) -> dict[str, Any]:
    arguments = to_json(object_at(block.get("input", {}), f"{place}.input")).decode()
    name = text_at(block.get("name"), f"{place}.name")
    function = {"name": name, "arguments": arguments}
    return {"id": text_at(block.get("id"), f"{place}.id"), "type": "function", "function": function}


def _parts(blocks: list[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    return [_part(place, block) for place, block in blocks]


def _part(place: str, block: Mapping[str, Any]) -> dict[str, Any]:
    match block.get("type"):
        case "text":
            return {"type": "text", "text": text_at(block.get("text"), f"{place}.text")}
        case "image":
            source = object_at(block.get("source"), f"{place}.source")
            return {"type": "image_url", "image_url": {"url": _url(source, f"{place}.source")}}
        case "document":
            return _document(place, block)
        case kind:
            raise _unsupported(place, kind)


def _document(place: str, block: Mapping[str, Any]) -> dict[str, Any]:
    place = f"{place}.source"
    source = object_at(block.get("source"), place)
    if source.get("type") == "text":
        return {"type": "text", "text": text_at(source.get("data"), f"{place}.data")}
    if source.get("type") == "content":
        return {"type": "text", "text": _texts(source.get("content"), f"{place}.content")}
    if source.get("type") != "base64":
        raise _unsupported(place, source.get("type"))
    title = block.get("title")
    name = title if isinstance(title, str) else "document"
    return {"type": "file", "file": {"filename": name, "file_data": _url(source, place)}}


def _texts(content: object, place: str) -> str:
    parts = _parts(_blocks(content, place))
    if any(part["type"] != "text" for part in parts):
        raise UnreadableRequest(place, "only texts are served here")
    return "\n".join(part["text"] for part in parts)


def _url(source: Mapping[str, Any], place: str) -> str:
    match source.get("type"):
        case "base64":
            media_type = text_at(source.get("media_type"), f"{place}.media_type")
            return f"data:{media_type};base64,{text_at(source.get('data'), f'{place}.data')}"
        case "url":
            return text_at(source.get("url"), f"{place}.url")
        case kind:
            raise _unsupported(place, kind)


def _unsupported(place: str, kind: object) -> UnreadableRequest:
    return UnreadableRequest(f"{place}.type", f"{str(kind)[:60]!r} isn't served here")
