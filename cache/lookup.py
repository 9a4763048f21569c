"""Is there an answer to this request already, and how is a new one kept for the next asker?

`find` → Hit: serve it; Miss: call the provider, then `keep` or, when that failed, `abandon`;
Bypass: call the provider. A hit's `follow_up` is a call in the background, then `follow`.
Nothing here raises for what Redis or the embedder do: a request then goes to the provider. A
request with `cache.mode` = `only-if-cached` that isn't a Hit is to be answered `not_in_cache`.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from redis.asyncio import Redis

from cache.identity.cacheable import refuse_answer, refuse_question, refuse_request
from cache.identity.key import NoQuestion, Question, question_of
from cache.results.lookup_result import Bypass, Hit, LookupResult, Miss, Refresh, ShadowCheck
from cache.results.outcomes import blank_miss, bypass, hit_on, is_expired, missed, new_entry
from cache.semantic.embedder import Embedder
from cache.semantic.semantic_search import NoMatch, SearchRequest, SemanticMatch, SemanticSearch
from cache.semantic.vector_index import VectorIndex
from cache.settings import CacheSettings
from cache.shadow_checks import AnswerComparison, AnswerSimilarity, ShadowChecks
from cache.storage.batched_reads import BatchedReads, Unavailable
from cache.storage.entry import CacheEntry, lifetime_ms
from cache.storage.hit_accounting import HitAccounting
from cache.storage.invalidation import Invalidation, invalidate
from cache.storage.single_flight import (
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    Follower,
    Leader,
    NoLease,
    Role,
    SingleFlight,
)
from cache.storage.store import EntryStore, Stored, StoreRead
from cache.verification.verifier import Verifier
from observability.tracing.semconv import CACHE_ROLE
from observability.tracing.tracer import OpenSpan, Tracer
from producers.contract import CacheOutcome, Done, Request, Route
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.pipelining import PipelineLane

_log = logging.getLogger(__name__)
FLIGHT: Final = "single flight"
"""The step that asks who calls the provider, and waits where another does."""


@dataclass(frozen=True, slots=True)
class SemanticStep:
    """What the semantic step needs. answers: compares answers, by default by their vectors."""

    embedder: Embedder
    verifier: Verifier
    index: VectorIndex
    answers: AnswerComparison | None = None


class CacheLookup:
    """The cache as a worker sees it. One per process and event loop; close it at the end."""

    def __init__(
        self, settings: CacheSettings, redis: Redis, semantic: SemanticStep | None = None
    ) -> None:
        budget_s = settings.budget_ms / 1000
        reads = BatchedReads(redis, budget_s)
        self._settings = settings
        self._policy = lru_cache(maxsize=4096)(settings.policy)
        trips = PipelineLane(redis)
        self._store = store = EntryStore(trips, reads, settings.key_prefix)
        self._flights = SingleFlight(trips, reads, lease_s=settings.lease_s, budget_s=budget_s)
        self._credits = HitAccounting(store)
        self._neighbours: SemanticSearch | None = None
        self._shadows: ShadowChecks | None = None
        if semantic is not None:
            parts = semantic.index, semantic.embedder, semantic.verifier
            self._neighbours = SemanticSearch(store, reads, *parts, budget_s=budget_s)
            answers = semantic.answers or AnswerSimilarity(semantic.embedder)
            self._shadows = ShadowChecks(redis, store, answers)

    async def find(
        self, request: Request, route: Route, now_ms: int, span: OpenSpan | None = None
    ) -> LookupResult:
        """What the cache has for a request. now_ms: Unix milliseconds. Never raises.

        span: of the trace, gets the look's steps as its own.
        """
        span = span or Tracer("cache", None).hop("find").span("cache lookup")
        try:
            return await self._find(request, route, now_ms, span)
        except Exception:  # noqa: BLE001 - a bug here must not cost a request
            _log.exception("cache lookup failed; the request goes to the provider")
            return Bypass(CacheOutcome(result="error", reason="internal error of the cache"))

    async def store_answer(self, miss: Miss, done: Done) -> None:
        """Keeps the answer, if it may be, and lets those go who wait for it. Never raises."""
        kept = False
        try:
            kept = await self._keep(miss, done)
        except Exception:  # noqa: BLE001 - the answer is already sent
            _log.exception("an answer could not be kept")
        finally:
            await self._land(miss, shared=kept)

    async def abandon(self, miss: Miss) -> None:
        """The call failed: somebody else may try. Never raises."""
        await self._land(miss, shared=True)

    async def take_follow_up(self, task: Refresh | ShadowCheck, done: Done) -> bool | None:
        """The call that a hit's `follow_up` asked for has been made. Never raises.

        Whether the hit was right, where that was the question and can be told.
        """
        right: bool | None = None
        if isinstance(task, ShadowCheck) and self._shadows is not None:
            try:
                right = await self._shadows.check(task, done.body)
            except Exception:  # noqa: BLE001 - a sample lost must not cost more
                _log.exception("an answer could not be compared")
        await self.store_answer(task.miss, done)
        return right

    async def invalidate(self, what: Invalidation) -> int:
        """Invalidates on all workers; how many entries. Raises REDIS_UNAVAILABLE."""
        return await invalidate(self._store, what)

    async def close(self) -> None:
        """Writes what is left and stops the background tasks."""
        await self._flights.close()
        await self._credits.close()
        if self._neighbours is not None:
            await self._neighbours.close()

    async def _find(
        self, request: Request, route: Route, now_ms: int, span: OpenSpan
    ) -> LookupResult:
        policy = self._policy(request.tenant, route.tier)
        knowledge = self._settings.knowledge_version
        by_canonical = "canonical" in policy.steps
        question = question_of(request, route, knowledge=knowledge, by_canonical=by_canonical)
        if isinstance(question, NoQuestion):
            return bypass(question.reason)
        refused = refuse_request(request.body, question.text, policy)
        if refused is not None:
            return bypass(refused)
        miss = blank_miss(request, route, question, policy, now_ms)
        with span.span("read"):
            seen = await self._store.read(request.tenant, question.entry)
        if isinstance(seen, Unavailable):
            return replace(miss, outcome=CacheOutcome(result="error", reason=seen.reason))
        return await self._decide(request, miss, seen, span)

    async def _decide(
        self, request: Request, miss: Miss, seen: StoreRead, span: OpenSpan
    ) -> LookupResult:
        control = request.routing.cache
        if control.mode != "no-store":
            miss = replace(miss, version=seen.version)
        if control.mode != "no-cache" and (hit := await self._serve(miss, seen.entry, span)):
            return hit
        # asked late: what is never kept is never hit
        refused = refuse_question(miss.question.text, miss.policy)
        if refused is not None:
            return bypass(refused)
        found = await self._near(miss, seen.version, span, fresh_only=control.mode == "no-cache")
        if isinstance(found, Hit) or control.mode != "default" or not miss.policy.single_flight:
            return found
        with span.span(FLIGHT) as flight:
            return await self._join(found, flight)

    async def _serve(self, miss: Miss, entry: CacheEntry | None, span: OpenSpan) -> Hit | None:
        """A hit by the very words or their canonical form."""
        if entry is None or is_expired(entry, miss):
            return None
        hit = hit_on(entry, miss, miss.question.entry)
        if (hit.outcome.score or 0) < (miss.min_confidence or 0):
            return None
        self._credits.count_hit(miss.question.tenant, miss.question.entry, entry.cost_micro_usd)
        if miss.now_ms < entry.fresh_until_ms:
            return hit
        with span.span(FLIGHT) as flight:
            return await self._refresh(hit, miss, flight)

    async def _refresh(self, hit: Hit, miss: Miss, flight: OpenSpan) -> Hit:
        """One caller gets the task to renew a stale entry; all get the answer."""
        if miss.version is None:
            return hit
        role = await self._flights.join(self._flight_key(miss.question))
        flight.attributes = {CACHE_ROLE: type(role).__name__}
        if not isinstance(role, Leader):
            return hit
        return replace(hit, follow_up=Refresh(replace(miss, lease=role)))

    async def _near(self, miss: Miss, age: str, span: OpenSpan, *, fresh_only: bool) -> Hit | Miss:
        """A hit in other words, else the miss, which knows now where its question lies."""
        question, neighbours = miss.question, self._neighbours
        if neighbours is None or "semantic" not in miss.policy.steps:
            return miss
        if fresh_only:
            try:
                return replace(miss, indexed=await neighbours.embed_question(question, age, span))
            except REDIS_UNAVAILABLE:
                return miss
        want = SearchRequest(question, miss.policy, age, miss.group, miss.now_ms)
        found = await neighbours.search(want, span)
        match found:
            case NoMatch(reason, placed):
                return replace(miss, indexed=placed, outcome=missed(reason))
            case SemanticMatch(name, entry, score, shadow) if score >= (miss.min_confidence or 0):
                self._credits.count_hit(question.tenant, name, entry.cost_micro_usd)
                hit = hit_on(entry, miss, name, score)
                return replace(
                    hit, follow_up=ShadowCheck(miss, name, entry, score) if shadow else None
                )
            case SemanticMatch(score=score):
                return replace(miss, outcome=missed(f"score {score:.3f} below min_confidence"))

    async def _join(self, miss: Miss, flight: OpenSpan) -> LookupResult:
        """Leads, or follows whoever leads until there is an answer, at most `wait_s`."""
        key, question = self._flight_key(miss.question), miss.question
        role, pause_s = await self._flights.join(key), FIRST_WAIT_S
        flight.attributes = {CACHE_ROLE: type(role).__name__}
        loop = asyncio.get_running_loop()
        until = loop.time() + miss.policy.wait_s
        while True:
            seen = await self._store.read(question.tenant, question.entry)
            hit = (
                await self._serve(miss, seen.entry, flight) if isinstance(seen, StoreRead) else None
            )
            if hit is not None:
                await self._give_back(role)
                return hit
            match role:
                case Leader():
                    return replace(miss, lease=role)
                case NoLease(reason):
                    return replace(miss, outcome=missed(reason))
                case Follower() if loop.time() >= until:
                    return replace(miss, outcome=missed("waited too long for another worker"))
                case Follower():
                    role = await self._flights.wait(key, pause_s)
                    pause_s = min(2 * pause_s, LONGEST_WAIT_S)

    async def _keep(self, miss: Miss, done: Done) -> bool:
        if miss.version is None or refuse_answer(done, miss.policy) is not None:
            return False
        life_ms = lifetime_ms(miss.ttl_s, miss.policy.ttl_jitter)
        entry = new_entry(miss, done, life_ms)
        kept = await self._store.write(
            miss.question.tenant,
            miss.question.entry,
            entry,
            age=miss.version,
            ttl_ms=life_ms + int(miss.policy.stale_s * 1000),
            quota_bytes=int(miss.policy.quota_mb * 1_000_000),
            max_bytes=miss.policy.max_answer_bytes,
            tags=miss.tags,
        )
        if isinstance(kept, Stored) and miss.indexed is not None and self._neighbours is not None:
            await self._neighbours.add(miss.indexed, miss.question.entry, int(miss.ttl_s) + 1)
        return isinstance(kept, Stored)

    async def _land(self, miss: Miss, *, shared: bool) -> None:
        if miss.lease is not None:
            await self._flights.release(miss.lease, shared=shared)

    async def _give_back(self, role: Role) -> None:
        if isinstance(role, Leader):
            await self._flights.release(role, shared=True)

    def _flight_key(self, question: Question) -> str:
        return self._store.key(question.tenant, "f", question.entry)
