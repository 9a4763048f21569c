"""Semantic search: embed, find the nearest entries, verify. Was it asked in other words already?

All within one budget and one scope. Whatever is late or away makes a miss; nothing is served that
the verifier has not accepted.
"""

import asyncio
import random
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias, assert_never

from cache.cross_encoder.pair_classifier import (
    IN_ENGLISH,
    language_of_both,
    objections_to_reading,
)
from cache.identity.key import Question
from cache.identity.terms import LookupTerms
from cache.promise.error_bound import ErrorBound
from cache.promise.observations import decode_record, posterior_score, sample_chance, shadow_chance
from cache.results.lookup_result import HitSample, IndexedQuestion
from cache.semantic.candidates import CandidateQuestion, are_short, is_short, read_candidates
from cache.semantic.embedder import Embedder
from cache.semantic.pair_reader import PairReader
from cache.semantic.vector_index import VectorIndex
from cache.storage.batched_reads import BatchedReads, Unavailable
from cache.storage.circuit_breaker import DEPENDENCY_RULES
from cache.storage.entry import CacheEntry
from cache.storage.store import EntryStore
from cache.storage.time_limit import within_time_limit
from cache.verification.accept import (
    GUARD_FACTOR,
    PairAccepted,
    PairRefused,
    PairVerdict,
    accept_pair,
    take_apart,
    with_form,
)
from cache.verification.detail_guard import objections
from cache.verification.lexical_guard import Difference
from cache.verification.quantized_embedding import quantize
from cache.verification.verifier import EmbeddedText, Verifier
from observability.tracing.semconv import CACHE_COSINES, CACHE_REASON, CACHE_SCORE, Attributes
from observability.tracing.tracer import OpenSpan
from runtime.circuit_breaker.breaker import CircuitBreaker
from runtime.circuit_breaker.rules import CallFailure, Succeeded
from runtime.circuit_breaker.state_machine import BreakerRefused
from runtime.redis.errors import REDIS_UNAVAILABLE, is_junk_in_a_key

CANDIDATES: Final = 3
INDEX_WRITE_S: Final = 1.0
GONE: Final = "gone"
LEAST_COSINE: Final = 0.6
"""Below it lie 1.3 % of the duplicates of the training data: not worth reading and verifying."""
LEAST_COSINE_ELSEWHERE: Final = 0.5
"""In other languages than English, for whose vectors same questions lie further apart."""


@dataclass(frozen=True, slots=True)
class SemanticMatch:
    """A stored question whose answer serves."""

    entry_name: str
    entry: CacheEntry
    score: float
    is_sampled: bool
    """Whether this hit, or would-be hit, is to be compared with the model's answer."""
    is_closed: bool
    """Whether the step is closed: then nothing is served."""
    indexed: IndexedQuestion
    """Where this question belongs in the index."""


@dataclass(frozen=True, slots=True)
class NoMatch:
    """No such question."""

    reason: str | None
    """None: it was not searched for."""
    indexed: IndexedQuestion | None = None
    """Where this question belongs in the index, if it was embedded."""
    trial: HitSample | None = None
    """What a closed step would have served, if that is to be compared with the new answer."""


SearchResult: TypeAlias = SemanticMatch | NoMatch


@dataclass(frozen=True, slots=True)
class _InDoubt:
    """No candidate is sure enough; of one the pair encoder may be."""

    candidate: CandidateQuestion
    there: EmbeddedText
    differences: tuple[Difference, ...]
    certainty: float
    reason: str
    """Why nothing is served so far."""
    here: IndexedQuestion


@dataclass(frozen=True, slots=True)
class _Search:
    """One search: what is asked, the tenant's version, the step's bound, who gets the spans."""

    terms: LookupTerms
    version: str
    bound: ErrorBound
    span: OpenSpan


