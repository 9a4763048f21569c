"""Request lifecycle: from the cache over an answer to the reply, in this worker."""

import asyncio
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import assert_never

from cache.results.lookup_result import (
    AnswerCheck,
    Bypass,
    Hit,
    LookupResult,
    Miss,
    Refresh,
    ShadowCheck,
)
from observability.grounding.groundedness import ContextSupport
from observability.tracing.request_trace import OpenSpan, RequestTrace
from observability.tracing.semconv import done_attributes
from producers.contract import CacheOutcome, Done, Failed, codec
from runtime import limits
from runtime.process.dead_letters import bury
from workers.accounting.grounding import support_of
from workers.accounting.reply_and_usage import NOT_CACHED
from workers.accounting.request_accounting import FinalMessages, RequestAccounting
from workers.calling.answer_source import Crashed, Obtained
from workers.calling.config_snapshot import ConfigSnapshot
from workers.calling.fallback_loop import Answered
from workers.calling.span_attributes import lookup_attributes
from workers.checks.answer_checks import AnswerChecks
from workers.delivery.cancellations import RequestCancelled
from workers.delivery.chunk_stream import ChunkPublisher
from workers.delivery.claims import Claim, Claimed, Conflict, FinalRecords, Recorded, Unguarded
from workers.delivery.reply_channel import ReplyChannel, reply_refusal
from workers.delivery.request_identity import Identity, identity_of
from workers.delivery.work_item import WorkItem, kept_only
from workers.planning.next_step import Delay, GiveUp, Reroute
from workers.request.after_reply import AfterReply, LoggedFailures
from workers.request.dependencies import PoolDependencies
from workers.request.requeue import RequeueProgress, requeue_record
from workers.request.separate_bill import SeparateBill, broken_by


