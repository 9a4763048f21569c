"""Settling: one line of a batch's results becomes its request's ending, as a call's answer would.

Validators, reply, usage event at the batch's prices, cache and feedback are those of every request.
"""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from observability.pricing.prices import Priced
from observability.tracing.request_trace import RequestTrace
from observability.tracing.semconv import queue_attributes
from observability.tracing.tracer import QueueWait
from producers.contract import Attempt, Usage
from producers.contract.batch_record import BatchRecord
from runtime.config.eligibility import batch_zone
from workers.accounting.reply_and_usage import BackgroundCall, background_call_event
from workers.accounting.request_accounting import unbooked
from workers.batching.pool.batch_pool import BatchPool, Bought
from workers.batching.pool.group_choice import batch_wire, expected_usage
from workers.batching.pool.returning import return_item, to_its_tier
from workers.batching.wires.batch_status import ItemAnswered, ItemFailed, ItemUndone
from workers.calling.answer_source import Obtained
from workers.calling.fallback_loop import Answered
from workers.checks.answer_checks import AnswerChecks
from workers.delivery.claims import FinalRecords
from workers.delivery.reply_channel import ReplyChannel
from workers.delivery.request_identity import identity_of
from workers.delivery.work_item import WorkItem
from workers.providers.base.call_outcome import CallOutcome, Completion, MalformedResponse
from workers.providers.base.dialect import MALFORMED, Answer
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.token_counts import plausible
from workers.providers.errors.classification import classify_error, error_of_response
from workers.providers.reading_thread import read_aside
from workers.providers.registry import dialect_of
from workers.request.lifecycle import RequestLifecycle

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BatchedItem:
    """A request and the batch that it was in."""

    pool: BatchPool
    record: BatchRecord
    item: WorkItem

    async def settle(self, line: ItemAnswered | ItemFailed | ItemUndone | None) -> str:
        """What came of it, for metrics. line: of the results; None: they don't have it."""
        outcome = "missing"
        if isinstance(line, ItemUndone):
            outcome = "undone"
        elif line is not None:
            outcome = await self._billable(await self._outcome(line))
        if outcome in {"missing", "undone"} and self.record.returned_ms is None:
            word = line.word if isinstance(line, ItemUndone) else "not among the results"
            await self._back(f"its batch didn't answer it: {word}")
        self.pool.metrics.count("switchgear_batch_items_total", self.record.deployment, outcome)
        return outcome

    async def _billable(self, outcome: CallOutcome) -> str:
        """An answer, or a failure, of which either may have been billed."""
        attempt = self._attempt(outcome)
        if self.record.returned_ms is not None:
            await self._book(attempt)
            return "late"
        if not isinstance(outcome, Completion):
            await self._back(f"its batch answered it by a {type(outcome).__name__}", attempt)
            return "failed"
        checks = AnswerChecks(
            self.item.validators, self.pool.snapshot.checks, self.item.deadline_ms
        )
        trace = self._trace()
        problems = await checks.problems(outcome.body, trace)
        if problems:
            attempt = attempt.model_copy(update={"outcome": "inadequate"})
            names = ", ".join(problem.check for problem in problems)
            await self._back(f"its batch's answer failed its checks: {names}", attempt)
            return "inadequate"
        await self._conclude(outcome, attempt, trace)
        return "answered"

    async def _conclude(
        self, completion: Completion, attempt: Attempt, trace: RequestTrace
    ) -> None:
        item = self.item
        obtained = Obtained(
            result=Answered(completion, attempt),
            item=item,
            attempts=(*item.attempts, attempt),
            made=(attempt,),
            tries=1,
        )
        lifecycle = RequestLifecycle(
            self.pool.requests, item, trace, self.pool.snapshot, ended_ms=self._ended_ms
        )
        bought = self._bought(attempt)
        try:
            earlier = await lifecycle.conclude(obtained)
        except Exception:
            await self.pool.settle_budget(item.request, bought)
            raise
        if isinstance(earlier, FinalRecords):
            # a reader of the same results that died had recorded it, and may not have published
            await lifecycle.channel.publish(earlier)
            trace.end({"switchgear.redelivered": True})
        account = earlier.usage if isinstance(earlier, FinalRecords) else None
        if earlier is not None and unbooked((attempt,), account):
            # it has ended otherwise meanwhile: what the batch held for it is given back
            await self.pool.settle_budget(item.request, None)
            await self._book(attempt)
            return
        await self.pool.settle_budget(item.request, bought)

    async def _back(self, reason: str, *attempts: Attempt) -> None:
        step, bought = to_its_tier(self.item, reason), self._bought(*attempts)
        told = await return_item(
            self.pool, self.item, step, time.time(), bought if attempts else None
        )
        if not told:
            for attempt in attempts:
                await self._book(attempt)
        await self.pool.guard.release([identity_of(self.item.request).key], self.record.key)

    def _bought(self, *attempts: Attempt) -> Bought:
        return Bought(self.record.key, attempts)

    async def _book(self, attempt: Attempt) -> None:
        """An answer that came after its request had ended otherwise or gone to its tier.

        Paid, and of no use.
        """
        if attempt.usage is None:
            return
        trace = self._trace()
        call = BackgroundCall(
            purpose="batch",
            tier=self.item.route.tier,
            call=attempt,
            entry=self.pool.snapshot.deployment(attempt.deployment),
            attempts=(attempt,),
        )
        event = background_call_event(self.item, call, trace.trace_id, self._ended_ms())
        await ReplyChannel(self.pool.requests.publisher, self.item, trace).publish_usage(event)
        await self.pool.charge_aside(self.item.request, self._bought(attempt))
        trace.end()

    async def _outcome(self, line: ItemAnswered | ItemFailed) -> CallOutcome:
        """The line as a call's outcome: whatever its shape, a value."""
        deployment = self.pool.snapshot.deployment(self.record.deployment)
        if isinstance(line, ItemFailed):
            report = error_of_response(line.status or 500, line.body, {})
            return classify_error(report, {}, datetime.now(UTC))
        try:
            read = await read_aside(dialect_of(deployment).decode_answer, line.body)
        except MALFORMED as error:
            name = type(error).__name__
            return MalformedResponse(message=f"not an answer of its dialect: {name}", status=200)
        if isinstance(read, ErrorReport):
            return classify_error(read, {}, datetime.now(UTC))
        return self._completion(read) if isinstance(read, Answer) else read

    def _completion(self, answer: Answer) -> Completion:
        wire = batch_wire(self.pool.snapshot, self.record.deployment, self.item.request.body)
        model = self.pool.snapshot.model_of(self.record.deployment)
        usage, estimated = answer.usage, False
        if usage == Usage() or not plausible(usage, model.context_window):
            usage, estimated = expected_usage(self.item), True
        now = datetime.now(UTC)
        head = {"id": self.item.request.id, "model": model.family, "created": int(now.timestamp())}
        return Completion(
            head | answer.body,
            usage,
            answer.finish_reason,
            0.0,
            wire.warnings,
            usage_estimated=estimated,
        )

    def _attempt(self, outcome: CallOutcome) -> Attempt:
        """At the batch's prices."""
        deployment = self.pool.snapshot.deployment(self.record.deployment)
        usage = outcome.usage
        price = None
        if usage is not None:
            price = self.pool.requests.answers.caller.price(deployment, usage, "batch")
        priced = price if isinstance(price, Priced) else None
        since_ms = self.record.submitted_ms or self.record.formed_ms
        ended_ms = self._ended_ms()
        return Attempt(
            deployment=self.record.deployment,
            zone=batch_zone(deployment),
            outcome=_kind(outcome),
            status=None if isinstance(outcome, Completion) else outcome.status,
            duration_ms=max(0, ended_ms - since_ms),
            usage=usage,
            usage_estimated=outcome.usage_estimated,
            cost_micro_usd=None if priced is None else priced.micro_usd,
            price_version=None if priced is None else priced.version,
        )

    def _ended_ms(self) -> int:
        """Of its batch, so that a reader of the same results tells the same account."""
        return self.record.ended_ms or int(time.time() * 1000)

    def _trace(self) -> RequestTrace:
        """The request's own trace goes on here, with a link to its batch's."""
        record, item = self.item.record, self.item
        waited = QueueWait(
            queue=record.partition.topic,
            since_ms=record.timestamp_ms,
            submitted_ms=item.submitted_ms,
            attributes=lambda: {
                **queue_attributes(*record.partition, record.offset),
                "switchgear.batch": self.record.key,
            },
        )
        links = (self.record.trace,) if self.record.trace else ()
        return self.pool.requests.tracer.begin_trace(
            "settle from a batch",
            record.headers,
            tenant=item.request.tenant,
            waited=waited,
            links=links,
        )


def _kind(outcome: CallOutcome) -> str:
    return "ok" if isinstance(outcome, Completion) else type(outcome).__name__
