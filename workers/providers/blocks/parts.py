"""Parts of a chat in blocks: what a turn of Anthropic's or Bedrock's conversation is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from workers.providers.blocks.images import ImagePart, LinkedImage


@dataclass(frozen=True, slots=True)
class TextPart:
    """Words."""

    text: str


ContentPart: TypeAlias = TextPart | ImagePart | LinkedImage


@dataclass(frozen=True, slots=True)
class Thinking:
    """What the model thought before it called a tool; signed by its provider, opaque to us."""

    text: str
    signature: str


@dataclass(frozen=True, slots=True)
class RedactedThinking:
    """A thought that its provider encrypted: it has to come back unchanged."""

    data: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The model's call of a tool."""

    id: str
    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the tool said."""

    id: str
    content: tuple[ContentPart, ...]


Part: TypeAlias = ContentPart | Thinking | RedactedThinking | ToolUse | ToolResult


@dataclass(slots=True)
class Turn:
    """One side's words, until the other side speaks."""

    role: Literal["user", "assistant"]
    parts: list[Part] = field(default_factory=list)