@dataclass(slots=True)
class RequestLifecycle:
    """One request in the hands of this worker."""

    pool: PoolDependencies
    item: WorkItem
    trace: RequestTrace
    snapshot: ConfigSnapshot
    begun_ms: float = field(default_factory=lambda: time.time() * 1000)
    begun: float = field(default_factory=time.monotonic)
    cache: CacheOutcome = NOT_CACHED
    awaited: Miss | None = None
    """The question whose answer others in the fleet may be waiting for."""
    ended_ms: Callable[[], float] = lambda: time.time() * 1000
    """When its answer was ready: told again, its account has the same time."""
    booked: bool = False
    """Whether the calls are on their way to the ledger, or to the next worker."""

    @property
    def identity(self) -> Identity:
        """Which request it is, and when it was sent."""
        return identity_of(self.item.request, self.item.submitted_ms)

    @property
    def channel(self) -> ReplyChannel:
        """The way back to the caller."""
        return ReplyChannel(self.pool.publisher, self.item, self.trace)

    async def run(self) -> None:
        """Returns when the reply, or the record that hands the request over, is with Kafka."""
        item = self.item
        try:
            cached = await self._look_up()
            if isinstance(cached, Hit):
                if await self._serve_hit(cached) and cached.follow_up is not None:
                    with LoggedFailures(item):
                        await self._follow_up(cached.follow_up)
                return
            await self._serve(await self._claim())
        except Exception as error:
            if not self.booked and item.attempts:  # what workers before this one called
                await self.book_earlier_calls(broken_by(error))
            raise
        finally:
            await self._abandon()

    async def book_earlier_calls(self, why: GiveUp) -> None:
        """The account of what earlier workers called, for a request that isn't served here."""
        await self._book(Obtained.nothing(self.item, why), why)

    async def settle_without_call(self) -> bool:
        """Whether it has its ending without a call: by the cache, or by an earlier delivery.

        For a request that is to wait: nobody else waits for its answer meanwhile.
        """
        try:
            cached = await self._look_up()
        finally:
            await self._abandon()
        if isinstance(cached, Hit):
            await self._serve_hit(cached)
            return True
        claim = await self._claim()
        if isinstance(claim, Recorded | Conflict):
            await self._serve(claim)
            return True
        await self.pool.idempotency.release(claim)
        return False

    async def conclude(self, obtained: Obtained) -> FinalRecords | Conflict | None:
        """As `run`, of an answer that was bought elsewhere. What came before it, if anything did.

        The cache keeps it, and isn't asked: it is paid for.
        """
        claim = await self._claim()
        if isinstance(claim, Recorded):
            return claim.ending
        if isinstance(claim, Conflict):
            await self._serve(claim)
            return claim
        try:
            self.awaited = await self._place_in_cache()
            async with self.pool.idempotency.holding(claim):
                await self._conclude(claim, obtained)
        finally:
            await self._abandon()
        return None

    async def _claim(self) -> Claim:
        return await self.pool.idempotency.claim(self.identity, self.item.record.inherited_s)

    async def _abandon(self) -> None:
        miss, self.awaited = self.awaited, None
        if miss is not None:
            await self.pool.lookup.abandon(miss)

    async def _place_in_cache(self) -> Miss | None:
        """Where the answer would be kept."""
        item, request, now_ms = self.item, kept_only(self.item.request), int(self.begun_ms)
        with self.trace.span("cache lookup") as span:
            result = await self.pool.lookup.find(request, item.route, now_ms, span)
        self.cache = result.outcome
        return result if isinstance(result, Miss) else None

    async def _serve(self, claim: Claim) -> None:
        item, topic = self.item, self.item.record.partition.topic
        match claim:
            case Conflict() as conflict:
                await self._bill.book_earlier(item, conflict)
                await self._publish(conflict)
            case Recorded(ending):
                await self._bill.book_earlier(item, ending)
                await self._publish(ending)
                self.pool.reporter.replayed(topic)
                self.trace.end({"switchgear.redelivered": True})
            case Claimed(lapsed=workers) if workers > limits.LAPSED_CLAIMS.value:
                await self._bury(claim)
            case Claimed() | Unguarded():
                if claim.again:
                    self.pool.reporter.taken_over(topic)
                async with self.pool.idempotency.holding(claim):
                    obtained = await self.pool.answers.obtain(
                        item, self.snapshot, self.trace, self.begun, self._chunks()
                    )
                    await self._conclude(claim, obtained)
            case other:
                assert_never(other)

    def _chunks(self) -> ChunkPublisher | None:
        """An answer that must pass checks is streamed when it has passed, so not from here."""
        item = self.item
        wanted = item.streams and not item.validators
        return self.channel.chunks(int(self.begun_ms)) if wanted else None

    async def _look_up(self) -> LookupResult:
        begun = time.monotonic()
        with self.trace.span("cache lookup") as span:
            result = await self._search(span)
            shown = self.item if self.trace.content else None
            span.attributes = lambda: lookup_attributes(result, shown)
        self.cache = result.outcome
        self.pool.reporter.looked_up(result.outcome.result, time.monotonic() - begun)
        if isinstance(result, Miss):
            self.awaited = result
        elif isinstance(result, Hit) and result.follow_up is not None:
            self.awaited = result.follow_up.miss
        return result

    async def _search(self, span: OpenSpan) -> LookupResult:
        """A look may wait for another worker's answer: until the deadline or a cancellation."""
        item, left_s = self.item, self.item.left_s(self.begun_ms)
        try:
            with self.pool.cancellations.stopping(item.request.tenant, item.request.id):
                async with nullcontext() if left_s is None else asyncio.timeout(left_s):
                    return await self.pool.lookup.find(
                        item.request, item.route, int(self.begun_ms), span, self._hit_check()
                    )
        except (RequestCancelled, TimeoutError):
            return Bypass(CacheOutcome(result="bypass", reason="cancelled or out of time"))

    def _hit_check(self) -> AnswerCheck | None:
        """A hit is an answer: it passes the checks that any answer to this request must pass."""
        item = self.item
        if not item.validators:
            return None
        checks = AnswerChecks(item.validators, self.snapshot.checks, item.deadline_ms)
        return lambda body: checks.refusal(body, self.trace)

    async def _serve_hit(self, hit: Hit) -> bool:
        """Whether the request had no ending before."""
        messages = self._accounting().hit(self.item, hit, time.time() * 1000)
        ours = self._final_records(messages)
        first = await self.pool.idempotency.store_unclaimed(self.identity, ours)
        if first != ours:
            await self._bill.book_earlier(self.item, first)
        if self.item.streams and first == ours:
            await self.channel.replay(hit.body, int(self.begun_ms))
        if await self._publish(first):
            self.trace.end(lambda: done_attributes(messages.reply))
        return first == ours

    async def _follow_up(self, task: Refresh | ShadowCheck) -> None:
        """The call that the cache asked for, to renew or to check what it served."""
        with self.pool.tracer.follow_up_trace(self.trace, "follow up") as trace:
            obtained = await self.pool.answers.obtain_unasked(
                self.item, self.snapshot, trace, self.begun
            )
        if obtained is None:
            return
        after = AfterReply(self.pool, self.item, trace, self.snapshot)
        await after.account_for_check(obtained)
        if isinstance(obtained.result, Answered):
            self.awaited = None
            now_ms = time.time() * 1000
            done = self._accounting().unasked(obtained, obtained.result, now_ms)
            await after.finish_follow_up(task, done)

    async def _conclude(self, claim: Claimed | Unguarded, obtained: Obtained) -> None:
        """What was called is booked, whatever breaks on the way to the reply."""
        try:
            await self._end(claim, obtained)
        except Exception as error:
            if not self.booked and obtained.made:
                await self._book(obtained, broken_by(error))
            raise

    async def _book(self, obtained: Obtained, why: GiveUp) -> None:
        """The account of a request that broke its worker; its sender is told by the handler."""
        self.booked = True
        await self._bill.book(obtained, why)

    async def _end(self, claim: Claimed | Unguarded, obtained: Obtained) -> None:
        for item in obtained.inadequate:
            await AfterReply(self.pool, item, self.trace, self.snapshot).teach_inadequate(
                obtained.made
            )
        match obtained.result:
            case Answered() as answer:
                await self._answer(claim, obtained, answer)
            case GiveUp() as failure:
                await self._give_up(claim, obtained, failure)
            case (Reroute() | Delay()) as step:
                await self._hand_over(claim, obtained, step)
            case Crashed(error=error):
                raise error
            case other:
                assert_never(other)

    async def _give_up(
        self, claim: Claimed | Unguarded, obtained: Obtained, failure: GiveUp
    ) -> None:
        accounting = self._accounting(redelivered=claim.again)
        messages = accounting.failed(obtained, failure, self.ended_ms())
        if may_run_again := failure.retryable and claim.identity.submitted_ms > 0:
            messages = messages.of_earlier_run(str(obtained.item.submitted_ms))
        records = replace(self._final_records(messages), retryable=may_run_again)
        if await self._publish(await self._record(claim, obtained, records)):
            self.trace.end(error=failure.code)

    async def _answer(
        self, claim: Claimed | Unguarded, obtained: Obtained, answer: Answered
    ) -> None:
        item, body = obtained.item, answer.completion.body
        support: ContextSupport | None = None
        with LoggedFailures(item):
            support = await support_of(item.request.body, body)
        accounting = self._accounting(redelivered=claim.again)
        messages = accounting.answered(obtained, answer, support, self.ended_ms())
        reply = codec.encode(messages.reply)
        large = reply_refusal(reply)
        if large is not None:
            # before it lies in Redis for an hour, and breaks the publisher
            await self._give_up(claim, obtained, GiveUp("answer_too_large", large, retryable=False))
            return
        records = FinalRecords(reply, codec.encode(messages.event), self.trace.traceparent)
        self._report(messages)
        if item.streams and item.validators:
            await self.channel.replay(body, int(self.begun_ms))
        keeping = asyncio.create_task(self._keep(messages.reply))  # leaves with the record
        try:
            is_told = await self._publish(await self._record(claim, obtained, records))
        except asyncio.CancelledError:
            keeping.cancel()  # who is ended waits for nothing
            raise
        if is_told:
            self.trace.end(lambda: done_attributes(messages.reply))
        await keeping
        if not is_told:
            return
        with LoggedFailures(item):
            after = AfterReply(self.pool, item, self.trace, self.snapshot)
            await after.judge(messages.reply, support, passed=bool(item.validators))

    async def _keep(self, done: Done) -> None:
        miss, self.awaited = self.awaited, None
        if miss is not None:
            await self.pool.lookup.store_answer(miss, done)

    async def _record(
        self, claim: Claimed | Unguarded, obtained: Obtained, ours: FinalRecords
    ) -> FinalRecords | Conflict:
        """The ending to publish. Where another worker was first, these calls were paid too."""
        first = await self.pool.idempotency.store_final(claim, ours)
        if first != ours:
            await self._bill.book_outrun(obtained, first)
        return first

    async def _hand_over(self, claim: Claim, obtained: Obtained, step: Reroute | Delay) -> None:
        item, order = obtained.item, list(self.snapshot.catalog.tiers)
        tier = item.route.tier
        match step:
            case Reroute(tier=to):
                self.trace.force_sampling("escalated")
                direction = "up" if order.index(to) > order.index(tier) else "down"
                self.pool.reporter.rerouted(tier, to, direction)
            case Delay():
                self.pool.reporter.delayed(tier)
            case other:
                assert_never(other)
        progress = RequeueProgress(obtained.attempts, obtained.tries, int(time.time() * 1000))
        record = requeue_record(item, step, progress, self.trace.headers(), self.snapshot.catalog)
        await self.pool.publisher.publish(record)
        self.booked = True
        await self.pool.idempotency.release(claim)
        self.trace.end({"switchgear.handover": step.reason})

    async def _bury(self, claim: Claimed) -> None:
        """One more try would pay for one more call, and end one more worker."""
        item = self.item
        message = f"the request broke its worker {claim.lapsed} times"
        failure = GiveUp("internal_error", message, retryable=False)
        nothing = Obtained.nothing(item, failure)
        messages = self._accounting(redelivered=True).failed(nothing, failure, time.time() * 1000)
        messages = messages.of_earlier_calls(item)
        await bury(self.pool.publisher, item.record, failure.code, message)
        await self.channel.publish(self._final_records(messages))
        # an operator who has mended the cause may send it again
        await self.pool.idempotency.forget(claim)
        self.trace.end(error=failure.code)

    async def _publish(self, first: FinalRecords | Conflict) -> bool:
        """Whether the request has its ending; if not, it is told that its id is taken."""
        if isinstance(first, FinalRecords):
            self.booked = True
            await self.channel.publish(first)
            return True
        self.trace.end(error=await self.channel.refuse(self.trace.trace_id))
        return False

    @property
    def _bill(self) -> SeparateBill:
        return SeparateBill(self.channel, self._accounting(), self._report)

    def _accounting(self, *, redelivered: bool = False) -> RequestAccounting:
        return RequestAccounting(
            snapshot=self.snapshot,
            price_of=self.pool.price_of,
            trace_id=self.trace.trace_id,
            begun_ms=self.begun_ms,
            cache=self.cache,
            redelivered=redelivered,
        )

    def _final_records(self, messages: FinalMessages[Done] | FinalMessages[Failed]) -> FinalRecords:
        reply, event = codec.encode(messages.reply), codec.encode(messages.event)
        records = FinalRecords(reply, event, self.trace.traceparent)
        self._report(messages)
        return records

    def _report(self, messages: FinalMessages[Done] | FinalMessages[Failed]) -> None:
        reply = messages.reply
        with LoggedFailures(self.item):
            exported = self.trace.decide_export(reply.code if isinstance(reply, Failed) else None)
            self.pool.reporter.report_usage(messages.event, exported=exported)
