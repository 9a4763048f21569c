"""Has a question been answered in other words, within the same scope?

Embed, search, read the nearest entries, verify: all within one budget. Whatever is late or away
makes a miss; nothing is served that the verifier has not accepted.
"""

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from cache.identity.key import Question
from cache.results.lookup_result import IndexedQuestion
from cache.semantic.embedder import Embedder
from cache.semantic.error_bound import (
    ErrorBound,
    decode_error_bound,
    decode_record,
    posterior_score,
    shadow_chance,
)
from cache.semantic.vector_index import VectorIndex
from cache.settings import CachePolicy
from cache.storage.batched_reads import BatchedReads, Unavailable
from cache.storage.circuit_breaker import DependencyBreaker
from cache.storage.entry import CacheEntry
from cache.storage.store import EntryStore, decode_read
from cache.storage.time_limit import within_time_limit
from cache.verification import quantized_embedding as sketches
from cache.verification.accept import GUARD_FACTOR, PairAccepted, accept_pair
from cache.verification.lexical_guard import differences
from cache.verification.quantized_embedding import QuantizedEmbedding, quantize
from cache.verification.tokenizer import tokenize_question
from cache.verification.verifier import EmbeddedText, Verifier
from observability.tracing.semconv import CACHE_COSINES, CACHE_REASON, CACHE_SCORE, Attributes
from observability.tracing.tracer import OpenSpan
from runtime.redis.errors import REDIS_UNAVAILABLE

CANDIDATES: Final = 3
LEAST_COSINE: Final = 0.6
"""Below it lie 1.3 % of the duplicates of the training data: not worth reading and verifying."""


@dataclass(frozen=True, slots=True)
class SemanticMatch:
    """A kept question whose answer serves. shadow: check this hit against the model."""

    entry_name: str
    entry: CacheEntry
    score: float
    is_sampled: bool


