"""What follows once the caller has an answer: what it teaches, and what checking it has cost."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from cache.results.lookup_result import Refresh, ShadowCheck
from observability.grounding.groundedness import ContextSupport
from observability.tracing.request_trace import RequestTrace
from producers.contract import Attempt, Done
from workers.accounting import reply_and_usage
from workers.accounting.feedback import AnswerRating, feedback_record, rate_answer
from workers.accounting.reply_and_usage import BackgroundCall
from workers.calling.config_snapshot import ConfigSnapshot
from workers.delivery.reply_channel import ReplyChannel
from workers.delivery.work_item import WorkItem
from workers.request.dependencies import PoolDependencies

_log: Final = logging.getLogger(__name__)


@contextmanager
def logged_failures(job: WorkItem) -> Iterator[None]:
    """What fails in here is logged: it must not cost a request its answer, or give it a second."""
    try:
        yield
    except Exception:  # noqa: BLE001 - whatever it is
        _log.exception("request %s: a step beside its reply failed", job.request.id)


@dataclass(frozen=True, slots=True)
class AfterReply:
    """Of one request, whose last step was in this worker."""

    pool: PoolDependencies
    job: WorkItem
    hop: RequestTrace
    world: ConfigSnapshot

    async def judge(self, done: Done, support: ContextSupport | None, *, passed: bool) -> None:
        """What is found out about an answer, once: with a second opinion, if it is in the sample.

        support: by look-up; passed: its validators, if it has any.
        """
        opinion = await self.pool.opinion.seek(self.world, self.job, self.hop, done)
        if opinion.aside is not None:
            await self._account_for(opinion.aside)
        await self._teach(rate_answer(opinion.verdict, support, passed=passed))

    async def refused(self) -> None:
        """No answer of this tier has passed the request's validators."""
        with logged_failures(self.job):
            await self._teach(AnswerRating(good=False, source="validator"))

    async def _teach(self, found: AnswerRating | None) -> None:
        record = None if found is None else feedback_record(self.job, found)
        if record is not None:
            await self.pool.publisher.publish(record)

    async def pay_check(self, attempts: Sequence[Attempt], good: Attempt | None) -> None:
        """What the call cost that the cache asked for. good: the attempt that was answered."""
        if not attempts:
            return
        call = good or attempts[-1]
        aside = BackgroundCall(
            purpose="cache",
            tier=self.job.route.tier,
            call=call,
            entry=self.world.catalog.deployments[call.deployment],
            attempts=tuple(attempts),
        )
        await self._account_for(aside)

    async def follow(self, task: Refresh | ShadowCheck, done: Done) -> None:
        """What the cache makes of the answer to the call that it asked for."""
        right = await self.pool.lookup.take_follow_up(task, done)
        if right is not None:
            self.pool.reporter.checked(right=right)

    async def _account_for(self, aside: BackgroundCall) -> None:
        event = reply_and_usage.background_call_event(
            self.job, aside, self.hop.trace_id, int(time.time() * 1000)
        )
        self.pool.reporter.record(event, exported=self.hop.settle())
        await ReplyChannel(self.pool.publisher, self.job, self.hop).account(event)
