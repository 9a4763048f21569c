"""Does a model of the cheapest tier find that an answer's context supports it?

Asked for the tenant's share of the answers that have a context, after the reply is out, within what
the request's data may see and the tenant may spend.
"""

import time
from dataclasses import dataclass, replace
from typing import Final

from observability.grounding.groundedness import GroundednessVerdict, context_of, is_judged
from observability.metrics.registry import MetricsRegistry
from observability.tracing.request_trace import RequestTrace
from producers.contract import Attempt, ChatBody, Done, Judgement, answer_text
from runtime.budgets.reservations import BudgetLedger
from runtime.budgets.standing import Exhausted, OverSoftLimit
from runtime.config.catalog import Tenant
from runtime.config.eligibility import fitting_deployments
from workers.accounting.budget_reservation import budget_reservation
from workers.accounting.judge_prompt import GroundednessJudge
from workers.accounting.reply_and_usage import BackgroundCall
from workers.calling.config_snapshot import ConfigSnapshot
from workers.calling.provider_call import CallDependencies, Calls
from workers.delivery.work_item import WorkItem
from workers.health.gate import NotNow
from workers.providers.base.call_outcome import Completion

_LONGEST_ANSWER: Final = 300
"""Tokens: a list of the claims that lack support."""


@dataclass(frozen=True, slots=True)
class JudgeResult:
    """verdict: None when there is none; aside: the account of the call, if one was made."""

    verdict: GroundednessVerdict | None = None
    aside: BackgroundCall | None = None


@dataclass(frozen=True, slots=True)
class LlmJudge:
    """Who judges, and by what means."""

    metrics: MetricsRegistry
    means: CallDependencies
    budgets: BudgetLedger

    async def seek(
        self, world: ConfigSnapshot, job: WorkItem, hop: RequestTrace, done: Done
    ) -> JudgeResult:
        """Says nothing when the answer has no context, wasn't sampled, or can't be judged."""
        tenant, model, answer = _tenant(world, job), done.route.model, answer_text(done.body)
        if model is None or answer is None or not is_judged(job.request.id, tenant.judge_share):
            return JudgeResult()
        context = context_of(job.request.body.messages)
        if context is None:
            return JudgeResult()
        question = _Question(world, self.means, self.budgets, job, hop, model, [])
        verdict = await GroundednessJudge(question.ask, self.metrics).look_at(
            model, context, answer
        )
        judged = None if verdict is None else Judgement(model=model, supported=verdict.supported)
        return JudgeResult(verdict, question.account(judged))


@dataclass(frozen=True, slots=True)
class _Question:
    """One question to the cheapest tier, within what the request's data may see."""

    world: ConfigSnapshot
    means: CallDependencies
    budgets: BudgetLedger
    job: WorkItem
    hop: RequestTrace
    answered_by: str
    attempts: list[Attempt]

    async def ask(self, messages: list[dict[str, str]]) -> str | None:
        """None when nobody may be asked, the tenant's money is short, or the call fails."""
        name = self._whom()
        if name is None:
            return None
        job = self._asking(messages)
        calls = Calls(job, self.world, self.means, self.hop, None, self.attempts, time.monotonic())
        cost = self.means.price_of(self.world.catalog.deployments[name], calls.estimate(name))
        tenant, rules = _tenant(self.world, job), self.world.catalog.tiers[self.tier]
        async with budget_reservation(self.budgets, job, tenant, cost, self.attempts) as held:
            if isinstance(held, Exhausted) or isinstance(held.standing, OverSoftLimit):
                return None
            called = await calls.call(
                name, job.request.body, rules.timeout_s, rules.first_token_timeout_s, None
            )
        if isinstance(called, NotNow) or not isinstance(called.outcome, Completion):
            return None
        return answer_text(called.outcome.body)

    def _whom(self) -> str | None:
        """Another model than the one that answered, where there is one: nobody judges himself."""
        catalog = self.world.catalog
        demands = self.job.route.demands.model_copy(update={"needs": (), "model": None})
        fitting = fitting_deployments(catalog, self.tier, demands)
        deployments = catalog.deployments
        return min(fitting, key=lambda n: deployments[n].model == self.answered_by, default=None)

    def _asking(self, messages: list[dict[str, str]]) -> WorkItem:
        told = {"messages": messages, "temperature": 0, "max_tokens": _LONGEST_ANSWER}
        body = ChatBody.model_validate(told)
        asked = {"id": f"{self.job.request.id}:judge", "body": body}
        return replace(self.job, request=self.job.request.model_copy(update=asked))

    def account(self, judged: Judgement | None) -> BackgroundCall | None:
        """What asking has cost; None when nobody was called."""
        if not self.attempts:
            return None
        call = self.attempts[-1]
        entry = self.world.catalog.deployments[call.deployment]
        return BackgroundCall(
            purpose="judge",
            tier=self.tier,
            call=call,
            entry=entry,
            attempts=tuple(self.attempts),
            judged=judged,
        )

    @property
    def tier(self) -> str:
        """The cheapest."""
        return next(iter(self.world.catalog.tiers))


def _tenant(world: ConfigSnapshot, job: WorkItem) -> Tenant:
    return world.catalog.tenant(job.request.tenant) or Tenant()
