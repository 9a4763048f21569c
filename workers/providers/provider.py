"""Provider protocol: what a worker may ask of any provider's adapter."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from workers.providers.base.call_outcome import CallOutcome
from workers.providers.base.provider_request import ProviderRequest

Emit: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
"""Takes one OpenAI chunk delta, such as `{"content": "Hel"}`, as soon as it arrives."""


class Provider(Protocol):
    """One deployment's adapter: never retries, never raises for what a provider or caller sends."""

    async def send(self, request: ProviderRequest, emit: Emit | None = None) -> CallOutcome:
        """The outcome of one HTTP call; with `emit` the answer streams, delta by delta."""
        ...
