"""Prompt caching: which plan makes a call use its provider's prompt cache for the least money?

The shell around the decisions of `prompt_cache`. It makes no call: a caller takes the plan and, for
a prefix that is marked, a turn; then it calls, and says how that went.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from observability.pricing.prices import TokenRates
from producers.contract import ChatBody
from runtime.config.catalog import Deployment
from runtime.known.tables import known_tables
from runtime.redis.key_names import joined
from workers.calling.prefix_warm_up import PrefixWarmUp
from workers.prompt_cache.policy import (
    TTL_SECONDS,
    Breakpoints,
    CacheDecision,
    CacheKey,
    PrefixUses,
    Unmarked,
    decide_cache_plan,
    minimum_prefix_tokens,
    prefixes,
)

DeploymentRates: TypeAlias = Callable[[Deployment], TokenRates | None]
"""A deployment's rates now; None = unpriced, so nothing can be decided."""
_BYTES_PER_TOKEN: Final = 4.0
_KEYED: Final = {"openai", "azure", "mistral"}
"""Providers that cache by themselves, and take a key, where they speak OpenAI's dialect."""
_MARKED_ON_BEDROCK: Final = re.compile(r"claude|nova")
"""Converse refuses a cache point in a prompt for any other model."""
_KEY_FROM: Final = 1024
"""OpenAI's smallest cached prefix, in tokens."""
_TOO_SMALL: Final = CacheDecision(Unmarked("too small to be cached"))


class PrefixCounts(Protocol):
    """How often prefixes came lately."""

    async def count_uses(
        self, look: Sequence[str], record: Sequence[str]
    ) -> Mapping[str, PrefixUses]:
        """The uses of `look` before this request, which then counts for each of `record`."""
        ...


@dataclass(slots=True)
class WarmUpTurn:
    """A call's turn at a marked prefix: the first one warms it up, the others waited for that."""

    prefixes: PrefixWarmUp
    name: str
    """Of the prefix."""
    ttl_s: float
    """For how long the provider keeps the prefix."""
    first: bool
    waited_s: float
    _warm: bool = field(default=False)

    def answer_begins(self) -> None:
        """The first token came: from now on the prefix can be read. Further tokens say nothing."""
        if not self._warm:
            self._warm = True
            self.prefixes.mark_warm(self.name, asyncio.get_running_loop().time(), self.ttl_s)

    def end(self, *, answered: bool) -> None:
        """The call has ended, however it did: nobody waits for it any longer."""
        if answered:
            self.prefixes.mark_warm(self.name, asyncio.get_running_loop().time(), self.ttl_s)
        elif self.first:
            self.prefixes.release_waiting(self.name)


class PromptCaching:
    """The plan that saves most, and one request first on a cold prefix."""

    def __init__(
        self, counts: PrefixCounts, rates: DeploymentRates, patience_s: float = 2.0
    ) -> None:
        """patience_s: how long a call waits, at most, for the one that warms its prefix up."""
        self._counts = counts
        self._rates = rates
        self._cold = PrefixWarmUp(patience_s)

    async def plan(self, tenant: str, deployment: Deployment, body: ChatBody) -> CacheDecision:
        """What to mark; small prompts cost neither a hash nor a look at Redis."""
        smallest = _smallest(deployment)
        if smallest is None or _bytes(body) < smallest * _BYTES_PER_TOKEN:
            return _TOO_SMALL
        scope = joined(tenant, deployment.provider, deployment.account, deployment.model)
        prompt = prefixes(body, scope, _BYTES_PER_TOKEN)
        names = [prefix.name for prefix in prompt.candidates]
        if deployment.dialect == "openai":
            return CacheDecision(CacheKey(names[0]) if names else Unmarked("no prefix"))
        rates = self._rates(deployment)
        if rates is None:
            return CacheDecision(Unmarked("unpriced"))
        uses = await self._counts.count_uses(names, prompt.count_under)
        return decide_cache_plan(prompt, uses, rates, smallest)

    async def take_turn(self, decision: CacheDecision) -> WarmUpTurn | None:
        """Waits while another call warms the prefix up; None when none is marked. End it."""
        match decision:
            case CacheDecision(plan=Breakpoints(ttl=ttl), prefix=str(name)):
                now = asyncio.get_running_loop().time
                arrived = now()
                first = await self._cold.take_turn(name, arrived)
                return WarmUpTurn(self._cold, name, TTL_SECONDS[ttl], first, now() - arrived)
            case _:
                return None


def _smallest(deployment: Deployment) -> int | None:
    """The smallest prefix that its provider caches, in tokens; None when it caches nothing."""
    model = deployment.wire_model or deployment.model
    match deployment.dialect:
        case "openai":
            return _KEY_FROM if deployment.provider in _KEYED else None
        case "anthropic":
            return _smallest_marked(deployment.model, model)
        case "bedrock" if _MARKED_ON_BEDROCK.search(model):
            return _smallest_marked(deployment.model, model)
        case _:
            return None


def _smallest_marked(model: str, wire_model: str) -> int:
    """By the table of known models, else by what the name says."""
    known = known_tables().models.get(model)
    listed = None if known is None else known.cacheable_prefix
    return listed or minimum_prefix_tokens(wire_model)


def _bytes(body: ChatBody) -> int:
    """About how large the prompt is: enough to leave the small ones alone."""
    texts = (message.get("content") or "" for message in body.messages)
    size = sum(len(text) if isinstance(text, str) else len(str(text)) for text in texts)
    return size + (len(str(body.tools)) if body.tools else 0)
