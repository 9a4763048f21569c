"""Answer acquisition: budget, cancellation and fallback loop. What came of it is one value.

What an answer is worth, what is told of it and to whom is the affair of `accounting`.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Final, assert_never

from observability.tracing.request_trace import RequestTrace
from producers.contract import Attempt
from runtime.budgets.reservations import BudgetLedger, Reservation
from runtime.budgets.standing import Exhausted, OverSoftLimit, WithinBudget
from runtime.config.catalog import Tenant
from workers.calling.attempt_log import AttemptLog
from workers.calling.budget_reservation import budget_reservation
from workers.calling.config_snapshot import ConfigSnapshot
from workers.calling.fallback_loop import Answered, FallbackLoop, LoopResult, wrong_checks
from workers.calling.provider_call import CallContext, ProviderCaller
from workers.checks.answer_checks import AnswerChecks
from workers.delivery.cancellations import Cancellations, RequestCancelled
from workers.delivery.chunk_stream import ChunkPublisher
from workers.delivery.work_item import WorkItem, in_tier
from workers.health.admission import DeploymentAdmission
from workers.planning.next_step import Delay, GiveUp, Reroute
from workers.planning.request_state import PlanRules

_log: Final = logging.getLogger(__name__)
_CANCELLED: Final = GiveUp("cancelled", "the caller cancelled the request", retryable=False)
_NOT_IN_CACHE: Final = GiveUp(
    "not_in_cache", "only-if-cached was asked for, and no cached answer fits", retryable=False
)


@dataclass(frozen=True, slots=True)
class Crashed:
    """A bug ended it; what was called until then is paid for all the same."""

    error: Exception


@dataclass(frozen=True, slots=True, kw_only=True)
class Obtained:
    """What came of a request in this worker, with all that was called for it."""

    result: LoopResult | Crashed
    item: WorkItem
    """The request as it ended: one that must stay in its turn may have changed its tier."""
    attempts: tuple[Attempt, ...]
    """Of all workers; those of this one are `made`."""
    made: tuple[Attempt, ...]
    tries: int
    """Calls in the item's tier, here and before a delay."""
    warnings: tuple[str, ...] = ()
    inadequate: tuple[WorkItem, ...] = ()
    """The request in each tier that gave it answers, none of which passed its checks."""

    @classmethod
    def nothing(cls, item: WorkItem, why: GiveUp) -> "Obtained":
        """Of a request for which this worker called nobody."""
        return cls(result=why, item=item, attempts=item.attempts, made=(), tries=0)


@dataclass(frozen=True, slots=True)
class AnswerSource:
    """Gets answers from the deployments, for all requests of a process."""

    caller: ProviderCaller
    admission: DeploymentAdmission
    budgets: BudgetLedger
    cancellations: Cancellations
    rules: PlanRules
    unserved: Callable[[], Mapping[str, str]] = dict
    """By queue: why nobody would take a request from there."""

    async def obtain(
        self,
        item: WorkItem,
        snapshot: ConfigSnapshot,
        trace: RequestTrace,
        begun: float,
        chunks: ChunkPublisher | None,
    ) -> Obtained:
        """begun: of the worker with the request, monotonic seconds; chunks: if it is streamed."""
        log = AttemptLog(item.attempts, item.attempts_here)
        context = CallContext(item, snapshot, trace, log, begun, chunks)
        try:
            return await self._obtain(context)
        except Exception as error:  # noqa: BLE001 - whatever it is, the calls before it have a bill
            return _obtained(Crashed(error), context)

    async def _obtain(self, context: CallContext) -> Obtained:
        item, chunks = context.item, context.chunks
        loop, inadequate = self._loop(context), list[WorkItem]()
        result: LoopResult
        async with self._reservation(loop) as held:
            if item.request.routing.cache.mode == "only-if-cached":
                mistake = await loop.checks.mistake()
                result = _NOT_IN_CACHE if mistake is None else wrong_checks(mistake)
            elif isinstance(held, Exhausted):
                result = GiveUp("budget_exceeded", held.why, retryable=False)
            else:
                try:
                    with self.cancellations.stopping(item.request.tenant, item.request.id):
                        result = await loop.run(held.status)
                        while item.ordered and isinstance(result, Reroute | Delay):
                            if loop.inadequate:
                                inadequate.append(context.item)
                            context = await _stay(context, result)
                            loop = self._loop(context)
                            result = await loop.run(held.status)
                        if loop.inadequate and not isinstance(result, Answered):
                            inadequate.append(context.item)
                except RequestCancelled:
                    result = _CANCELLED
                finally:
                    if chunks is not None:
                        await chunks.flush()
        over = held.status if isinstance(held, Reservation) else None
        warnings = (over.why,) if isinstance(over, OverSoftLimit) else ()
        return _obtained(result, context, warnings, tuple(inadequate))

    async def obtain_unasked(
        self, item: WorkItem, snapshot: ConfigSnapshot, trace: RequestTrace, begun: float
    ) -> Obtained | None:
        """For the cache: no caller waits for it, or could cancel it. None: the budget is spent."""
        log = AttemptLog(item.attempts, item.attempts_here)
        context = CallContext(item, snapshot, trace, log, begun)
        try:
            loop = self._loop(context)
            async with self._reservation(loop) as held:
                if isinstance(held, Exhausted):
                    return None
                return _obtained(await loop.run(WithinBudget()), context)
        except Exception as error:  # noqa: BLE001 - as in `obtain`
            _log.exception("request %s: the call for the cache failed", item.request.id)
            return _obtained(Crashed(error), context)

    def _loop(self, context: CallContext) -> FallbackLoop:
        item = context.item
        checks = AnswerChecks(item.validators, context.snapshot.checks, item.deadline_ms)
        return FallbackLoop(
            self.caller, self.admission, self.rules, context, checks, self.unserved()
        )

    def _reservation(
        self, loop: FallbackLoop
    ) -> AbstractAsyncContextManager[Reservation | Exhausted]:
        context = loop.context
        catalog = context.snapshot.catalog
        tenant = catalog.tenant(context.item.request.tenant) or Tenant()
        estimate = loop.estimate if tenant.has_budget else None
        return budget_reservation(self.budgets, context.item, catalog, estimate, context.log)


async def _stay(context: CallContext, step: Reroute | Delay) -> CallContext:
    """A request that must be answered in its turn waits, and changes the tier, in place."""
    item, log = context.item, context.log
    match step:
        case Delay(seconds=seconds):
            await asyncio.sleep(seconds)
            item = replace(item, attempts_here=log.tries)
        case Reroute(tier=tier, reason=reason):
            context.trace.force_sampling("escalated")
            log.change_tier()
            item = in_tier(item, tier, reason, context.snapshot.catalog)
        case _:
            assert_never(step)
    return replace(context, item=item)


def _obtained(
    result: LoopResult | Crashed,
    context: CallContext,
    warnings: tuple[str, ...] = (),
    inadequate: tuple[WorkItem, ...] = (),
) -> Obtained:
    """From here on nothing is called: what the log holds is what there is."""
    return Obtained(
        result=result,
        item=context.item,
        attempts=context.log.all,
        made=context.log.made,
        tries=context.log.tries,
        warnings=warnings,
        inadequate=inadequate,
    )
