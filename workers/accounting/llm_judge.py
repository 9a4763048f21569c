"""LLM judge: a model of the cheapest tier says whether an answer's context supports it.

Asked for the tenant's share of the answers that have a context, after the reply is out, within what
the request's data may see and the tenant may spend.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeAlias

from observability.evaluation.data_sets.request_sample import EVALUATION_TAG
from observability.grounding.groundedness import (
    GroundednessVerdict,
    context_of,
    is_judged,
    judge_prompt,
    read_verdict,
)
from observability.metrics.registry import MetricsRegistry
from observability.tracing.request_trace import RequestTrace
from producers.contract import Attempt, ChatBody, Done, Judgement, answer_text
from runtime.budgets.reservations import BudgetLedger
from runtime.budgets.standing import Exhausted, OverSoftLimit
from runtime.config.catalog import Catalog, Tenant
from runtime.config.eligibility import fitting_deployments
from workers.accounting.reply_and_usage import BackgroundCall
from workers.calling.attempt_log import AttemptLog
from workers.calling.budget_reservation import budget_reservation
from workers.calling.config_snapshot import ConfigSnapshot
from workers.calling.provider_call import CallContext, ProviderCaller
from workers.delivery.work_item import WorkItem
from workers.health.gate import NotNow
from workers.planning.next_step import CallTarget
from workers.providers.base.call_outcome import Completion

_log: Final = logging.getLogger(__name__)
_LONGEST_ANSWER: Final = 300
"""Tokens: a list of the claims that lack support."""

AskModel: TypeAlias = Callable[[list[dict[str, str]]], Awaitable[str | None]]
"""Sends messages to an economy-tier model; its text, or None when there is no answer."""


@dataclass(frozen=True, slots=True)
class GroundednessJudge:
    """Who asks, and where the verdicts are counted."""

    ask: AskModel
    metrics: MetricsRegistry

    async def judge(self, model: str, context: str, answer: str) -> GroundednessVerdict | None:
        """None when the judge gave nothing that can be read. model: that gave the answer."""
        reply = await self.ask(judge_prompt(context, answer))
        verdict = None if reply is None else read_verdict(reply, answer)
        if verdict is not None:
            label = "supported" if verdict.supported else "unsupported"
            self.metrics.count("switchgear_groundedness_checks_total", model, "judge", label)
        return verdict


@dataclass(frozen=True, slots=True)
class JudgeResult:
    """What the judge said, and what asking has cost."""

    verdict: GroundednessVerdict | None = None
    call: BackgroundCall | None = None
    """None when nobody was called."""


@dataclass(frozen=True, slots=True)
class LlmJudge:
    """Who judges, and by what means."""

    metrics: MetricsRegistry
    caller: ProviderCaller
    budgets: BudgetLedger

    def samples(self, snapshot: ConfigSnapshot, item: WorkItem) -> bool:
        """Whether this request's answer is one of those to be judged; an evaluation has its own."""
        if EVALUATION_TAG in item.request.routing.tags:
            return False
        share = _tenant(snapshot, item).judge_share
        return share > 0 and is_judged(item.request.id, share)

    async def judge(
        self, snapshot: ConfigSnapshot, item: WorkItem, trace: RequestTrace, done: Done
    ) -> JudgeResult:
        """Says nothing when the answer has no context, or can't be judged."""
        model, answer = done.route.model, answer_text(done.body)
        if model is None or answer is None:
            return JudgeResult()
        context = context_of(item.request.body.messages)
        if context is None:
            return JudgeResult()
        tier, log = next(iter(snapshot.catalog.tiers)), AttemptLog()
        ask = partial(self._ask, CallContext(item, snapshot, trace, log, time.monotonic()), model)
        verdict: GroundednessVerdict | None = None
        try:
            verdict = await GroundednessJudge(ask, self.metrics).judge(model, context, answer)
        except Exception:  # noqa: BLE001 - the call has a bill, whatever its answer broke
            _log.exception("request %s: its judge failed", item.request.id)
        judged = None if verdict is None else Judgement(model=model, supported=verdict.supported)
        return JudgeResult(verdict, _background_call(snapshot, tier, log.made, judged))

    async def _ask(
        self, context: CallContext, answered_by: str, messages: list[dict[str, str]]
    ) -> str | None:
        """None when nobody may be asked, the tenant's money is short, or the call fails."""
        snapshot, judged = context.snapshot, context.item
        catalog = snapshot.catalog
        tier, rules = next(iter(catalog.tiers.items()))
        name = _whom(catalog, tier, judged, answered_by)
        if name is None:
            return None
        item = _question(judged, messages)
        asking = replace(context, item=item)
        cost = self.caller.expected_costs(asking, (name,))[name]
        async with budget_reservation(self.budgets, item, catalog, cost, context.log) as held:
            if isinstance(held, Exhausted) or isinstance(held.status, OverSoftLimit):
                return None
            step = CallTarget(name, rules.timeout_s, first_token_s=rules.first_token_timeout_s)
            ended = await self.caller.call(asking, step, item.request.body)
        if isinstance(ended, NotNow) or not isinstance(ended.outcome, Completion):
            return None
        return answer_text(ended.outcome.body)


def _whom(catalog: Catalog, tier: str, item: WorkItem, answered_by: str) -> str | None:
    """Another model than the one that answered, where there is one: no model judges itself."""
    demands = item.route.demands.model_copy(update={"needs": (), "model": None, "deployment": None})
    fitting, deployments = fitting_deployments(catalog, tier, demands), catalog.deployments
    return min(fitting, key=lambda name: deployments[name].model == answered_by, default=None)


def _question(item: WorkItem, messages: list[dict[str, str]]) -> WorkItem:
    """The question to the judge, in the place of the request whose answer is judged."""
    options = {"messages": messages, "temperature": 0, "max_tokens": _LONGEST_ANSWER}
    body = ChatBody.model_validate(options)
    changes = {"id": f"{item.request.id}:judge", "body": body}
    return replace(item, request=item.request.model_copy(update=changes))


def _background_call(
    snapshot: ConfigSnapshot, tier: str, attempts: tuple[Attempt, ...], judged: Judgement | None
) -> BackgroundCall | None:
    if not attempts:
        return None
    call = attempts[-1]
    return BackgroundCall(
        purpose="judge",
        tier=tier,
        call=call,
        entry=snapshot.deployment(call.deployment),
        attempts=attempts,
        judged=judged,
    )


def _tenant(snapshot: ConfigSnapshot, item: WorkItem) -> Tenant:
    return snapshot.catalog.tenant(item.request.tenant) or Tenant()
