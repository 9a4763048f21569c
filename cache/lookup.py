"""Cache look-up: exact, canonical, semantic, then single flight. Is there an answer already?

`find` → Hit: serve it; Miss: call the provider, then `store_answer` or, when that failed,
`abandon`; Bypass: call the provider. A hit's `follow_up` is a call in the background, whose answer
`take_follow_up` gets. Nothing here raises for what Redis or the embedder do: a request then goes to
the provider. A request with `cache.mode` = `only-if-cached` that isn't a Hit is to be answered
`not_in_cache`.
"""

import asyncio
import logging
import random
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, assert_never

from redis.asyncio import Redis

from cache.fill import CacheFill
from cache.identity.answer_limits import exceeded_limit
from cache.identity.cacheable import DoNotKeep, KeepBriefly, KeepForAll
from cache.identity.key import NotCacheable
from cache.identity.terms import LookupTerms, lookup_terms
from cache.invalidation import CacheInvalidations
from cache.promise.group_bounds import cell_of, decode_bounds, status_of
from cache.promise.observations import sample_chance
from cache.promise_records import PromiseRecords
from cache.results.kept_answer import (
    HitSource,
    direct_source,
    hit_on,
    is_expired,
    shadow_check,
    stored_version,
)
from cache.results.lookup_result import (
    AnswerCheck,
    Bypass,
    Hit,
    HitSample,
    LookupResult,
    Miss,
    Refresh,
    ShadowCheck,
)
from cache.retention import RetentionJudge
from cache.semantic.embedder import Embedder
from cache.semantic.pair_reader import PairReader
from cache.semantic.recogniser_file import load_recogniser
from cache.semantic.second_look import SecondLook
from cache.semantic.semantic_search import NoMatch, SemanticMatch, SemanticSearch
from cache.semantic.vector_index import VectorIndex
from cache.shadow_checks import AnswerComparison, AnswerSimilarity, ShadowChecks
from cache.storage.batched_reads import BatchedReads, Unavailable
from cache.storage.entry import CacheEntry
from cache.storage.flight_entry import join_and_read
from cache.storage.hit_accounting import HitAccounting
from cache.storage.single_flight import (
    FIRST_WAIT_S,
    LONGEST_FOLLOWER_WAIT_S,
    Follower,
    Leader,
    NoLease,
    SingleFlight,
)
from cache.storage.store import EntryStore, ServedHit, StoreRead
from cache.verification.verifier import Verifier
from observability.tracing.semconv import CACHE_ROLE
from observability.tracing.tracer import OpenSpan, Tracer
from producers.contract import CacheOutcome, Done, Request, Route
from producers.contract.invalidation import Invalidation
from runtime.config.sections.cache import CacheSettings
from runtime.redis.pipelining import PipelineLane

_log = logging.getLogger(__name__)
FLIGHT: Final = "single flight"
"""The span of the step that asks who calls the provider, and waits where another worker does."""
CLOSED: Final = "closed: too many hits of this step were wrong"


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who looks up: the span that gets the steps, and what a stored answer must pass."""

    span: OpenSpan
    check: AnswerCheck | None


@dataclass(frozen=True, slots=True)
class _NoHit:
    """No answer to the very words, or one that doesn't serve: `reason`."""

    reason: str | None = None
    trial: HitSample | None = None
    """What would have been served, if that is to be compared with the new answer."""
    is_closed: bool = False
    """Whether its step is closed."""


_NO_HIT: Final = _NoHit()


@dataclass(frozen=True, slots=True)
class SemanticStep:
    """What the semantic step needs."""

    embedder: Embedder
    verifier: Verifier
    index: VectorIndex
    pairs: PairReader | None = None
    """Of what the verifier leaves in doubt."""


