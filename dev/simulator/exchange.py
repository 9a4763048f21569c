"""Exchange: what is asked of a provider and what it answers, whatever the wire dialect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Finish: TypeAlias = Literal["stop", "length", "tool_calls", "refusal", "content_filter"]


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of the prompt, in the provider's order. cached: the TTL of a breakpoint after it."""

    text: str
    cached: Literal["5m", "1h"] | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """Texts to be embedded, each as its own name; base64: of float32, in place of numbers."""

    inputs: tuple[str, ...]
    dimensions: int
    base64: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. question: the last user text; after_tool: its last message is a tool's result.

    tools: name → JSON schema; must_call: a tool has to be called (which one, if named).
    """

    dialect: Literal["openai", "anthropic", "bedrock"]
    provider: str
    model: str
    key: str
    blocks: tuple[Block, ...]
    question: str
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    may_call: bool = True
    called: str | None = None
    after_tool: bool = False
    schema: Mapping[str, Any] | None = None
    wants_json: bool = False
    thinks: bool = False
    logprobs: bool = False
    service_tier: str | None = None
    embedded: Embedded | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of `name`; arguments as JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What the model says."""

    text: str
    finish: Finish
    tool_calls: tuple[ToolCall, ...] = ()
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens of a call. plain: of the prompt, neither read from the cache nor written to it."""

    plain: int
    output: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0
    thinking: int = 0

    @property
    def prompt(self) -> int:
        """All tokens of the prompt."""
        return self.plain + self.read + self.written_5m + self.written_1h


def tokens(text: str) -> int:
    """A plausible count: four bytes make a token."""
    return (len(text.encode()) + 3) // 4


class Unreadable(Exception):  # noqa: N818 - the provider's own answer is the error
    """The request isn't valid in its dialect: status, code and message of the provider's answer."""

    def __init__(
        self, message: str, status: int = 400, code: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
