"""What does an OpenAI chat say, as the alternating turns that Anthropic and Bedrock want?

System messages leave the chat; tool results become part of the user's turn; neighbours of one role
become one turn. Each dialect renders the parts in its own words.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from pydantic_core import from_json

_DATA_URL: Final = re.compile(r"data:(image/[\w.+-]+);base64,(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TextPart:
    """Words."""

    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture in base64, such as `image/png`."""

    media_type: str
    data: str


@dataclass(frozen=True, slots=True)
class LinkedImage:
    """A picture that the provider has to fetch."""

    url: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """What the model thought before it called a tool; signed by its provider, opaque to us."""

    text: str
    signature: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The model's call of a tool."""

    id: str
    name: str
    input: Any


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the tool said."""

    id: str
    content: tuple[TextPart | ImagePart | LinkedImage, ...]


Part: TypeAlias = TextPart | ImagePart | LinkedImage | Thinking | ToolUse | ToolResult


@dataclass(slots=True)
class Turn:
    """One side's words, until the other side speaks."""

    role: Literal["user", "assistant"]
    parts: list[Part] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Conversation:
    """system: in the caller's order. ends: message index → (turn, part) where it ends."""

    system: tuple[str, ...]
    turns: tuple[Turn, ...]
    ends: Mapping[int, tuple[int, int]]
    moved_system: bool


class UnsupportedContent(Exception):  # noqa: N818 - the reason is for the caller
    """A part that the dialect has no words for; the message says which and what to do."""


def conversation(messages: Sequence[Mapping[str, Any]]) -> Conversation:
    """The turns of `messages`. Raises Unsayable."""
    system: list[str] = []
    turns: list[Turn] = []
    ends: dict[int, tuple[int, int]] = {}
    moved = False
    for index, message in enumerate(messages):
        if message["role"] in {"system", "developer"}:
            system += [part.text for part in _content(message) if isinstance(part, TextPart)]
            moved = moved or bool(turns)
            continue
        role: Literal["user", "assistant"] = (
            "assistant" if message["role"] == "assistant" else "user"
        )
        parts = list(_parts(message))
        if parts and (not turns or turns[-1].role != role):
            turns.append(Turn(role))
        if parts:
            turns[-1].parts += parts
            ends[index] = len(turns) - 1, len(turns[-1].parts) - 1
    return Conversation(tuple(system), tuple(turns), ends, moved)


def _parts(message: Mapping[str, Any]) -> Iterator[Part]:
    if message["role"] == "tool":
        yield ToolResult(message.get("tool_call_id", ""), tuple(_content(message)))
        return
    for block in message.get("thinking_blocks") or ():
        yield Thinking(block["thinking"], block["signature"])
    yield from _content(message)
    for call in message.get("tool_calls") or ():
        function = call["function"]
        yield ToolUse(call.get("id", ""), function["name"], _arguments(function))


def _content(message: Mapping[str, Any]) -> Iterator[TextPart | ImagePart | LinkedImage]:
    """The content's parts; empty texts are left out, since both dialects refuse them."""
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    for part in content or ():
        match part.get("type"):
            case "text" | "refusal":
                text = part.get("text") or part.get("refusal")
                if text:
                    yield TextPart(text)
            case "image_url":
                yield _image(part["image_url"]["url"])
            case kind:
                raise UnsupportedContent(f"content of type {kind!r} is not known in this dialect")


def _image(url: str) -> ImagePart | LinkedImage:
    told = _DATA_URL.fullmatch(url)
    if told is None:
        if url.startswith("https://"):
            return LinkedImage(url)
        raise UnsupportedContent("an image_url must be https:// or data:image/…;base64,…")
    try:
        b64decode(told[2], validate=True)
    except binascii.Error:
        raise UnsupportedContent("an image_url holds no valid base64") from None
    return ImagePart(told[1], told[2])


def _arguments(function: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return from_json(function.get("arguments") or "{}")
    except ValueError:
        name = function["name"]
        raise UnsupportedContent(f"the arguments of the call of {name!r} are not JSON") from None
