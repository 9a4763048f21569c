"""Conversation: an OpenAI chat as the alternating turns that Anthropic and Bedrock want.

System messages leave the chat; tool results become part of the user's turn; neighbours of one role
become one turn. Each dialect renders the parts in its own words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from producers.contract.codec import MAX_ANSWER_MARKS
from producers.json_values import read_json_text
from workers.providers.base.json_values import mapping_of
from workers.providers.base.shapes import (
    UnsupportedContent,
    list_in,
    name_in,
    object_in,
    text_in,
)
from workers.providers.base.tool_call_ids import CLAUDE_IDS, ToolCallIds
from workers.providers.blocks.images import ImagePart, LinkedImage, image_of
from workers.providers.blocks.parts import (
    Part,
    RedactedThinking,
    TextPart,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)
from workers.providers.blocks.turn_order import put_right

_KNOWN_FIELDS: Final = {
    "role",
    "content",
    "refusal",
    "tool_calls",
    "tool_call_id",
    "thinking_blocks",
    "reasoning_content",
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A chat, ready to be rendered."""

    system: tuple[str, ...]
    """The system's texts, in the caller's order."""

    turns: tuple[Turn, ...]
    ends: Mapping[int, tuple[int, int]]
    """Index of a message → (turn, part) where it ends."""

    warnings: tuple[str, ...]

    @property
    def used_tools(self) -> list[str]:
        """The names of the tools that were called, each once."""
        parts = (part for turn in self.turns for part in turn.parts)
        return list(dict.fromkeys(part.name for part in parts if isinstance(part, ToolUse)))


def conversation(messages: Sequence[Mapping[str, Any]]) -> Conversation:
    """The turns of `messages`. Raises UnsupportedContent."""
    system: list[str] = []
    turns: list[Turn] = []
    ends: dict[int, tuple[int, int]] = {}
    ids = ToolCallIds(CLAUDE_IDS)
    warnings: dict[str, None] = {}
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        warnings |= dict.fromkeys(_unknown_fields(message))
        if message["role"] in {"system", "developer"}:
            texts = [part for part in _content(message, place) if isinstance(part, TextPart)]
            system += [part.text for part in texts]
            if turns:
                warnings["a system message inside the conversation was moved to its top"] = None
            continue
        role: Literal["user", "assistant"] = (
            "assistant" if message["role"] == "assistant" else "user"
        )
        parts = list(_parts(message, place, ids))
        if parts and (not turns or turns[-1].role != role):
            turns.append(Turn(role))
        if parts:
            turns[-1].parts += parts
            ends[index] = len(turns) - 1, len(turns[-1].parts) - 1
    if not turns:
        raise UnsupportedContent("messages hold no words: only system messages or white space")
    warnings |= dict.fromkeys(put_right(turns, ends))
    return Conversation(tuple(system), tuple(turns), ends, tuple(warnings))


def _unknown_fields(message: Mapping[str, Any]) -> Iterator[str]:
    """A warning for each field that carries something and has no place in the turns."""
    for name in message:
        if name not in _KNOWN_FIELDS and message[name]:
            yield f"the messages' {name[:60]} was dropped: not known in this dialect"
    content = message.get("content")
    parts = content if isinstance(content, list) else ()
    pictured = any(mapping_of(part).get("type") == "image_url" for part in parts)
    if pictured and message["role"] in {"system", "developer"}:
        yield "pictures in a system message were dropped: not taken there"


def _parts(message: Mapping[str, Any], place: str, ids: ToolCallIds) -> Iterator[Part]:
    if message["role"] == "tool":
        call_id = ids.of_result(message.get("tool_call_id"), f"{place}.tool_call_id")
        yield ToolResult(call_id, tuple(_content(message, place)))
        return
    blocks = list_in(message.get("thinking_blocks"), f"{place}.thinking_blocks")
    for index, block in enumerate(blocks):
        yield from _thinking(block, f"{place}.thinking_blocks[{index}]")
    yield from _content(message, place)
    if message["role"] != "assistant":
        return
    for index, call in enumerate(list_in(message.get("tool_calls"), f"{place}.tool_calls")):
        yield _tool_use(call, f"{place}.tool_calls[{index}]", ids)


def _thinking(value: object, place: str) -> Iterator[Part]:
    """A thought; one without a signature is another provider's, and nobody would believe it."""
    block = object_in(value, place)
    if block.get("type") == "redacted_thinking":
        yield RedactedThinking(name_in(block.get("data"), f"{place}.data"))
    elif block.get("signature"):
        text = text_in(block.get("thinking"), f"{place}.thinking")
        yield Thinking(text, text_in(block["signature"], f"{place}.signature"))


def _tool_use(value: object, place: str, ids: ToolCallIds) -> ToolUse:
    call = object_in(value, place)
    function = object_in(call.get("function"), f"{place}.function")
    name = name_in(function.get("name"), f"{place}.function.name")
    arguments = _arguments(function.get("arguments"), name, f"{place}.function.arguments")
    return ToolUse(ids.of_call(call.get("id")), name, arguments)


def _content(
    message: Mapping[str, Any], place: str
) -> Iterator[TextPart | ImagePart | LinkedImage]:
    """The content's parts; blank texts are left out, since both dialects refuse them."""
    content = message.get("content")
    if not content and message.get("refusal"):  # our own answer's refusal, sent back as history
        content = text_in(message["refusal"], f"{place}.refusal")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    for index, value in enumerate(list_in(content, f"{place}.content")):
        field = f"{place}.content[{index}]"
        part = object_in(value, field)
        match part.get("type"):
            case "text" | "refusal" as kind:
                text = text_in(part.get(kind), f"{field}.{kind}")
                if text.strip():
                    yield TextPart(text)
            case "image_url":
                yield image_of(part, field)
            case "thinking":  # another provider's thoughts, unsigned
                continue
            case kind:
                shown = repr(kind)[:60]
                raise UnsupportedContent(f"{field}: content of type {shown} is not known here")


def _arguments(value: object, name: str, place: str) -> Mapping[str, Any]:
    """A call's arguments, which both dialects want as an object; some servers tell them as one."""
    if isinstance(value, str):
        try:
            value = read_json_text(value, MAX_ANSWER_MARKS) if value.strip() else None
        except ValueError:
            message = f"{place}: the arguments of the call of {name!r} are not JSON"
            raise UnsupportedContent(message) from None
    return {} if value is None else object_in(value, place)
