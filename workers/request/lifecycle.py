"""What happens to one request in this worker, from the cache to its reply?"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import assert_never

from cache.results.lookup_result import Bypass, Hit, LookupResult, Miss
from observability.tracing.request_trace import OpenSpan, RequestTrace
from observability.tracing.semconv import done_attributes
from producers.contract import Attempt, CacheOutcome, Done, Failed, Timings, Validator, codec
from runtime.budgets.reservations import Reservation
from runtime.budgets.standing import BudgetStatus, Exhausted, OverSoftLimit, WithinBudget
from runtime.config.catalog import Tenant
from workers.accounting import reply_and_usage
from workers.accounting.budget_reservation import budget_reservation
from workers.accounting.grounding import support_of
from workers.accounting.reply_and_usage import RequestAccount
from workers.accounting.savings import SavingsEstimate, savings_of_call, savings_of_hit
from workers.calling.answer_checks import AnswerChecks
from workers.calling.config_snapshot import ConfigSnapshot
from workers.calling.fallback_loop import Answered, Pursuit, Result
from workers.calling.provider_call import Calls
from workers.calling.span_attributes import lookup_attributes
from workers.delivery.cancellations import RequestCancelled
from workers.delivery.chunk_stream import ChunkPublisher
from workers.delivery.idempotency import Claim, Claimed, Conflict, FinalRecords, Recorded, Unguarded
from workers.delivery.reply_channel import ReplyChannel
from workers.delivery.request_identity import identity_of
from workers.delivery.work_item import WorkItem
from workers.planning import next_step
from workers.request.after_reply import AfterReply, logged_failures
from workers.request.dependencies import PoolDependencies
from workers.request.requeue import RequeueProgress, requeue_record, rerouted

_CANCELLED = next_step.GiveUp("cancelled", "the caller cancelled the request", retryable=False)
_WITHIN = WithinBudget()
_NOT_IN_CACHE = next_step.GiveUp(
    "not_in_cache", "only-if-cached was asked for, and no cached answer fits", retryable=False
)


@dataclass(slots=True)
class RequestLifecycle:
    """One request in the hands of this worker."""

    pool: PoolDependencies
    job: WorkItem
    hop: RequestTrace
    world: ConfigSnapshot
    begun_ms: float = field(default_factory=lambda: time.time() * 1000)
    begun: float = field(default_factory=time.monotonic)
    attempts: list[Attempt] = field(default_factory=list)
    cache: CacheOutcome = reply_and_usage.NOT_CACHED
    first_token_ms: float | None = None
    warnings: tuple[str, ...] = ()
    redelivered: bool = False
    awaited: Miss | None = None
    """The question whose answer others in the fleet may be waiting for."""

    @property
    def channel(self) -> ReplyChannel:
        """The way back to the caller."""
        return ReplyChannel(self.pool.publisher, self.job, self.hop)

    @property
    def _afterwards(self) -> AfterReply:
        return AfterReply(self.pool, self.job, self.hop, self.world)

    async def run(self) -> None:
        """Returns when the reply, or the record that hands the request over, is with Kafka."""
        self.attempts.extend(self.job.attempts)
        try:
            found = await self._find()
            if isinstance(found, Hit):
                await self._serve_hit(found)
                with logged_failures(self.job):
                    await self._follow_up(found)
            else:
                await self._serve()
        finally:
            if self.awaited is not None:
                await self.pool.lookup.abandon(self.awaited)

    async def _serve(self) -> None:
        match await self.pool.once.claim(identity_of(self.job.request)):
            case Conflict() as conflict:
                await self._publish(conflict)
            case Recorded(ending):
                await self._publish(ending)
                self.pool.reporter.replayed(self.job.record.partition.topic)
                self.hop.end({"switchgear.redelivered": True})
            case Claimed() | Unguarded() as claim:
                self._note_redelivery(claim)
                async with self.pool.once.holding(claim):
                    await self._end(claim, await self._within_budget())

    def _note_redelivery(self, claim: Claimed | Unguarded) -> None:
        if isinstance(claim, Claimed) and claim.again:
            self.redelivered = True
            self.pool.reporter.taken_over(self.job.record.partition.topic)

    async def _publish(self, first: FinalRecords | Conflict) -> bool:
        """Whether the request has its ending; if not, it is told that its id is taken."""
        if isinstance(first, FinalRecords):
            await self.channel.publish(first)
            return True
        self.hop.end(error=await self.channel.refuse(self.hop.trace_id))
        return False

    async def _find(self) -> LookupResult:
        begun = time.monotonic()
        with self.hop.span("cache lookup") as span:
            found = await self._look(span)
            span.attributes = lambda: lookup_attributes(
                found, self.job if self.hop.content else None
            )
        self.cache = found.outcome
        self.pool.reporter.looked_up(found.outcome.result, time.monotonic() - begun)
        if isinstance(found, Miss):
            self.awaited = found
        elif isinstance(found, Hit) and found.follow_up is not None:
            self.awaited = found.follow_up.miss
        return found

    async def _look(self, span: OpenSpan) -> LookupResult:
        """A look may wait for another worker's answer: until the deadline or a cancellation."""
        job, left_s, now_ms = self.job, self.job.left_s(self.begun_ms), int(self.begun_ms)
        try:
            with self.pool.cancellations.stopping(job.request.id):
                async with asyncio.timeout(left_s):
                    return await self.pool.lookup.find(job.request, job.route, now_ms, span)
        except (RequestCancelled, TimeoutError):
            return Bypass(CacheOutcome(result="bypass", reason="cancelled or out of time"))

    async def _serve_hit(self, hit: Hit) -> None:
        tenant, avoided = self.job.request.tenant, hit.outcome.saved_micro_usd
        price_of = self.pool.means.price_of
        worth = savings_of_hit(self.world.catalog, tenant, hit.usage, avoided, price_of)
        facts = self._facts(worth)
        done = reply_and_usage.cached_reply(self.job, hit.body, facts)
        ours = self._ending(done, facts)
        first = await self.pool.once.settle(identity_of(self.job.request), ours)
        if self.job.request.body.stream and first == ours:
            await self.channel.replay(hit.body, int(self.begun_ms))
        if await self._publish(first):
            self.hop.end(lambda: done_attributes(done))

    async def _follow_up(self, hit: Hit) -> None:
        """The call that the cache asked for, to renew or to check what it served."""
        if hit.follow_up is None:
            return
        before = len(self.attempts)
        with self.pool.tracer.aside(self.hop, "follow up") as self.hop:
            async with self._allowance() as held:
                if isinstance(held, Exhausted):
                    return
                result = await self._pursuit(None).run()
        good = result.attempt if isinstance(result, Answered) else None
        await self._afterwards.pay_check(self.attempts[before:], good)
        if isinstance(result, Answered):
            self.awaited = None
            await self._afterwards.follow(hit.follow_up, self._done(result)[0])

    def _allowance(self) -> AbstractAsyncContextManager[Reservation | Exhausted]:
        tenant = self.world.catalog.tenant(self.job.request.tenant) or Tenant()
        estimate = self._pursuit(None).estimate if tenant.has_budget else None
        return budget_reservation(self.pool.budgets, self.job, tenant, estimate, self.attempts)

    async def _within_budget(self) -> Result:
        async with self._allowance() as held:
            if isinstance(held, Exhausted):
                return next_step.GiveUp("budget_exceeded", held.why, retryable=False)
            if isinstance(held.standing, OverSoftLimit):
                self.warnings = (held.standing.why,)
            return await self._pursue(held.standing)

    async def _pursue(self, standing: BudgetStatus) -> Result:
        if self.job.request.routing.cache.mode == "only-if-cached":
            return _NOT_IN_CACHE
        pump = self.channel.pump(int(self.begun_ms)) if self._streams else None
        try:
            with self.pool.cancellations.stopping(self.job.request.id):
                result = await self._run(pump, standing)
                while self.job.ordered and isinstance(result, next_step.Reroute | next_step.Delay):
                    await self._stay(result)
                    result = await self._run(pump, standing)
        except RequestCancelled:
            return _CANCELLED
        finally:
            if pump is not None:
                await pump.flush()
        return result

    async def _run(self, pump: ChunkPublisher | None, standing: BudgetStatus) -> Result:
        pursuit = self._pursuit(pump, standing)
        result = await pursuit.run()
        if pursuit.inadequate and not isinstance(result, Answered):
            await self._afterwards.refused()
        return result

    @property
    def _validators(self) -> Sequence[Validator]:
        """The request's own checks, else those of its task."""
        return self.job.request.routing.validators or self.job.route.validators

    @property
    def _streams(self) -> bool:
        """An answer that must pass checks is streamed when it has passed, so not from here."""
        return self.job.request.body.stream and not self._validators

    def _pursuit(self, pump: ChunkPublisher | None, standing: BudgetStatus = _WITHIN) -> Pursuit:
        world, means = self.world, self.pool.means
        calls = Calls(self.job, world, means, self.hop, pump, self.attempts, self.begun)
        checks = AnswerChecks(self._validators, world.checks)
        return Pursuit(calls, self.job.route.tier, checks, standing, self.pool.rules)

    async def _stay(self, step: next_step.Reroute | next_step.Delay) -> None:
        """A request that must be answered in its turn waits, and changes the tier, in place."""
        match step:
            case next_step.Delay(seconds=seconds):
                self.job = replace(self.job, attempts_here=self._tries())
                await asyncio.sleep(seconds)
            case next_step.Reroute():
                self.hop.keep("escalated")
                self.job = rerouted(self.job, step, self.world.catalog)
            case _:
                assert_never(step)
        self.job = replace(self.job, attempts=tuple(self.attempts))

    def _tries(self) -> int:
        """Calls made in this tier so far, here and before a delay."""
        return self.job.attempts_here + len(self.attempts) - len(self.job.attempts)

    async def _end(self, claim: Claimed | Unguarded, result: Result) -> None:
        match result:
            case Answered():
                await self._answer(claim, result)
            case next_step.GiveUp():
                await self._fail(claim, result)
            case next_step.Reroute() | next_step.Delay():
                await self._hand_over(claim, result)
            case _:
                assert_never(result)

    async def _answer(self, claim: Claimed | Unguarded, result: Answered) -> None:
        done, facts = self._done(result)
        facts = replace(facts, support=await support_of(self.job.request.body, done.body))
        if self.job.request.body.stream and not self._streams:
            await self.channel.replay(done.body, int(self.begun_ms))
        if not await self._publish(await self.pool.once.record(claim, self._ending(done, facts))):
            return
        self.hop.end(lambda: done_attributes(done))
        if self.awaited is not None:
            miss, self.awaited = self.awaited, None
            await self.pool.lookup.store_answer(miss, done)
        with (
            logged_failures(self.job),
            self.pool.tracer.aside(self.hop, "second opinion") as self.hop,
        ):
            await self._afterwards.judge(done, facts.support, passed=bool(self._validators))

    def _done(self, result: Answered) -> tuple[Done, RequestAccount]:
        completion, good = result.completion, result.attempt
        first_ms = good.started_ms + completion.first_token_s * 1000
        self.first_token_ms = self.begun_ms + first_ms - self.job.submitted_ms
        others = [attempt for attempt in self.attempts if attempt is not good]
        tenant, price_of = self.job.request.tenant, self.pool.means.price_of
        worth = savings_of_call(self.world.catalog, tenant, good, others, price_of)
        facts = self._facts(worth, good.deployment)
        return reply_and_usage.done_reply(self.job, completion, facts), facts

    async def _fail(self, claim: Claimed | Unguarded, step: next_step.GiveUp) -> None:
        facts = self._facts(SavingsEstimate())
        failed = reply_and_usage.failed_reply(
            self.job, step.code, step.message, facts, retryable=step.retryable
        )
        if not await self._publish(await self.pool.once.record(claim, self._ending(failed, facts))):
            return
        self.hop.end(error=step.code)

    async def _hand_over(self, claim: Claim, step: next_step.Reroute | next_step.Delay) -> None:
        self._tell(step)
        progress = RequeueProgress(tuple(self.attempts), self._tries(), int(time.time() * 1000))
        record = requeue_record(self.job, step, progress, self.hop.headers(), self.world.catalog)
        await self.pool.publisher.publish(record)
        await self.pool.once.release(claim)
        self.hop.end({"switchgear.handover": step.reason})

    def _tell(self, step: next_step.Reroute | next_step.Delay) -> None:
        tier, order = self.job.route.tier, list(self.world.catalog.tiers)
        match step:
            case next_step.Reroute(tier=to):
                self.hop.keep("escalated")
                direction = "up" if order.index(to) > order.index(tier) else "down"
                self.pool.reporter.rerouted(tier, to, direction)
            case next_step.Delay():
                self.pool.reporter.delayed(tier)

    def _facts(self, worth: SavingsEstimate, deployment: str | None = None) -> RequestAccount:
        now_ms = time.time() * 1000
        return RequestAccount(
            tier=self.job.route.tier,
            trace_id=self.hop.trace_id,
            timings=Timings(
                queued_ms=self.begun_ms - self.job.submitted_ms,
                first_token_ms=self.first_token_ms,
                total_ms=now_ms - self.job.submitted_ms,
            ),
            attempts=tuple(self.attempts),
            cache=self.cache,
            deployment=deployment,
            catalog_entry=self.world.catalog.deployments.get(deployment or ""),
            worth=worth,
            warnings=self.warnings,
            redelivered=self.redelivered,
        )

    def _ending(self, reply: Done | Failed, facts: RequestAccount) -> FinalRecords:
        event = reply_and_usage.usage_event(self.job, reply, facts, int(time.time() * 1000))
        exported = self.hop.settle(reply.code if isinstance(reply, Failed) else None)
        self.pool.reporter.record(event, exported=exported)
        return FinalRecords(codec.encode(reply), codec.encode(event), self.hop.traceparent)
