"""Request accounting: what was obtained for a request becomes its reply and its usage event.

It calls nobody and publishes nothing: `now_ms` is Unix milliseconds, money micro-dollars.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Generic, TypeVar

from cache.results.lookup_result import Hit
from observability.grounding.groundedness import ContextSupport
from producers.contract import Attempt, CacheOutcome, Done, Failed, Timings, UsageEvent, codec
from producers.contract.codec import DecodeError
from runtime.config.pricing import PriceOf
from workers.accounting.reply_and_usage import (
    RequestAccount,
    cached_reply,
    done_reply,
    failed_reply,
    usage_event,
)
from workers.accounting.savings import SavingsEstimate, savings_of_call, savings_of_hit
from workers.calling.answer_source import Obtained
from workers.calling.config_snapshot import ConfigSnapshot
from workers.calling.fallback_loop import Answered
from workers.delivery.work_item import WorkItem
from workers.planning.next_step import GiveUp

_R = TypeVar("_R", Done, Failed)
_WEEK_MS: Final = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class FinalMessages(Generic[_R]):
    """What a request ends with: for its caller, and for the ledger."""

    reply: _R
    event: UsageEvent

    def of_broken_run(self, run: str) -> "FinalMessages[_R]":
        """With an event of its own: an operator may replay the request, and that run costs too."""
        return self._as_event(id=f"{self.event.id}:broke-{run}")

    def of_earlier_calls(self, item: WorkItem) -> "FinalMessages[_R]":
        """As a broken run's, named after its calls: told again it is the same account."""
        calls = repr([_call_of(attempt) for attempt in self.event.attempts])
        name = blake2b(calls.encode(), digest_size=6).hexdigest()
        return self._as_event(id=f"{self.event.id}:broke-{name}", at_ms=_sent_ms(item))

    def of_earlier_run(self, run: str) -> "FinalMessages[_R]":
        """With an event of its own: the request may run again under its id, and be answered."""
        return self._as_event(id=f"{self.event.id}:run-{run}")

    def _as_event(self, **changes: str | int) -> "FinalMessages[_R]":
        return FinalMessages(self.reply, self.event.model_copy(update=changes))


def _sent_ms(item: WorkItem) -> int:
    """When it was sent, which is the same on every copy of its record.

    That is its sender's word: one that is far from when its record was written isn't believed, or
    its bill would lie in another year.
    """
    written_ms = item.record.timestamp_ms
    return item.submitted_ms if abs(written_ms - item.submitted_ms) < _WEEK_MS else written_ms


def unbooked(attempts: Sequence[Attempt], usage: bytes | None) -> tuple[Attempt, ...]:
    """Those of `attempts` that an encoded usage event doesn't bill; None: there is no event.

    One that can't be read bills nothing: the ledger can't read it either.
    """
    if not attempts or usage is None:
        return tuple(attempts)
    try:
        billed = {_call_of(attempt) for attempt in codec.decode_usage(usage).attempts}
    except DecodeError:
        return tuple(attempts)
    return tuple(attempt for attempt in attempts if _call_of(attempt) not in billed)


def _call_of(attempt: Attempt) -> tuple[str, float, float]:
    """What tells a request's calls apart."""
    return attempt.deployment, attempt.started_ms, attempt.duration_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAccounting:
    """The account of one request in this worker."""

    snapshot: ConfigSnapshot
    price_of: PriceOf
    trace_id: str
    begun_ms: float
    """When the worker began with the request."""
    cache: CacheOutcome
    redelivered: bool = False
    """Whether a dead worker had begun with the request before."""

    def answered(
        self, obtained: Obtained, answer: Answered, support: ContextSupport | None, now_ms: float
    ) -> FinalMessages[Done]:
        """An answer from a provider. support: by the request's context, if it has one."""
        account = self._with_call(obtained, answer, support, now_ms)
        done = done_reply(obtained.item, answer.completion, account)
        return FinalMessages(done, usage_event(obtained.item, done, account, int(now_ms)))

    def unasked(self, obtained: Obtained, answer: Answered, now_ms: float) -> Done:
        """An answer that the cache asked for: it is nobody's reply, and has an event of its own."""
        account = self._with_call(obtained, answer, None, now_ms)
        return done_reply(obtained.item, answer.completion, account)

    def _with_call(
        self, obtained: Obtained, answer: Answered, support: ContextSupport | None, now_ms: float
    ) -> RequestAccount:
        item, good = obtained.item, answer.attempt
        others = [attempt for attempt in obtained.attempts if attempt is not good]
        tenant = item.request.tenant
        worth = savings_of_call(self.snapshot.catalog, tenant, good, others, self.price_of)
        first_ms = good.started_ms + answer.completion.first_token_s * 1000
        return RequestAccount(
            trace_id=self.trace_id,
            timings=self._timings(item, now_ms, self.begun_ms + first_ms),
            attempts=obtained.attempts,
            cache=self.cache,
            deployment=good.deployment,
            catalog_entry=self.snapshot.deployment(good.deployment),
            worth=worth,
            warnings=obtained.warnings,
            support=support,
            redelivered=self.redelivered,
        )

    def failed(self, obtained: Obtained, failure: GiveUp, now_ms: float) -> FinalMessages[Failed]:
        """No answer; what was called in vain is accounted for."""
        item = obtained.item
        account = self._without_call(item, obtained.attempts, SavingsEstimate(), now_ms)
        failed = failed_reply(
            item, failure.code, failure.message, account, retryable=failure.retryable
        )
        return FinalMessages(failed, usage_event(item, failed, account, int(now_ms)))

    def hit(self, item: WorkItem, hit: Hit, now_ms: float) -> FinalMessages[Done]:
        """An answer from the cache."""
        tenant, avoided = item.request.tenant, hit.outcome.saved_micro_usd
        worth = savings_of_hit(self.snapshot.catalog, tenant, hit.usage, avoided, self.price_of)
        account = self._without_call(item, item.attempts, worth, now_ms)
        done = cached_reply(item, hit.body, account)
        return FinalMessages(done, usage_event(item, done, account, int(now_ms)))

    def _without_call(
        self,
        item: WorkItem,
        attempts: tuple[Attempt, ...],
        worth: SavingsEstimate,
        now_ms: float,
    ) -> RequestAccount:
        return RequestAccount(
            trace_id=self.trace_id,
            timings=self._timings(item, now_ms, None),
            attempts=attempts,
            cache=self.cache,
            worth=worth,
            redelivered=self.redelivered,
        )

    def _timings(self, item: WorkItem, now_ms: float, first_token_ms: float | None) -> Timings:
        """first_token_ms: Unix milliseconds, of the answer's first token."""
        submitted_ms = item.submitted_ms
        return Timings(
            queued_ms=self.begun_ms - submitted_ms,
            first_token_ms=None if first_token_ms is None else first_token_ms - submitted_ms,
            total_ms=now_ms - submitted_ms,
        )
