"""What must a provider's adapter do?"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from producers.contract import ChatBody
from runtime.config.catalog import Deployment, Model
from workers.prompt_cache.policy import CachePlan, Unmarked
from workers.providers.base.call_outcome import CallOutcome

Emit: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
"""Takes one OpenAI chunk delta, such as `{"content": "Hel"}`, as soon as it arrives."""


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """One attempt at `deployment`, which serves `model`. Timeouts in seconds.

    request_id travels as the `x-request-id` header, so a provider's log can be matched with ours.
    """

    deployment: Deployment
    model: Model
    body: ChatBody
    timeout_s: float
    first_token_timeout_s: float
    prompt_cache: CachePlan = field(default_factory=Unmarked)
    request_id: str | None = None


class Provider(Protocol):
    """Speaks one wire dialect; never retries, never raises for what a provider can do to it."""

    async def send(self, call: ProviderRequest, emit: Emit | None = None) -> CallOutcome:
        """The outcome; with `emit` the provider streams and each delta is passed on."""
        ...
