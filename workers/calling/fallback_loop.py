"""Fallback loop: one request's calls of its tier's deployments, step by step as the plan says."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Final, TypeAlias, assert_never

from observability.evaluation.data_sets.request_sample import EVALUATION_TAG
from producers.contract import Attempt, FailureCode, topics
from runtime.budgets.standing import BudgetStatus
from runtime.config.catalog import Catalog
from runtime.config.references import AUTO
from workers.calling.hedging import HedgeBranch, HedgeRace
from workers.calling.provider_call import CallContext, EndedCall, ProviderCaller
from workers.calling.time_order import TimeOrder
from workers.checks.answer_checks import AnswerChecks
from workers.checks.validators import repair_request
from workers.delivery.work_item import WorkItem, zone_in_tier
from workers.health.admission import DeploymentAdmission
from workers.health.gate import NotNow
from workers.planning import next_step
from workers.planning.earlier_refusals import earlier_refusals
from workers.planning.next_step import CallTarget, Delay, GiveUp, Hedge, Reroute, Wait
from workers.planning.request_state import PlanRules, RequestState, Target, TriedTarget
from workers.providers.base.call_outcome import Completion, RequestRejected

_ANOTHER_TIER_HELPS: Final[frozenset[FailureCode]] = frozenset(
    {
        "bad_credentials",
        "context_too_long",
        "no_deployment_fits",
        "overloaded",
        "providers_exhausted",
        "unsupported_content",
        "validation_failed",
    }
)
_NO_DEADLINE_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that has passed its checks."""

    completion: Completion
    attempt: Attempt
    """The call that got it; with a hedge it needn't be the last one recorded."""


LoopResult: TypeAlias = Answered | Reroute | Delay | GiveUp


def wrong_checks(mistake: str) -> GiveUp:
    """The end of a request whose checks can't be made: `mistake`."""
    return GiveUp("invalid_request", mistake, retryable=False)


