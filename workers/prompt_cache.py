"""Should a prompt's prefix be marked for the provider's prompt cache, where, and for how long?"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Ttl: TypeAlias = Literal["5m", "1h"]
Anchor: TypeAlias = Literal["tools", "system"] | int
"""The end of a cached prefix: after the tools, the system prompt, or the message of that index."""


@dataclass(frozen=True, slots=True)
class Unmarked:
    """Nothing is marked; `reason` says why, for a person."""

    reason: str = "not considered"


@dataclass(frozen=True, slots=True)
class Breakpoints:
    """Cache everything up to each anchor for `ttl` (Anthropic, Bedrock)."""

    anchors: tuple[Anchor, ...]
    ttl: Ttl = "5m"


@dataclass(frozen=True, slots=True)
class CacheKey:
    """The provider caches by itself; `key` leads same-prefix requests to the same machine."""

    key: str


CachePlan: TypeAlias = Unmarked | Breakpoints | CacheKey
