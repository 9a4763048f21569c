"""Cache look-up: exact, canonical, semantic, then single flight. Is there an answer already?

`find` → Hit: serve it; Miss: call the provider, then `store_answer` or, when that failed,
`abandon`; Bypass: call the provider. A hit's `follow_up` is a call in the background, whose answer
`take_follow_up` gets. Nothing here raises for what Redis or the embedder do: a request then goes to
the provider. A request with `cache.mode` = `only-if-cached` that isn't a Hit is to be answered
`not_in_cache`.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, assert_never

from redis.asyncio import Redis

from cache.identity.answer_limits import exceeded_limit
from cache.identity.cacheable import (
    DoNotKeep,
    KeepBriefly,
    KeepForAll,
    Retention,
    retention_of,
)
from cache.identity.key import NotCacheable
from cache.identity.terms import LookupTerms, lookup_terms
from cache.results.kept_answer import HitSource, hit_on, is_expired, new_entry, refuse_to_keep
from cache.results.lookup_result import (
    AnswerCheck,
    Bypass,
    Hit,
    LookupResult,
    Miss,
    Refresh,
    ShadowCheck,
)
from cache.semantic.embedder import Embedder
from cache.semantic.recogniser_file import load_recogniser
from cache.semantic.semantic_search import NoMatch, SemanticMatch, SemanticSearch
from cache.semantic.vector_index import VectorIndex
from cache.shadow_checks import AnswerComparison, AnswerSimilarity, ShadowChecks
from cache.storage.batched_reads import BatchedReads, Unavailable
from cache.storage.entry import CacheEntry, lifetime_ms
from cache.storage.hit_accounting import HitAccounting
from cache.storage.invalidation import Invalidation, invalidate
from cache.storage.single_flight import (
    FIRST_WAIT_S,
    LONGEST_FOLLOWER_WAIT_S,
    Follower,
    Leader,
    NoLease,
    SingleFlight,
)
from cache.storage.store import EntryStore, Stored, StoreRead
from cache.verification.verifier import Verifier
from observability.tracing.semconv import CACHE_ROLE
from observability.tracing.tracer import OpenSpan, Tracer
from producers.contract import CacheOutcome, Done, Request, Route
from runtime.config.sections.cache import CacheSettings
from runtime.redis.pipelining import PipelineLane

_log = logging.getLogger(__name__)
FLIGHT: Final = "single flight"
"""The span of the step that asks who calls the provider, and waits where another worker does."""
CANONICAL_SCORE: Final = 0.99
"""Below the 1.0 of the very same words, so that a caller can ask for those alone."""


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who looks up: the span that gets the steps, and what a stored answer must pass."""

    span: OpenSpan
    check: AnswerCheck | None


@dataclass(frozen=True, slots=True)
class _NoHit:
    """No answer to the very words, or one that doesn't serve: `reason`."""

    reason: str | None = None


