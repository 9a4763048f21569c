"""How does a call make use of its provider's prompt cache? The shell around `prompt_cache`."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol, TypeAlias

from observability.pricing.prices import TokenRates
from runtime.config.catalog import Deployment
from runtime.redis.key_names import joined
from workers.calling.prefix_warm_up import PrefixWarmUp
from workers.prompt_cache.policy import (
    SECONDS,
    Breakpoints,
    CacheDecision,
    CacheKey,
    PrefixUses,
    Unmarked,
    decide_cache_plan,
    prefixes,
    smallest_prefix,
)
from workers.providers.base.call_outcome import CallOutcome, Completion
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit, Provider

DeploymentRates: TypeAlias = Callable[[Deployment], TokenRates | None]
"""A deployment's rates now; None = unpriced, so nothing can be decided."""
_BYTES_PER_TOKEN: Final = 4.0
_KEYED: Final = {"openai", "azure", "mistral"}
_KEY_FROM: Final = 1024
"""OpenAI's smallest cached prefix, in tokens."""


class PrefixCounts(Protocol):
    """How often prefixes came lately."""

    async def seen(self, look: Sequence[str], record: Sequence[str]) -> Mapping[str, PrefixUses]:
        """The uses of `look` before this request, which then counts for each of `record`."""
        ...


class PromptCaching:
    """Calls providers with the plan that saves most, one request first on a cold prefix."""

    def __init__(
        self, counts: PrefixCounts, rates: DeploymentRates, patience_s: float = 2.0
    ) -> None:
        self._counts = counts
        self._rates = rates
        self._cold = PrefixWarmUp(patience_s)

    async def call(
        self, tenant: str, provider: Provider, call: ProviderRequest, emit: Emit | None = None
    ) -> CallOutcome:
        """The provider's outcome for `call`, which gets its cache plan here."""
        decision = await self.plan(tenant, call)
        call = replace(call, prompt_cache=decision.plan)
        match decision:
            case CacheDecision(plan=Breakpoints(ttl=ttl), prefix=str(name)):
                return await self._in_turn(name, SECONDS[ttl], provider, call, emit)
            case _:
                return await provider.send(call, emit)

    async def plan(self, tenant: str, call: ProviderRequest) -> CacheDecision:
        """What to mark; small prompts cost neither a hash nor a look at Redis."""
        smallest = self._smallest(call)
        if smallest is None or _bytes(call) < smallest * _BYTES_PER_TOKEN:
            return CacheDecision(Unmarked("too small to be cached"))
        deployment = call.deployment
        scope = joined(tenant, deployment.provider, deployment.account, deployment.model)
        found = prefixes(call.body, scope, _BYTES_PER_TOKEN)
        if deployment.provider in _KEYED:
            return CacheDecision(
                CacheKey(found.marks[0].name) if found.marks else Unmarked("no prefix")
            )
        rates = self._rates(deployment)
        if rates is None:
            return CacheDecision(Unmarked("unpriced"))
        uses = await self._counts.seen([prefix.name for prefix in found.marks], found.record)
        return decide_cache_plan(found, uses, rates, smallest)

    async def _in_turn(
        self, name: str, ttl_s: float, provider: Provider, call: ProviderRequest, emit: Emit | None
    ) -> CallOutcome:
        now = asyncio.get_running_loop().time
        arrived = now()
        first = await self._cold.take_turn(name, arrived)
        left_s = max(0.001, call.timeout_s - (now() - arrived))
        call = replace(call, timeout_s=left_s)
        begun = False

        async def tell(delta: dict[str, Any]) -> None:
            nonlocal begun
            if not begun:
                begun = True
                self._cold.begun(name, now(), ttl_s)
            if emit is not None:
                await emit(delta)

        try:
            outcome = await provider.send(call, None if emit is None else tell)
        except BaseException:
            if first:
                self._cold.failed(name)
            raise
        if isinstance(outcome, Completion):
            self._cold.begun(name, now(), ttl_s)
        elif first:
            self._cold.failed(name)
        return outcome

    @staticmethod
    def _smallest(call: ProviderRequest) -> int | None:
        if call.deployment.provider in _KEYED:
            return _KEY_FROM
        if call.deployment.dialect in {"anthropic", "bedrock"}:
            return smallest_prefix(call.deployment.wire_model or call.deployment.model)
        return None


def _bytes(call: ProviderRequest) -> int:
    """About how large the prompt is: enough to leave the small ones alone."""
    texts = (message.get("content") or "" for message in call.body.messages)
    size = sum(len(text) if isinstance(text, str) else len(str(text)) for text in texts)
    return size + (len(str(call.body.tools)) if call.body.tools else 0)