class SemanticSearch:
    """The semantic step of the lookup."""

    def __init__(  # noqa: PLR0913 - the parts it is made of
        self,
        store: EntryStore,
        reads: BatchedReads,
        index: VectorIndex,
        embedder: Embedder,
        verifier: Verifier,
        *,
        budget_s: float,
        pairs: PairReader | None = None,
    ) -> None:
        """pairs: reads what the verifier leaves in doubt, beyond the budget. None: it decides."""
        self._store = store
        self._reads = reads
        self._index = index
        self._embedder = embedder
        self._verifier = verifier
        self._point = lru_cache(maxsize=1024)(verifier.operating_point)
        self._budget_s = budget_s
        self._pairs = pairs
        self._breaker = CircuitBreaker(DEPENDENCY_RULES)
        self._removals: set[asyncio.Task[None]] = set()

    async def search(
        self, terms: LookupTerms, version: str, bound: ErrorBound, span: OpenSpan
    ) -> SearchResult:
        """The stored question that is surest to share its answer. Never raises for what is away.

        version: the tenant's, `epoch.generation`. bound: of this step for such questions. span:
        gets the steps.
        """
        if not _is_searchable(terms):
            return NoMatch("too long or no text")
        permit = self._breaker.admit(time.monotonic())
        if isinstance(permit, BreakerRefused):
            return NoMatch("the search failed repeatedly; tried again soon")
        # filled by the search as soon as the text is embedded: when the time is up later on, the
        # answer can be indexed all the same
        indexed: list[IndexedQuestion] = []
        asked = _Search(terms, version, bound, span)
        try:
            result = await within_time_limit(self._budget_s, self._search(asked, indexed))
        except REDIS_UNAVAILABLE as error:
            signal = Succeeded() if is_junk_in_a_key(error) else CallFailure()
            self._breaker.report(permit, signal, time.monotonic())
            return NoMatch(f"search: {type(error).__name__}", indexed[0] if indexed else None)
        self._breaker.report(permit, Succeeded(), time.monotonic())
        return await self._read_together(asked, result) if isinstance(result, _InDoubt) else result

    async def locate(
        self, terms: LookupTerms, version: str, span: OpenSpan
    ) -> IndexedQuestion | None:
        """Where a question belongs in the index. None: it can't be embedded now, or never."""
        if not _is_searchable(terms):
            return None
        try:
            return await self._embed(terms.question, version, span)
        except REDIS_UNAVAILABLE:
            return None

    async def add(self, indexed: IndexedQuestion, name: str, ttl_s: int) -> None:
        """Makes a stored question findable; if that fails it is just not found."""
        try:
            async with asyncio.timeout(INDEX_WRITE_S):
                await self._index.add(indexed.space, name, indexed.vector, ttl_s)
        except REDIS_UNAVAILABLE:
            return

    async def close(self) -> None:
        """Ends what runs in the background."""
        await asyncio.gather(*self._removals, return_exceptions=True)
        if self._pairs is not None:
            self._pairs.close()
        await self._index.close()

    async def _embed(self, question: Question, version: str, span: OpenSpan) -> IndexedQuestion:
        """Raises OSError when the embedder is away."""
        with span.span("embed"):
            embedding = await self._embedder.embed(question.text or "")
        quantized = quantize(
            embedding.sentence, embedding.ids, embedding.tokens, self._verifier.projection
        )
        epoch = version.partition(".")[0]
        space = self._store.key(question.tenant, "v", epoch, question.scope, self._embedder.version)
        return IndexedQuestion(space, embedding.sentence, quantized)

    async def _search(
        self, asked: _Search, indexed: list[IndexedQuestion]
    ) -> SearchResult | _InDoubt:
        terms, span = asked.terms, asked.span
        here = await self._embed(terms.question, asked.version, span)
        indexed.append(here)
        with span.span("search") as searching:
            nearest = await self._index.nearest(here.space, here.vector, CANDIDATES)
            searching.attributes = {CACHE_COSINES: [near.cosine for near in nearest]}
        # its own slot was looked at before: what lies there doesn't serve
        own, least = terms.question.entry, least_cosine(terms.language)
        near = [near for near in nearest if near.cosine >= least and near.entry != own]
        names = [candidate.entry for candidate in near]
        if not names:
            return NoMatch("no near question in this scope", here)
        if is_short(terms.question.text or ""):
            # in the turn after next: in the next one the command leaves, then Redis is waited for
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, take_apart, terms.question.text or "")
        with span.span("read candidates"):
            read = await self._candidates(terms, names)
        if isinstance(read, Unavailable):
            return NoMatch(read.reason, here)
        candidates, there = read
        self._forget(here.space, set(names) - there)
        fresh = [entry for entry in candidates if terms.now_ms < entry.entry.fresh_until_ms]
        if not fresh:
            return NoMatch(GONE, here)
        with span.span("verify") as verifying:
            if are_short(terms.question.text or "", fresh):
                result = self._choose(asked, here, fresh)
            else:  # milliseconds of Python: in between the event loop serves others
                result = await asyncio.to_thread(self._choose, asked, here, fresh)
            verifying.attributes = _verdict_attributes(result)
        return result

    async def _read_together(self, asked: _Search, doubt: _InDoubt) -> SearchResult:
        """What the pair encoder makes of the pair that is in doubt; no verdict, no match."""
        with asked.span.span("read together") as reading:
            text = EmbeddedText(asked.terms.question.text or "", doubt.here.quantized)
            language, score = _language(asked, doubt.candidate), None
            if self._pairs is not None:
                score = await self._pairs.score(text, doubt.there, doubt.certainty, language)
            result: SearchResult = NoMatch(doubt.reason, doubt.here)
            if score is not None:
                objects = objections_to_reading(doubt.differences, language)
                verdict = self._verdict(asked, doubt.candidate, score, objects)
                result = self._result(asked, doubt.candidate, verdict, doubt.here)
            reading.attributes = _verdict_attributes(result)
        return result

    async def _candidates(
        self, terms: LookupTerms, names: list[str]
    ) -> tuple[list[CandidateQuestion], set[str]] | Unavailable:
        """The entries that can be compared, and the names of all that are there."""
        key, tenant = self._store.key, terms.question.tenant
        entries = (key(tenant, "e", name) for name in names)
        records = (key(tenant, "observed", name) for name in names)
        first = key(tenant, "age"), key(tenant, "never", terms.question.exact)
        values = await self._reads.get(*first, *entries, *records)
        if isinstance(values, Unavailable):
            return values
        version, never, *rest = values
        return read_candidates(names, version, never, rest)

    def _choose(
        self, asked: _Search, here: IndexedQuestion, candidates: list[CandidateQuestion]
    ) -> SearchResult | _InDoubt:
        """The nearest candidate that is good enough, or may be. May run on a thread."""
        text = EmbeddedText(asked.terms.question.text or "", here.quantized)
        refusals, doubts = list[str](), list[_InDoubt]()
        for candidate in candidates:
            there = candidate.embedded()
            if there is None:
                continue
            verified = float(self._verifier.score([(text, there)])[0])
            differences = objections(text.text, there.text)
            certainty, differences = with_form(verified, text.text, there.text, differences)
            verdict = self._verdict(asked, candidate, certainty, differences)
            language = _language(asked, candidate)
            if self._leaves_doubt(certainty, text, there, differences, language):
                doubts.append(
                    _InDoubt(candidate, there, differences, certainty, verdict.reason, here)
                )
            elif isinstance(verdict, PairAccepted):
                return self._result(asked, candidate, verdict, here)
            refusals.append(verdict.reason)
        return doubts[0] if doubts else NoMatch(refusals[0] if refusals else GONE, here)

    def _leaves_doubt(
        self,
        certainty: float,
        a: EmbeddedText,
        b: EmbeddedText,
        objects: tuple[Difference, ...],
        language: str | None,
    ) -> bool:
        pairs = self._pairs
        if pairs is None or pairs.is_missing:
            return False
        return pairs.classifier.leaves_doubt(certainty, a.text, b.text, objects, language)

    def _verdict(
        self,
        asked: _Search,
        candidate: CandidateQuestion,
        certainty: float,
        objects: tuple[Difference, ...],
    ) -> PairVerdict:
        target = asked.bound.target(asked.terms.policy.target_false_hits)
        bar, guard_bar = self._point(target), self._point(target / GUARD_FACTOR)
        score = posterior_score(certainty, decode_record(candidate.record))
        return accept_pair(score, bar, guard_bar, objects)

    def _result(
        self,
        asked: _Search,
        candidate: CandidateQuestion,
        verdict: PairVerdict,
        here: IndexedQuestion,
    ) -> SearchResult:
        match verdict:
            case PairRefused(reason=reason):
                return NoMatch(reason, here)
            case PairAccepted(score=score):
                share, is_closed = asked.terms.policy.shadow_share, asked.bound.is_closed
                chance = shadow_chance(share, decode_record(candidate.record))
                if is_closed:
                    chance = sample_chance(share, "closed")
                return SemanticMatch(
                    candidate.name,
                    candidate.entry,
                    score,
                    is_sampled=random.random() < chance,
                    is_closed=is_closed,
                    indexed=here,
                )
            case _:
                assert_never(verdict)

    def _forget(self, space: str, gone: set[str]) -> None:
        if gone:
            task = asyncio.create_task(self._remove(space, gone))
            self._removals.add(task)
            task.add_done_callback(self._removals.discard)

    async def _remove(self, space: str, gone: set[str]) -> None:
        try:
            await self._index.remove(space, gone)
        except REDIS_UNAVAILABLE:
            return  # it is found and missed again, until it is removed


def least_cosine(language: str | None) -> float:
    """Of two questions' vectors, so that they are compared. language: of the one that is asked."""
    return LEAST_COSINE if language == IN_ENGLISH else LEAST_COSINE_ELSEWHERE


def _language(asked: _Search, candidate: CandidateQuestion) -> str | None:
    return language_of_both(asked.terms.language, candidate.entry.language)


def _is_searchable(terms: LookupTerms) -> bool:
    text = terms.question.text
    return text is not None and len(text) <= terms.policy.max_semantic_chars


def _verdict_attributes(result: SearchResult | _InDoubt) -> Attributes:
    match result:
        case _InDoubt(certainty=score):
            return {CACHE_SCORE: score}
        case SemanticMatch(score=score):
            return {CACHE_SCORE: score}
        case NoMatch(reason=reason):
            return {CACHE_REASON: reason or ""}
        case _:
            assert_never(result)
