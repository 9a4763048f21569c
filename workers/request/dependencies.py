"""Pool dependencies: what the workers of one tier share in this process, and their seams."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from cache.results.lookup_result import AnswerCheck, LookupResult, Miss, Refresh, ShadowCheck
from observability.tracing.tracer import OpenSpan, Tracer
from producers.contract import Done, Request, Route, UsageEvent
from producers.contract.invalidation import Invalidation
from producers.kafka.broker import Publisher
from runtime.config.pricing import PriceOf
from runtime.identity.record_guard import RecordGuard
from runtime.process.reply_topics import PartitionsOf
from workers.accounting.llm_judge import LlmJudge
from workers.calling.answer_source import AnswerSource
from workers.calling.config_snapshot import ConfigSnapshot
from workers.delivery.cancellations import Cancellations
from workers.delivery.claims import Claim, Claimed, Conflict, FinalRecords, Unguarded
from workers.delivery.request_identity import Identity


class AnswerCache(Protocol):
    """The cache (`cache.lookup.CacheLookup`)."""

    async def find(
        self,
        request: Request,
        route: Route,
        now_ms: int,
        span: OpenSpan,
        check: AnswerCheck | None = None,
    ) -> LookupResult:
        """What there is for a request. now_ms: Unix milliseconds. Never raises.

        span: of the trace, gets the look's steps. check: a stored answer must pass it.
        """
        ...

    async def store_answer(self, miss: Miss, done: Done) -> None:
        """Keeps the answer for the next asker. Never raises."""
        ...

    async def abandon(self, miss: Miss) -> None:
        """There will be no answer. Never raises."""
        ...

    async def take_follow_up(self, task: Refresh | ShadowCheck, done: Done) -> bool | None:
        """Takes the answer to the call that a hit asked for. Never raises.

        Whether the hit was right, where that was the question and can be told.
        """
        ...

    async def invalidate(self, what: Invalidation) -> int:
        """How many answers are gone. Raises REDIS_UNAVAILABLE."""
        ...


class RequestClaims(Protocol):
    """Who has which request (`idempotency.IdempotencyRecords`)."""

    async def claim(self, identity: Identity, inherited_s: float | None = None) -> Claim:
        """Returns once the request is ours, answered, another one, or can't be guarded.

        inherited_s: of its record.
        """
        ...

    def holding(self, claim: Claim) -> AbstractAsyncContextManager[None]:
        """The claim is ours as long as the context lasts and this process lives."""
        ...

    async def store_final(
        self, claim: Claimed | Unguarded, ending: FinalRecords
    ) -> FinalRecords | Conflict:
        """The ending to publish: ours, or the one that was recorded first."""
        ...

    async def store_unclaimed(
        self, identity: Identity, ending: FinalRecords
    ) -> FinalRecords | Conflict:
        """As `store_final`, for an answer that cost nothing and so needed no claim."""
        ...

    async def release(self, claim: Claim) -> None:
        """The request goes elsewhere unanswered."""
        ...

    async def forget(self, claim: Claimed) -> None:
        """As `release`; nothing counts against the request any more."""
        ...


class RequestReporter(Protocol):
    """Hears what happens to requests, for metrics and the log. Must not raise."""

    def began(self, topic: str, waited_s: float) -> None:
        """A record is in work after it has lain in `topic`."""
        ...

    def looked_up(self, result: str, took_s: float) -> None:
        """The cache has answered."""
        ...

    def checked(self, *, right: bool) -> None:
        """A hit was held against a fresh answer."""
        ...

    def replayed(self, topic: str) -> None:
        """A record came again, and got the recorded reply."""
        ...

    def taken_over(self, topic: str) -> None:
        """A record came again whose worker had died over it."""
        ...

    def rerouted(self, tier: str, to: str, direction: str) -> None:
        """A request goes on in another tier: `up` or `down`."""
        ...

    def delayed(self, tier: str) -> None:
        """A request waits on a retry topic."""
        ...

    def report_usage(self, event: UsageEvent, *, exported: bool) -> None:
        """exported: the request's trace is. Must not raise."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDependencies:
    """One tier's workers in this process."""

    tier: str
    snapshot: Callable[[], ConfigSnapshot]
    """The configuration in force, asked anew for every request."""
    answers: AnswerSource
    price_of: PriceOf
    lookup: AnswerCache
    idempotency: RequestClaims
    cancellations: Cancellations
    publisher: Publisher
    tracer: Tracer
    judge: LlmJudge
    reporter: RequestReporter
    guard: RecordGuard
    """Whether a record was written by one of our processes."""
    partitions_of: PartitionsOf
    """Of a reply topic."""
    zone: str | None = None
    """Of the cell that these workers belong to."""