@dataclass(frozen=True, slots=True)
class NoMatch:
    """No such question: `reason`. placed: where this one belongs, if it was embedded."""

    reason: str
    indexed: IndexedQuestion | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    name: str
    entry: CacheEntry
    sketch: QuantizedEmbedding
    record: str | None


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A question, and under what terms it may be served.

    age: of the tenant's entries; group: whose promise counts; now_ms: Unix milliseconds.
    """

    question: Question
    policy: CachePolicy
    age: str
    group: str
    now_ms: int


SearchResult: TypeAlias = SemanticMatch | NoMatch


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
    ) -> None:
        self._store = store
        self._reads = reads
        self._index = index
        self._embedder = embedder
        self._verifier = verifier
        self._budget_s = budget_s
        self._patience = DependencyBreaker()
        self._removals: set[asyncio.Task[None]] = set()

    async def search(self, want: SearchRequest, span: OpenSpan) -> SearchResult:
        """The kept question that is surest to share its answer. Never raises for what is away.

        span: gets the steps.
        """
        text = want.question.text
        if text is None or len(text) > want.policy.max_semantic_chars:
            return NoMatch("too long or no text")
        if not self._patience.allows(time.monotonic()):
            return NoMatch("the search failed repeatedly; tried again soon")
        self._patience = self._patience.after_call(time.monotonic())
        placed: list[IndexedQuestion] = []
        try:
            found = await within_time_limit(self._budget_s, self._search(want, placed, span))
        except REDIS_UNAVAILABLE as error:
            self._patience = self._patience.after_failure(time.monotonic())
            return NoMatch(f"search: {type(error).__name__}", placed[0] if placed else None)
        self._patience = self._patience.after_success()
        return found

    async def embed_question(self, question: Question, age: str, span: OpenSpan) -> IndexedQuestion:
        """Where a question lies. May raise OSError. span: gets the step."""
        with span.span("embed"):
            made = await self._embedder.embed(question.text or "")
        drawn = quantize(made.sentence, made.ids, made.tokens, self._verifier.projection)
        space = self._store.key(
            question.tenant, "v", age.partition(".")[0], question.scope, self._embedder.version
        )
        return IndexedQuestion(space, made.sentence, drawn)

    async def add(self, placed: IndexedQuestion, name: str, ttl_s: int) -> None:
        """Makes a kept question findable; if that fails it is just not found."""
        try:
            async with asyncio.timeout(1):
                await self._index.add(placed.space, name, placed.vector, ttl_s)
        except REDIS_UNAVAILABLE:
            return

    async def close(self) -> None:
        """Ends what runs in the background."""
        await asyncio.gather(*self._removals, return_exceptions=True)
        await self._index.close()

    async def _search(
        self, want: SearchRequest, placed: list[IndexedQuestion], span: OpenSpan
    ) -> SearchResult:
        """`placed` gets what is known even if the time is up before the end."""
        here = await self.embed_question(want.question, want.age, span)
        placed.append(here)
        with span.span("search") as searching:
            near = await self._index.nearest(here.space, here.vector, CANDIDATES)
            searching.attributes = {CACHE_COSINES: [one.cosine for one in near]}
        names = [one.entry for one in near if one.cosine >= LEAST_COSINE]
        if not names:
            return NoMatch("no near question in this scope", here)
        with span.span("read candidates"):
            read_back = await self._candidates(want.question.tenant, names, want.group)
        if isinstance(read_back, Unavailable):
            return NoMatch(read_back.reason, here)
        promise, candidates = read_back
        self._forget(here.space, set(names) - {candidate.name for candidate in candidates})
        fresh = [one for one in candidates if want.now_ms < one.entry.fresh_until_ms]
        if promise.is_off or not fresh:
            return NoMatch("switched off: too many wrong hits" if promise.is_off else "gone", here)
        asked = EmbeddedText(want.question.text or "", here.quantized)
        target = promise.target(want.policy.target_false_hits)
        with span.span("verify") as verifying:
            found = await asyncio.to_thread(self._choose, asked, here, fresh, target, want.policy)
            verifying.attributes = _verdict(found)
        return found

    async def _candidates(
        self, tenant: str, names: list[str], group: str
    ) -> tuple[ErrorBound, list[_Candidate]] | Unavailable:
        key = self._store.key
        entries = (key(tenant, "e", name) for name in names)
        records = (key(tenant, "observed", name) for name in names)
        first = (key(tenant, "age"), key(tenant, "promise", group))
        values = await self._reads.get(*first, *entries, *records)
        if isinstance(values, Unavailable):
            return values
        age, promise, *rest = values
        found = []
        for name, value, record in zip(names, rest, rest[len(names) :], strict=False):
            entry = decode_read(age, value).entry
            drawn = sketches.decode_quantized(entry.sketch) if entry and entry.sketch else None
            if entry is not None and entry.text is not None and drawn is not None:
                found.append(_Candidate(name, entry, drawn, _text(record)))
        return decode_error_bound(_text(promise)), found

    def _choose(
        self,
        asked: EmbeddedText,
        here: IndexedQuestion,
        candidates: list[_Candidate],
        target: float,
        policy: CachePolicy,
    ) -> SearchResult:
        """The nearest candidate that is good enough. Runs on a thread."""
        bars = (
            self._verifier.operating_point(target),
            self._verifier.operating_point(target / GUARD_FACTOR),
        )
        refusals = []
        for one in candidates:
            kept, record = EmbeddedText(one.entry.text or "", one.sketch), decode_record(one.record)
            sure = posterior_score(float(self._verifier.score([(asked, kept)])[0]), record)
            verdict = accept_pair(
                sure,
                *bars,
                differences(tokenize_question(asked.text), tokenize_question(kept.text)),
            )
            if isinstance(verdict, PairAccepted):
                shadow = random.random() < shadow_chance(policy.shadow_share, record)
                return SemanticMatch(one.name, one.entry, verdict.score, shadow)
            refusals.append(verdict.reason)
        return NoMatch(refusals[0], here)

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


def _verdict(found: SearchResult) -> Attributes:
    match found:
        case SemanticMatch(score=score):
            return {CACHE_SCORE: score}
        case NoMatch(reason=reason):
            return {CACHE_REASON: reason}
        case _:
            assert_never(found)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