class CacheLookup:
    """The cache as a worker sees it. One per process and event loop; close it at the end."""

    def __init__(
        self,
        settings: CacheSettings,
        redis: Redis | PipelineLane,
        semantic: SemanticStep | None = None,
        answers: AnswerComparison | None = None,
        second_look: SecondLook | None = None,
    ) -> None:
        """redis: or a lane of it, where what is written leaves with what others write there.

        answers: compares hits with fresh answers; by default with the semantic step's embedder.
        Without either no hit is checked. second_look: at what the recogniser is unsure about.
        """
        trips = redis if isinstance(redis, PipelineLane) else PipelineLane(redis)
        redis = trips.redis
        budget_s = settings.budget_ms / 1000
        reads = BatchedReads(redis, budget_s)
        self._settings = settings
        self._judge = RetentionJudge(load_recogniser(settings.recogniser), second_look)
        self._policy = lru_cache(maxsize=4096)(settings.policy)
        self._store = store = EntryStore(trips, reads, settings.key_prefix)
        self._flights = SingleFlight(trips, reads, lease_s=settings.lease_s, budget_s=budget_s)
        self._hit_accounting = HitAccounting(store)
        self._semantic: SemanticSearch | None = None
        if semantic is not None:
            parts = semantic.index, semantic.embedder, semantic.verifier
            self._semantic = SemanticSearch(
                store, reads, *parts, budget_s=budget_s, pairs=semantic.pairs
            )
            answers = answers or AnswerSimilarity(semantic.embedder)
        records = PromiseRecords(redis, store)
        self._checks = ShadowChecks(records, answers)
        index = None if semantic is None else semantic.index
        self._invalidations = CacheInvalidations(
            settings, store, index, records, self._checks.error
        )
        self._fill = CacheFill(store, self._flights, self._semantic, self._checks)

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
        await self._fill.store_answer(miss, done)

    async def abandon(self, miss: Miss) -> None:
        """The call failed: somebody else may try. Never raises."""
        await self._fill.release(miss.leader, shared=True)

    async def take_follow_up(self, task: Refresh | ShadowCheck, done: Done) -> bool | None:
        """The call that a hit's `follow_up` asked for has been made. Never raises.

        Whether the hit was right, where that was the question and can be told.
        """
        return await self._fill.take_follow_up(task, done)

    async def invalidate(self, what: Invalidation) -> int:
        """Invalidates on all workers; how many entries. Raises REDIS_UNAVAILABLE."""
        return await self._invalidations.apply(what)

    async def close(self) -> None:
        """Writes what is left and stops the background tasks."""
        await self._flights.close()
        await self._hit_accounting.close()
        self._judge.close()
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
        return await self._miss_or_near_hit(terms, read, caller, hit)

    async def _miss_or_near_hit(
        self, terms: LookupTerms, read: StoreRead, caller: _Caller, direct: _NoHit
    ) -> LookupResult:
        """What there is beyond the very words, as far as the question's answer may be kept.

        direct: why an answer to the very words doesn't serve.
        """
        if direct.is_closed:  # what another caller gets would be refused here, too
            terms = replace(terms, may_wait=False)
        # asked only now: an answer to a question that binds it is never stored, so never hit
        retention = await self._judge.retention_of(terms)
        match retention:
            case DoNotKeep(reason=bound):
                return _bypass(bound)
            case KeepBriefly(reason=doubt, language=language):
                ttl_s = min(terms.ttl_s, terms.policy.unsure_ttl_s)
                policy = terms.policy.model_copy(update={"stale_s": 0.0})
                terms = replace(
                    terms, ttl_s=ttl_s, policy=policy, language=language, same_words_only=True
                )
                near: Hit | NoMatch = NoMatch(doubt)
            case KeepForAll(language=language):
                terms = replace(terms, language=language)
                near = await self._semantic_hit(terms, read, caller)
            case _:
                assert_never(retention)
        if isinstance(near, NoMatch):
            reason, trial = direct.reason or near.reason, direct.trial or near.trial
            near = replace(near, reason=reason, trial=trial)
            return await self._lead_or_follow(terms, read.version, near, caller)
        return near

    async def _read(self, terms: LookupTerms) -> StoreRead | Unavailable:
        return await self._store.read(*terms.place)

    async def _direct_hit(
        self, terms: LookupTerms, read: StoreRead, caller: _Caller
    ) -> Hit | _NoHit:
        """A hit by the very words or their canonical form."""
        entry = read.entry
        if entry is None or not terms.may_read or is_expired(entry, terms):
            return _NO_HIT
        source = direct_source(entry, terms)
        if source is None or not await self._may_serve(source, terms):
            return _NO_HIT
        unfit = await _unfit(terms, entry, caller)
        if unfit is not None:
            return _NoHit(unfit)
        cell, share = source.cell, terms.policy.shadow_share
        status = status_of(read.bounds, cell, terms.policy.max_wrong_hits, self._checks.error)
        can_tell = self._checks.can_tell and not terms.policy.allow_sampling
        is_sampled = can_tell and random.random() < sample_chance(share, status)
        if status == "closed":
            return _NoHit(CLOSED, source.sample if is_sampled else None, is_closed=True)
        self._count(terms, source)
        follow_up: Refresh | ShadowCheck | None = None
        if terms.now_ms >= entry.fresh_until_ms:
            follow_up = await self._refresh(terms, read.version, caller.span)
        elif is_sampled:
            follow_up = shadow_check(terms, read.version, source.sample)
        return hit_on(source, terms, follow_up)

    async def _may_serve(self, source: HitSource, terms: LookupTerms) -> bool:
        """The very words always do; another form of them, if the question is bound to nobody."""
        if source.cell.step == "exact":
            return True
        if source.entry.same_words_only:
            return False
        if not isinstance(await self._judge.retention_of(terms), KeepForAll):
            return False
        nevers = await self._store.nevers(terms.question.tenant, terms.question.exact)
        return source.entry.exact not in nevers

    def _count(self, terms: LookupTerms, source: HitSource) -> None:
        question, (step, language) = terms.question, source.cell
        asked = terms.request_id, source.name, question.exact
        hit = ServedHit(*asked, terms.group, step, language, source.score)
        self._hit_accounting.count_hit(question.tenant, hit, source.entry.cost_micro_usd)

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
        self, terms: LookupTerms, read: StoreRead, caller: _Caller
    ) -> Hit | NoMatch:
        """A hit in other words; NoMatch knows where the question lies for those to come."""
        if self._semantic is None or "semantic" not in terms.policy.steps:
            return NoMatch(None)
        if not terms.may_read:
            return NoMatch(None, await self._semantic.locate(terms, read.version, caller.span))
        bound = decode_bounds(read.bounds).of(cell_of("semantic", terms.language))
        result = await self._semantic.search(terms, read.version, bound, caller.span)
        match result:
            case SemanticMatch(score=score) if score < terms.min_confidence:
                return NoMatch(f"score {score:.3f} below min_confidence", result.indexed)
            case SemanticMatch(entry=entry):
                unfit = await _unfit(terms, entry, caller)
                if unfit is not None:
                    return NoMatch(unfit, result.indexed)
                return self._hit_on_match(terms, read.version, result)
            case NoMatch():
                return result

    def _hit_on_match(
        self, terms: LookupTerms, version: str, match: SemanticMatch
    ) -> Hit | NoMatch:
        cell = cell_of("semantic", terms.language)
        source = HitSource(cell, match.entry_name, match.entry, match.score)
        if match.is_closed:
            return NoMatch(CLOSED, match.indexed, source.sample if match.is_sampled else None)
        self._count(terms, source)
        follow_up = shadow_check(terms, version, source.sample) if match.is_sampled else None
        return hit_on(source, terms, follow_up)

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
            version=stored_version(terms, version),
            indexed=near.indexed,
            leader=role if isinstance(role, Leader) else None,
            trial=near.trial,
        )

    async def _join(self, terms: LookupTerms, caller: _Caller) -> Hit | Leader | NoLease:
        """Leads, or follows whoever leads until there is an answer, at most `wait_s`."""
        key, clock = self._flight_key(terms), asyncio.get_running_loop().time
        role, read = await join_and_read(self._flights, self._store, key, terms.place)
        pause_s = FIRST_WAIT_S
        caller.span.attributes = {CACHE_ROLE: type(role).__name__}
        deadline = clock() + terms.policy.wait_s
        while True:
            if isinstance(read, StoreRead):
                hit = await self._direct_hit(terms, read, caller)
                if isinstance(hit, Hit):
                    await self._fill.release(role, shared=True)
                    return hit
                if hit.is_closed and isinstance(role, Follower):
                    return NoLease(CLOSED)
            if not isinstance(role, Follower):
                return role
            if clock() >= deadline:
                return NoLease("waited too long for another worker")
            role = await self._flights.wait(key, pause_s)
            pause_s = min(2 * pause_s, LONGEST_FOLLOWER_WAIT_S)
            read = await self._read(terms)

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


def _bypass(reason: str) -> Bypass:
    return Bypass(CacheOutcome(result="bypass", reason=reason))
