"""After the reply: what an answer teaches, and the accounts of calls that no caller asked for."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from cache.results.lookup_result import Refresh, ShadowCheck
from observability.grounding.groundedness import ContextSupport
from observability.tracing.request_trace import RequestTrace
from producers.contract import Attempt, Done
from workers.accounting.feedback import AnswerRating, feedback_record, rate_answer
from workers.accounting.llm_judge import JudgeResult
from workers.accounting.reply_and_usage import BackgroundCall, background_call_event
from workers.calling.answer_source import Obtained
from workers.calling.config_snapshot import ConfigSnapshot
from workers.calling.fallback_loop import Answered
from workers.delivery.reply_channel import ReplyChannel
from workers.delivery.work_item import WorkItem
from workers.request.dependencies import PoolDependencies

_log: Final = logging.getLogger(__name__)


class LoggedFailures:
    """What fails in here is logged: it must not cost a request its answer, or give it a second."""

    __slots__ = ("_item",)

    def __init__(self, item: WorkItem) -> None:
        self._item = item

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        request = self._item.request.id
        _log.error("request %s: a step beside its reply failed", request, exc_info=error)
        return True


@dataclass(frozen=True, slots=True)
class AfterReply:
    """Of one request, whose last step was in this worker."""

    pool: PoolDependencies
    item: WorkItem
    trace: RequestTrace
    snapshot: ConfigSnapshot

    async def judge(self, done: Done, support: ContextSupport | None, *, passed: bool) -> None:
        """What is found out about an answer, once: by the LLM judge, if it is in the sample.

        support: by look-up; passed: its validators, if it has any.
        """
        judged = JudgeResult()
        if self.pool.judge.samples(self.snapshot, self.item):
            with self.pool.tracer.follow_up_trace(self.trace, "second opinion") as trace:
                judged = await self.pool.judge.judge(self.snapshot, self.item, trace, done)
                if judged.call is not None:
                    await self._account_for(judged.call, trace)
        rating = rate_answer(judged.verdict, support, passed=passed)
        if rating is not None:
            await self._teach(rating, done.route.model)

    async def teach_inadequate(self, made: Sequence[Attempt]) -> None:
        """No answer of this tier has passed the request's validators. made: all its calls here."""
        with LoggedFailures(self.item):
            rating = AnswerRating(good=False, source="validator")
            await self._teach(rating, self._inadequate_model(made))

    def _inadequate_model(self, made: Sequence[Attempt]) -> str | None:
        """Whose answers in this tier failed the checks; None when they are several models'."""
        of_tier = self.snapshot.catalog.tiers[self.item.route.tier].deployments
        models = {
            self.snapshot.deployment(attempt.deployment).model
            for attempt in made
            if attempt.outcome == "inadequate" and attempt.deployment in of_tier
        }
        return models.pop() if len(models) == 1 else None

    async def _teach(self, rating: AnswerRating, model: str | None) -> None:
        record = feedback_record(self.item, rating, model)
        if record is not None:
            await self.pool.publisher.publish(record)

    async def account_for_check(self, obtained: Obtained) -> None:
        """What the call cost that the cache asked for."""
        if not obtained.made:
            return
        result = obtained.result
        call = result.attempt if isinstance(result, Answered) else obtained.made[-1]
        background = BackgroundCall(
            purpose="cache",
            tier=self.item.route.tier,
            call=call,
            entry=self.snapshot.deployment(call.deployment),
            attempts=obtained.made,
        )
        await self._account_for(background, self.trace)

    async def finish_follow_up(self, task: Refresh | ShadowCheck, done: Done) -> None:
        """What the cache makes of the answer to the call that it asked for."""
        right = await self.pool.lookup.take_follow_up(task, done)
        if right is not None:
            self.pool.reporter.checked(right=right)

    async def _account_for(self, call: BackgroundCall, trace: RequestTrace) -> None:
        now_ms = int(time.time() * 1000)
        event = background_call_event(self.item, call, trace.trace_id, now_ms)
        self.pool.reporter.report_usage(event, exported=trace.decide_export())
        await ReplyChannel(self.pool.publisher, self.item, trace).publish_usage(event)