@dataclass(slots=True)
class FallbackLoop:
    """One request's way through the deployments of its tier. Times: monotonic seconds."""

    caller: ProviderCaller
    admission: DeploymentAdmission
    rules: PlanRules
    context: CallContext
    checks: AnswerChecks
    unserved: Mapping[str, str] = field(default_factory=dict)
    """By queue: why nobody would take a request from there."""
    inadequate: bool = False
    """Whether an answer of this tier has failed its checks."""
    _tried: list[TriedTarget] = field(default_factory=list)
    _refused: tuple[TriedTarget, ...] = ()
    _waited_s: float = 0.0
    _prompt_tokens: int = 0
    _costs: dict[str, Decimal | None] = field(default_factory=dict)
    _item: WorkItem = field(init=False)
    _unreachable: dict[str, str] = field(default_factory=dict)
    """Tiers that it wasn't handed over to, and why not."""
    _catalog: Catalog = field(init=False)
    _order: TimeOrder = field(init=False)

    def __post_init__(self) -> None:
        self._item = self.context.item
        self._catalog = self.context.snapshot.catalog
        self._refused = earlier_refusals(self.context.log.all)
        self._order = TimeOrder(self._item, self.context.snapshot, self.admission)
        # an evaluation asks once: a second call would be outside of its cap and flatter its times
        if self._hedge_share == 0 or EVALUATION_TAG in self._item.request.routing.tags:
            self.rules = replace(self.rules, hedge=False)

    @property
    def estimate(self) -> Decimal | None:
        """Micro-dollars of a call of the deployment that would be called first."""
        return next((target.cost for target in self._targets()), None)

    async def run(self, budget: BudgetStatus) -> LoopResult:
        """Ends with an answer, with the step that leaves this tier, or with a failure."""
        mistake = await self.checks.mistake()
        if mistake is not None:
            return wrong_checks(mistake)
        eligible = self._eligible(self._item.route.tier)
        self._prompt_tokens = await self.caller.prompt_tokens(self.context, eligible)
        answered: Answered | None = None
        while answered is None:
            match next_step.next_step(self._state(budget), time.monotonic()):
                case CallTarget(hedge=hedge) as step:
                    if self.context.chunks is not None:  # thoughts of a call that broke are void
                        await self.context.chunks.restart()
                    # a race stands on the stack only where a hedge is armed
                    race = None if hedge is None else self._race(step, hedge)
                    answered = await (self._try(step) if race is None else race.run())
                case Wait(seconds=seconds):
                    begun = time.monotonic()
                    with self.context.trace.span("wait for a deployment"):
                        await self.admission.wait_for_change(seconds)
                    self._waited_s += time.monotonic() - begun
                case GiveUp() as step:
                    return self._with_obstacles(step)
                case (Reroute() | Delay()) as step:
                    return step
                case other:
                    assert_never(other)
        return answered

    def _with_obstacles(self, step: GiveUp) -> GiveUp:
        """With the tiers that might have answered, had they a pool."""
        if not self._unreachable or step.code not in _ANOTHER_TIER_HELPS:
            return step
        others = "; ".join(f"{tier}: {why}" for tier, why in self._unreachable.items())
        return replace(step, message=f"{step.message}; it can't be handed over to {others}")

    def _race(self, step: CallTarget, hedge: Hedge) -> HedgeRace[Answered]:
        other = replace(step, target=hedge.target)
        return HedgeRace(
            partial(self._try, step),
            partial(self._try, other),
            hedge.after_s,
            partial(self.admission.hedges.take, self._costs[hedge.target], self._hedge_share),
        )

    async def _try(self, step: CallTarget, branch: HedgeBranch | None = None) -> Answered | None:
        """A call, and one more with what was wrong if the answer fails its checks."""
        context, checks = self.context, self.checks
        body = self._item.request.body
        answered = self._take(step, await self.caller.call(context, step, body, branch))
        if answered is None:
            return None
        problems = await checks.problems(answered.completion.body, context.trace)
        if problems and self._may_repair:
            context.log.mark_inadequate(answered.attempt)
            repair = repair_request(body, answered.completion.body, problems)
            answered = self._take(step, await self.caller.call(context, step, repair, branch))
            if answered is None:
                return None
            problems = await checks.problems(answered.completion.body, context.trace)
        if not problems:
            return answered
        context.log.mark_inadequate(answered.attempt)
        self.inadequate = True
        kind = f"failed its checks: {', '.join(problem.check for problem in problems)}"
        self._tried.append(TriedTarget(step.target, time.monotonic(), "inadequate", kind))
        return None

    def _take(self, step: CallTarget, ended: EndedCall | NotNow) -> Answered | None:
        """The answer, if the call has one; what was tried is remembered for the next step."""
        if isinstance(ended, NotNow):
            return None
        self.admission.hedges.record_spend(ended.attempt.cost_micro_usd)
        outcome, kind = ended.outcome, type(ended.outcome).__name__
        refusal = _refusal(outcome) if isinstance(outcome, RequestRejected) else ""
        tried = TriedTarget(step.target, time.monotonic(), ended.verdict.follow_up, kind, refusal)
        self._tried.append(tried)
        if not isinstance(outcome, Completion):
            return None
        notes = _passed_over(self._tried)
        if notes:
            outcome = replace(outcome, warnings=(*outcome.warnings, *notes))
        return Answered(outcome, ended.attempt)

    @property
    def _hedge_share(self) -> float:
        return self._catalog.policy.hedge.max_extra_cost

    @property
    def _may_repair(self) -> bool:
        """Not when the route says to go up at once, nor after the caller has seen the answer."""
        return not self._item.route.cascade and not self._emitted

    @property
    def _emitted(self) -> bool:
        chunks = self.context.chunks
        return chunks is not None and chunks.emitted

    def _state(self, budget: BudgetStatus) -> RequestState:
        item, tier = self._item, self._catalog.tiers[self._item.route.tier]
        routing = item.request.routing
        spent = [attempt.cost_micro_usd or Decimal(0) for attempt in self.context.log.all]
        # a caller who named a tier or a model gets no other tier
        pinned = routing.tier is not None or item.request.body.model != AUTO
        return RequestState(
            targets=tuple(self._targets()),
            deadline=self._deadline(),
            timeout_s=tier.timeout_s,
            first_token_timeout_s=tier.first_token_timeout_s,
            streams=item.request.body.stream,
            prompt_tokens=self._prompt_tokens,
            tried=tuple(self._tried),
            refused=self._refused,
            prior_attempts=item.attempts_here,
            waited_s=self._waited_s,
            spent=sum(spent, Decimal(0)),
            ceiling=None if routing.max_cost_usd is None else routing.max_cost_usd * 1_000_000,
            latency=routing.latency,
            emitted=self._emitted,
            budget=budget,
            up=None if pinned else self._above(),
            down=None if pinned else self._below(),
            visited=item.visited,
            jitter=random.random(),
            rules=self.rules,
        )

    def _above(self) -> str | None:
        """The next tier up that has a deployment for this request."""
        tier, tiers = self._item.route.tier, self._catalog.tiers
        passed, above = {tier}, tiers[tier].next
        while above is not None and above not in passed:
            if self._eligible(above) and self._reachable(above):
                return above
            passed.add(above)
            above = tiers[above].next
        return None

    def _below(self) -> str | None:
        """The next cheaper tier, if it has a deployment that may and can serve this request."""
        tiers = list(self._catalog.tiers)
        cheaper = tiers[: tiers.index(self._item.route.tier)]
        if cheaper and self._eligible(cheaper[-1]) and self._reachable(cheaper[-1]):
            return cheaper[-1]
        return None

    def _reachable(self, tier: str) -> bool:
        """Whether a pool would take it from that tier's queue; what stays in place needs none."""
        if not self.unserved or self._item.ordered:
            return True
        queue = topics.tier_topic(tier, zone_in_tier(self._item, tier, self._catalog))
        obstacle = self.unserved.get(queue)
        if obstacle is not None:
            self._unreachable[tier] = obstacle
        return obstacle is None

    def _targets(self) -> Iterator[Target]:
        """The tier's deployments that may and can serve this request, in order of preference."""
        tier = self._item.route.tier
        names = self._eligible(tier)
        self._price(names)
        if self._item.route.objective == "cost" and self._catalog.tiers[tier].order == "cheapest":
            committed, costs = self.context.snapshot.committed, self._costs
            # throughput that is paid for goes first, what may cost anything last
            dearness = {
                name: (False, Decimal(0))
                if name in committed
                else (costs[name] is None, costs[name] or Decimal(0))
                for name in names
            }
            names.sort(key=dearness.__getitem__)
        if self._order.matters and len(names) > 1:
            self._order.sort(names, self._costs)
        avoid = self._item.route.avoid
        if avoid:
            names.sort(key=lambda name: name in avoid)
        demands, models = self._item.route.demands, self.context.snapshot.models
        tokens = demands.prompt_tokens + demands.output_tokens
        gate, typical_s, costs = self.admission.gate, self.admission.typical_s, self._costs
        account = self._catalog.account_of(self._item.request.tenant)
        for name in names:
            window, ready = models[name].context_window, gate(name, tokens, account)
            yield Target(name, window, ready, costs[name], typical_s(name))

    def _eligible(self, tier: str) -> list[str]:
        return self.context.snapshot.eligible.names(tier, self._item.route.demands)

    def _price(self, names: Sequence[str]) -> None:
        if self._costs.keys() != set(names):
            self._costs = self.caller.expected_costs(self.context, names)

    def _deadline(self) -> float:
        deadline_ms = self._item.deadline_ms
        if deadline_ms is None:
            return self.context.begun + _NO_DEADLINE_S
        return time.monotonic() + deadline_ms / 1000 - time.time()


def _refusal(outcome: RequestRejected) -> str:
    """What was refused and what had been changed before, for the caller."""
    if not outcome.warnings:
        return outcome.message
    return f"{outcome.message} (changed for it: {'; '.join(outcome.warnings)})"


def _passed_over(tried: Sequence[TriedTarget]) -> tuple[str, ...]:
    """Why another deployment answers than the one that was to: for the caller."""
    return tuple(
        f"{each.target} was passed over: {each.message}"
        for each in tried
        if each.follow in ("unsupported", "translation")
    )
