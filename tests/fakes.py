"""Stand-ins with a visible result, for tests that use no server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from cache.identity.key import Question
from cache.identity.terms import LookupTerms
from cache.results.lookup_result import (
    AnswerCheck,
    Bypass,
    Hit,
    LookupResult,
    Miss,
    Refresh,
    ShadowCheck,
)
from observability.tracing.tracer import OpenSpan
from producers.contract import CacheOutcome, Done, Request, Route, Usage, UsageEvent
from producers.contract.invalidation import Invalidation
from runtime.config.sections.cache import CachePolicy
from workers.delivery.claims import Claim, Claimed, Conflict, FinalRecords, Recorded, Unguarded
from workers.delivery.request_identity import Identity, identity_of
from workers.prompt_cache.policy import PrefixUses
from workers.providers.base.call_outcome import CallOutcome, Completion
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

Script: TypeAlias = Callable[[ProviderRequest, Emit | None], Awaitable[CallOutcome]]


def answer(text: str = "42", *, tokens: int = 10) -> Completion:
    """What a provider answers."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "c1", "object": "chat.completion", "choices": [choice]}
    return Completion(body, Usage(input_uncached=tokens, output=tokens), "stop", 0.01)


async def always_42(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
    """The script of a provider that works."""
    return answer()


def fails(outcome: CallOutcome) -> Script:
    """The script of a provider that always ends like this."""

    async def script(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        return outcome

    return script


def streams(*texts: str, then: CallOutcome | None = None) -> Script:
    """The script of a provider that sends these texts, and ends well or as it is told."""

    async def script(_call: ProviderRequest, emit: Emit | None) -> CallOutcome:
        assert emit is not None
        for text in texts:
            await emit({"content": text})
        return then or answer("".join(texts))

    return script


@dataclass
class Waits:
    """The script of a provider that answers when it is let; `begun` once it is called."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    let: asyncio.Event = field(default_factory=asyncio.Event)
    cut: bool = False
    first: str | None = None

    async def __call__(self, _call: ProviderRequest, emit: Emit | None) -> CallOutcome:
        """Sends `first` before it waits; `cut` tells that it was not allowed to end."""
        if self.first is not None and emit is not None:
            await emit({"content": self.first})
        self.begun.set()
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.cut = True
            raise
        return answer()


@dataclass
class ScriptedProvider:
    """Does what its script says; every call is noted in `calls`, which all share."""

    calls: list[ProviderRequest]
    script: Script

    async def send(self, request: ProviderRequest, emit: Emit | None = None) -> CallOutcome:
        """As the script ends."""
        self.calls.append(request)
        return await self.script(request, emit)


@dataclass
class MemoryIdempotency:
    """`idempotency.IdempotencyRecords` within one process: leases end when their holder lets go.

    died: the keys of requests that a dead worker had begun.
    """

    _leases: dict[str, asyncio.Event] = field(default_factory=dict)
    recorded: dict[str, FinalRecords] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    died: set[str] = field(default_factory=set)
    lapsed: dict[str, int] = field(default_factory=dict)
    failed_ms: dict[str, int] = field(default_factory=dict)

    async def claim(
        self,
        identity: Identity,
        inherited_s: float | None = None,  # noqa: ARG002 - this Redis is never away
    ) -> Claim:
        """Waits while somebody else has it."""
        key = identity.key
        if self._other(identity):
            return Conflict()
        while key not in self.recorded and key in self._leases:
            await self._leases[key].wait()
        if key in self.recorded and not self._runs_again(identity):
            return Recorded(self.recorded[key])
        self.recorded.pop(key, None)
        self._leases[key] = asyncio.Event()
        return Claimed(identity, "", again=key in self.died, lapsed=self.lapsed.get(key, 0))

    @asynccontextmanager
    async def holding(self, claim: Claim) -> AsyncIterator[None]:
        """However it ends, the next may have it."""
        try:
            yield
        finally:
            await self.release(claim)

    async def store_final(
        self, claim: Claimed | Unguarded, ending: FinalRecords
    ) -> FinalRecords | Conflict:
        """The first one counts."""
        return await self.store_unclaimed(claim.identity, ending)

    async def store_unclaimed(
        self, identity: Identity, ending: FinalRecords
    ) -> FinalRecords | Conflict:
        """As `store_final`, without a claim."""
        if self._other(identity):
            return Conflict()
        if self._runs_again(identity):
            del self.recorded[identity.key]
        if ending.retryable and identity.key not in self.recorded:
            self.failed_ms[identity.key] = max(int(time.time() * 1000), identity.submitted_ms)
        return self.recorded.setdefault(identity.key, ending)

    async def begun(self, request: Request, submitted_ms: int) -> bool:
        """As `BegunRequests.include`."""
        key = identity_of(request, submitted_ms).key
        failed_ms = self.failed_ms.get(key)
        runs = failed_ms is not None and request.routing.after_failure == "run"
        known = key in self.recorded or key in self._leases
        return known and not (runs and submitted_ms > (failed_ms or 0))

    async def release(self, claim: Claim) -> None:
        """Let go."""
        if isinstance(claim, Claimed) and claim.identity.key in self._leases:
            self._leases.pop(claim.identity.key).set()

    def lapse(self, identity: Identity) -> None:
        """The lease ends although its holder lives, as that of a process that stands still."""
        self.died.add(identity.key)
        self._leases.pop(identity.key).set()

    async def forget(self, claim: Claimed) -> None:
        """Nobody died over it."""
        self.died.discard(claim.identity.key)
        self.lapsed.pop(claim.identity.key, None)
        await self.release(claim)

    def _runs_again(self, identity: Identity) -> bool:
        recorded = self.recorded.get(identity.key)
        retryable = recorded is not None and recorded.retryable
        return retryable and identity.submitted_ms > self.failed_ms[identity.key]

    def _other(self, identity: Identity) -> bool:
        first = self.fingerprints.setdefault(identity.key, identity.fingerprint)
        return first != identity.fingerprint


@dataclass
class MemoryAnswers:
    """A cache of exact questions; `open` counts the misses that nobody has ended yet.

    renews: each hit asks for a new answer.
    """

    kept: dict[str, Done] = field(default_factory=dict)
    open: int = 0
    renews: bool = False

    async def find(
        self,
        request: Request,
        route: Route,
        now_ms: int,
        span: OpenSpan,
        check: AnswerCheck | None = None,
    ) -> LookupResult:
        """Hit, or a miss to be kept or abandoned."""
        with span.span("read"):
            pass
        if request.routing.cache.mode == "no-store":
            return Bypass(CacheOutcome(result="bypass"))
        body = request.body
        exact = json.dumps([request.tenant, body.messages, body.embeddings])
        done = self.kept.get(exact)
        question = Question(request.tenant, route.tier, exact, exact, None)
        terms = LookupTerms(question, CachePolicy(), now_ms, 60)
        miss = Miss(CacheOutcome(result="miss"), terms)
        if done is not None and (check is None or await check(done.body) is None):
            self.open += self.renews
            follow_up = Refresh(miss) if self.renews else None
            return Hit(done.body, done.usage, _hit(done.cost_micro_usd), follow_up)
        self.open += 1
        return miss

    async def store_answer(self, miss: Miss, done: Done) -> None:
        """Whatever it is."""
        self.open -= 1
        self.kept[miss.terms.question.exact] = done

    async def abandon(self, miss: Miss) -> None:  # noqa: ARG002 the seam's
        """Counted."""
        self.open -= 1

    async def take_follow_up(self, task: Refresh | ShadowCheck, done: Done) -> bool | None:
        """Kept."""
        self.open -= 1
        self.kept[task.miss.terms.question.exact] = done
        return None

    async def invalidate(self, what: Invalidation) -> int:  # noqa: ARG002 the seam's
        """Everything."""
        gone = len(self.kept)
        self.kept.clear()
        return gone


def _hit(saved: Decimal | None) -> CacheOutcome:
    return CacheOutcome(result="hit", step="exact", score=1.0, saved_micro_usd=saved)


@dataclass
class Reports:
    """The accounts of the requests that ended, and what else was heard of them."""

    events: list[UsageEvent] = field(default_factory=list)
    heard: list[tuple[str, ...]] = field(default_factory=list)

    def began(self, topic: str, waited_s: float) -> None:
        """Noted."""
        assert waited_s >= 0
        self.heard.append(("began", topic))

    def looked_up(self, result: str, took_s: float) -> None:
        """Noted."""
        assert took_s >= 0
        self.heard.append(("looked up", result))

    def checked(self, *, right: bool) -> None:
        """Noted."""
        self.heard.append(("checked", str(right)))

    def replayed(self, topic: str) -> None:
        """Noted."""
        self.heard.append(("replayed", topic))

    def taken_over(self, topic: str) -> None:
        """Noted."""
        self.heard.append(("taken over", topic))

    def rerouted(self, tier: str, to: str, direction: str) -> None:
        """Noted."""
        self.heard.append(("rerouted", tier, to, direction))

    def delayed(self, tier: str) -> None:
        """Noted."""
        self.heard.append(("delayed", tier))

    def report_usage(self, event: UsageEvent, *, exported: bool) -> None:  # noqa: ARG002 the seam's
        """Noted."""
        self.events.append(event)


class NoPrefixes:
    """Nobody has ever seen a prefix."""

    async def count_uses(
        self,
        look: Sequence[str],  # noqa: ARG002 the seam's
        record: Sequence[str],  # noqa: ARG002 the seam's
    ) -> Mapping[str, PrefixUses]:
        """None."""
        return {}


def content(body: Mapping[str, Any]) -> Any:  # noqa: ANN401 what the answer says
    """The text of a `chat.completion`."""
    return body["choices"][0]["message"]["content"]