_NO_HIT: Final = _NoHit()


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
        self._recogniser = load_recogniser(settings.recogniser)
        self._policy = lru_cache(maxsize=4096)(settings.policy)
        trips = PipelineLane(redis)
        self._store = store = EntryStore(trips, reads, settings.key_prefix)
        self._flights = SingleFlight(trips, reads, lease_s=settings.lease_s, budget_s=budget_s)
        self._hit_accounting = HitAccounting(store)
        self._semantic: SemanticSearch | None = None
        self._shadow_checks: ShadowChecks | None = None
        if semantic is not None:
            parts = semantic.index, semantic.embedder, semantic.verifier
            self._semantic = SemanticSearch(store, reads, *parts, budget_s=budget_s)
            answers = semantic.answers or AnswerSimilarity(semantic.embedder)
            self._shadow_checks = ShadowChecks(redis, store, answers)

    async def find(
        self,
        request: Request,
        route: Route,
        now_ms: int,
        span: OpenSpan | None = None,
        check: AnswerCheck | None = None,
    ) -> LookupResult:
        """What the cache has for a request. now_ms: Unix milliseconds. Never raises.

        span: of the trace, gets the look-up's steps as its own. check: a stored answer must pass
        it, whichever step finds it; None: the caller demands nothing.
        """
        span = span or Tracer("cache", None).begin_trace("find").span("cache lookup")
        try:
            return await self._find(request, route, now_ms, _Caller(span, check))
        except Exception:  # noqa: BLE001 - a bug here must not cost a request
            _log.exception("cache lookup failed; the request goes to the provider")
            return Bypass(CacheOutcome(result="error", reason="internal error of the cache"))

    async def store_answer(self, miss: Miss, done: Done) -> None:
        """Stores the answer, if it may be, and lets those go who wait for it. Never raises."""
        is_stored = False
        try:
            is_stored = await self._store_answer(miss, done)
        except Exception:  # noqa: BLE001 - the answer is already sent
            _log.exception("an answer could not be stored")
        finally:
            await self._release(miss.leader, shared=is_stored)

    async def abandon(self, miss: Miss) -> None:
        """The call failed: somebody else may try. Never raises."""
        await self._release(miss.leader, shared=True)

    async def take_follow_up(self, task: Refresh | ShadowCheck, done: Done) -> bool | None:
        """The call that a hit's `follow_up` asked for has been made. Never raises.

        Whether the hit was right, where that was the question and can be told.
        """
        is_right: bool | None = None
        if isinstance(task, ShadowCheck) and self._shadow_checks is not None:
            try:
                is_right = await self._shadow_checks.check(task, done.body)
            except Exception:  # noqa: BLE001 - a sample lost must not cost more
                _log.exception("an answer could not be compared")
        await self.store_answer(task.miss, done)
        return is_right

    async def invalidate(self, what: Invalidation) -> int:
        """Invalidates on all workers; how many entries. Raises REDIS_UNAVAILABLE."""
        return await invalidate(self._store, what)

    async def close(self) -> None:
        """Writes what is left and stops the background tasks."""
        await self._flights.close()
        await self._hit_accounting.close()
        if self._semantic is not None:
            await self._semantic.close()

    async def _find(
        self, request: Request, route: Route, now_ms: int, caller: _Caller
    ) -> LookupResult:
        """Cheapest step first: one read, then the embedding and the search, then the wait."""
        policy = self._policy(request.tenant, route.tier, request.routing.task)
        terms = lookup_terms(request, route, policy, self._settings, now_ms)
        if isinstance(terms, NotCacheable):
            return _bypass(terms.reason)
        with caller.span.span("read"):
            read = await self._read(terms)
        if isinstance(read, Unavailable):
            return Miss(CacheOutcome(result="error", reason=read.reason), terms)
        hit = await self._direct_hit(terms, read, caller)
        if isinstance(hit, Hit):
            return hit
        return await self._miss_or_near_hit(terms, read.version, caller, hit.reason)

    async def _miss_or_near_hit(
        self, terms: LookupTerms, version: str, caller: _Caller, reason: str | None
    ) -> LookupResult:
        """What there is beyond the very words, as far as the question's answer may be kept.

        reason: why an answer to the very words doesn't serve.
        """
        # asked only now: an answer to a question that binds it is never stored, so never hit
        retention = self._retention(terms)
        match retention:
            case DoNotKeep(reason=bound):
                return _bypass(bound)
            case KeepBriefly(reason=doubt):
                ttl_s = min(terms.ttl_s, terms.policy.unsure_ttl_s)
                policy = terms.policy.model_copy(update={"stale_s": 0.0})
                brief = replace(terms, ttl_s=ttl_s, policy=policy)
                return await self._lead_or_follow(brief, version, NoMatch(reason or doubt), caller)
            case KeepForAll():
                near = await self._semantic_hit(terms, version, caller)
            case _:
                assert_never(retention)
        if isinstance(near, NoMatch):
            near = replace(near, reason=reason or near.reason)
            return await self._lead_or_follow(terms, version, near, caller)
        return near

    def _retention(self, terms: LookupTerms) -> Retention:
        text, policy = terms.question.text, terms.policy
        return retention_of(
            text, policy, self._recogniser, about=terms.about, has_history=terms.has_history
        )

    async def _read(self, terms: LookupTerms) -> StoreRead | Unavailable:
        return await self._store.read(terms.question.tenant, terms.question.entry)

    async def _direct_hit(
        self, terms: LookupTerms, read: StoreRead, caller: _Caller
    ) -> Hit | _NoHit:
        """A hit by the very words or their canonical form."""
        entry = read.entry
        if entry is None or not terms.may_read or is_expired(entry, terms):
            return _NO_HIT
        step: Final = "exact" if entry.exact == terms.question.exact else "canonical"
        score = 1.0 if step == "exact" else CANONICAL_SCORE
        if score < terms.min_confidence:
            return _NO_HIT
        if step == "canonical" and not isinstance(self._retention(terms), KeepForAll):
            return _NO_HIT
        unfit = await _unfit(terms, entry, caller)
        if unfit is not None:
            return _NoHit(unfit)
        name = terms.question.entry
        self._hit_accounting.count_hit(terms.question.tenant, name, entry.cost_micro_usd)
        is_stale = terms.now_ms >= entry.fresh_until_ms
        follow_up = await self._refresh(terms, read.version, caller.span) if is_stale else None
        return hit_on(HitSource(step, name, entry, score), terms, follow_up)

    async def _refresh(self, terms: LookupTerms, version: str, span: OpenSpan) -> Refresh | None:
        """The task to renew a stale entry: for one caller, while all get the stale answer."""
        if not terms.may_store:
            return None
        with span.span(FLIGHT) as flight:
            role = await self._flights.join(self._flight_key(terms))
            flight.attributes = {CACHE_ROLE: type(role).__name__}
        if not isinstance(role, Leader):
            return None
        return Refresh(Miss(CacheOutcome(result="miss"), terms, version, leader=role))

    async def _semantic_hit(
        self, terms: LookupTerms, version: str, caller: _Caller
    ) -> Hit | NoMatch:
        """A hit in other words; NoMatch knows where the question lies for those to come."""
        if self._semantic is None or "semantic" not in terms.policy.steps:
            return NoMatch(None)
        if not terms.may_read:
            return NoMatch(None, await self._semantic.locate(terms, version, caller.span))
        result = await self._semantic.search(terms, version, caller.span)
        match result:
            case SemanticMatch(score=score) if score < terms.min_confidence:
                return NoMatch(f"score {score:.3f} below min_confidence", result.indexed)
            case SemanticMatch(entry=entry):
                unfit = await _unfit(terms, entry, caller)
                if unfit is not None:
                    return NoMatch(unfit, result.indexed)
                return self._hit_on_match(terms, version, result)
            case NoMatch():
                return result

    def _hit_on_match(self, terms: LookupTerms, version: str, match: SemanticMatch) -> Hit:
        name, entry = match.entry_name, match.entry
        self._hit_accounting.count_hit(terms.question.tenant, name, entry.cost_micro_usd)
        follow_up = None
        if match.is_sampled:
            miss = Miss(CacheOutcome(result="miss"), terms, _stored_version(terms, version))
            follow_up = ShadowCheck(miss, name, entry, match.score)
        return hit_on(HitSource("semantic", name, entry, match.score), terms, follow_up)

    async def _lead_or_follow(
        self, terms: LookupTerms, version: str, near: NoMatch, caller: _Caller
    ) -> Hit | Miss:
        """The miss; where others may ask the same, after it is clear who calls the provider."""
        role: Hit | Leader | NoLease | None = None
        if terms.may_wait:
            with caller.span.span(FLIGHT) as flight:
                role = await self._join(terms, replace(caller, span=flight))
        if isinstance(role, Hit):
            return role
        reason = role.reason if isinstance(role, NoLease) else near.reason
        return Miss(
            CacheOutcome(result="miss", reason=reason),
            terms,
            version=_stored_version(terms, version),
            indexed=near.indexed,
            leader=role if isinstance(role, Leader) else None,
        )

    async def _join(self, terms: LookupTerms, caller: _Caller) -> Hit | Leader | NoLease:
        """Leads, or follows whoever leads until there is an answer, at most `wait_s`."""
        key, clock = self._flight_key(terms), asyncio.get_running_loop().time
        role, pause_s = await self._flights.join(key), FIRST_WAIT_S
        caller.span.attributes = {CACHE_ROLE: type(role).__name__}
        deadline = clock() + terms.policy.wait_s
        while True:
            # also by a new leader: the last one may have stored its answer between our first
            # read and its release of the lease
            read = await self._read(terms)
            if isinstance(read, StoreRead):
                hit = await self._direct_hit(terms, read, caller)
                if isinstance(hit, Hit):
                    await self._release(role, shared=True)
                    return hit
            if not isinstance(role, Follower):
                return role
            if clock() >= deadline:
                return NoLease("waited too long for another worker")
            role = await self._flights.wait(key, pause_s)
            pause_s = min(2 * pause_s, LONGEST_FOLLOWER_WAIT_S)

    async def _store_answer(self, miss: Miss, done: Done) -> bool:
        terms = miss.terms
        if miss.version is None or refuse_to_keep(done, terms) is not None:
            return False
        life_ms = lifetime_ms(terms.ttl_s, terms.policy.ttl_jitter)
        result = await self._store.write(
            terms.question.tenant,
            terms.question.entry,
            new_entry(miss, done, life_ms),
            version=miss.version,
            ttl_ms=life_ms + int(terms.policy.stale_s * 1000),
            quota_bytes=int(terms.policy.quota_mb * 1_000_000),
            max_bytes=terms.policy.max_answer_bytes,
            tags=terms.tags,
        )
        is_stored = isinstance(result, Stored)
        if is_stored and miss.indexed is not None and self._semantic is not None:
            await self._semantic.add(miss.indexed, terms.question.entry, int(terms.ttl_s) + 1)
        return is_stored

    async def _release(self, role: object, *, shared: bool) -> None:
        if isinstance(role, Leader):
            await self._flights.release(role, shared=shared)

    def _flight_key(self, terms: LookupTerms) -> str:
        return self._store.key(terms.question.tenant, "f", terms.question.entry)


async def _unfit(terms: LookupTerms, entry: CacheEntry, caller: _Caller) -> str | None:
    """Why a stored answer is none to this request, for its reply; None when it is one."""
    exceeded = exceeded_limit(terms.limits, entry.body, entry.usage.get("output", 0))
    if exceeded is not None:
        return f"the kept answer doesn't keep to {exceeded}"
    if caller.check is None:
        return None
    problem = await caller.check(entry.body)
    return None if problem is None else f"the kept answer {problem}"


def _stored_version(terms: LookupTerms, version: str) -> str | None:
    return version if terms.may_store else None


def _bypass(reason: str) -> Bypass:
    return Bypass(CacheOutcome(result="bypass", reason=reason))
