"""Native parts: what of a Messages request OpenAI's shape would lose, for who speaks Anthropic's.

They travel beside the chat. A deployment of Anthropic's interface gets them in place of its
translation; any other one gets the translation, and its caller a warning.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_json

from gateway.anthropic_messages.conversation import is_signed
from producers.contract.codec import MAX_REQUEST_BYTES
from producers.contract.request import MAX_BETAS

_PLAIN: Final = ("text", "image", "tool_use", "tool_result", "thinking", "redacted_thinking")
_OF_ANTHROPIC: Final = re.compile(
    r"[a-z_]{1,60}_tool_(?:use|result)|mcp_tool_(?:use|result)|server_tool_use|search_result"
    r"|container_upload|compaction"
)
_SERVER_TOOL: Final = re.compile(r"[a-z_]{1,60}_\d{8}|mcp_toolset")
_PLAIN_TOOL: Final = frozenset({"type", "name", "description", "input_schema", "strict"})
_BETA: Final = re.compile(r"[\w.-]{1,100}")
_ROOM_BYTES: Final = 50_000
"""Of a record beside the two forms of the prompt."""


@dataclass(frozen=True, slots=True)
class NativeParts:
    """What travels, and whether an answer depends on it."""

    fields: Mapping[str, Any]
    """The contract's `anthropic`."""
    alters: bool


def native_parts(
    body: Mapping[str, Any], unknown: Mapping[str, Any], betas: str | None
) -> NativeParts | None:
    """None where OpenAI's shape loses nothing. unknown: fields that have no place in the chat."""
    if not body.get("messages"):
        return None
    flags = betas_of(betas)
    lost = dict.fromkeys(_lost(body))
    altering = [name for name in lost if name not in ("cache_control", "the order of blocks")]
    if not (lost or unknown or flags):
        return None
    told: dict[str, Any] = {
        name: body[name] for name in ("messages", "system", "tools") if body.get(name) is not None
    }
    told["messages"] = [
        {**message, "content": _believed(_blocks_of(message.get("content")))}
        for message in body["messages"]
    ]
    if isinstance(told.get("system"), str):
        told["system"] = _blocks_of(told["system"])
    alters = bool(altering or unknown or flags)
    optional = {"fields": dict(unknown), "betas": flags, "alters": alters}
    return NativeParts({**told, **{name: v for name, v in optional.items() if v}}, alters)


def betas_of(header: str | None) -> list[str]:
    """The names in an `anthropic-beta` header; what is no name is left out."""
    names = [name.strip() for name in (header or "").split(",")]
    return [name for name in names if _BETA.fullmatch(name)][:MAX_BETAS]


def both_fit(chat: Mapping[str, Any], native: NativeParts) -> bool:
    """Whether a record takes the two forms of the prompt."""
    size = len(to_json(chat)) + len(to_json(native.fields))
    return size + _ROOM_BYTES <= MAX_REQUEST_BYTES


def without_native(body: Mapping[str, Any]) -> dict[str, Any]:
    """The request less the blocks and tools that only Anthropic's interface knows."""
    plain = dict(body)
    if isinstance(body.get("tools"), list):
        plain["tools"] = [tool for tool in body["tools"] if not _is_server_tool(tool)]
    if isinstance(body.get("messages"), list):
        plain["messages"] = [_plain_message(message) for message in body["messages"]]
    return plain


def _plain_message(message: object) -> object:
    if not isinstance(message, Mapping) or not isinstance(message.get("content"), list):
        return message
    kept = [block for block in message["content"] if not _is_native(block)]
    if len(kept) == len(message["content"]):
        return message
    return {**message, "content": kept or [{"type": "text", "text": "(a tool's result)"}]}


def _is_native(block: object) -> bool:
    kind = block.get("type") if isinstance(block, Mapping) else None
    return isinstance(kind, str) and kind not in _PLAIN and bool(_OF_ANTHROPIC.fullmatch(kind))


def _is_server_tool(tool: object) -> bool:
    kind = tool.get("type") if isinstance(tool, Mapping) else None
    return isinstance(kind, str) and bool(_SERVER_TOOL.fullmatch(kind))


def _believed(blocks: object) -> object:
    """Without the thoughts that nobody has signed: Anthropic refuses them."""
    if not isinstance(blocks, list):
        return blocks
    return [block for block in blocks if block.get("type") != "thinking" or is_signed(block)]


def _blocks_of(content: object) -> object:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def _lost(body: Mapping[str, Any]) -> Iterator[str]:
    """What OpenAI's shape has no place for, by name; the body has been read before."""
    for tool in body.get("tools") or ():
        if _is_server_tool(tool):
            yield "server tools"
        elif "cache_control" in tool:
            yield "cache_control"
        if not _is_server_tool(tool) and tool.keys() - _PLAIN_TOOL - {"cache_control"}:
            yield "tools' own fields"
    said = (message.get("content") for message in body.get("messages") or ())
    for content in (body.get("system"), *said):
        blocks = content if isinstance(content, list) else ()
        yield from _lost_of(blocks)
        kinds = [block.get("type") for block in blocks]
        if kinds != sorted(kinds, key=_rank):
            yield "the order of blocks"


def _rank(kind: object) -> int:
    """Thoughts, then words, then calls: so OpenAI's shape keeps them."""
    if kind in ("thinking", "redacted_thinking"):
        return 0
    return 2 if kind == "tool_use" else 1


def _lost_of(blocks: "list[Any] | tuple[()]") -> Iterator[str]:
    for block in blocks:
        if "cache_control" in block:
            yield "cache_control"
        if block.get("type") == "document":
            yield "documents"
        elif _is_native(block):
            yield "blocks of server tools"
        if block.get("citations"):
            yield "citations"
        if block.get("type") == "tool_result" and isinstance(block.get("content"), list):
            yield from _lost_of(block["content"])
