"""How is an answer got from the providers of a tier, step by step as the plan says?"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Final, TypeAlias, assert_never

from producers.contract import Attempt, ChatBody
from runtime.budgets.standing import BudgetStatus
from runtime.config.catalog import AUTO
from runtime.config.eligibility import fitting_deployments
from workers.calling.answer_checks import AnswerChecks
from workers.calling.hedging import Race, Voice
from workers.calling.provider_call import Calls
from workers.calling.validators import repair_request
from workers.health.gate import NotNow
from workers.planning import next_step
from workers.planning.request_state import PlanRules, RequestState, Target, TriedTarget
from workers.providers.base.call_outcome import Completion

_NO_DEADLINE_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer. attempt: the call that got it; with a hedge it needn't be the last one noted."""

    completion: Completion
    attempt: Attempt


Result: TypeAlias = Answered | next_step.Reroute | next_step.Delay | next_step.GiveUp


@dataclass(slots=True)
class Pursuit:
    """One request's way through the deployments of `tier`. Times: monotonic seconds."""

    calls: Calls
    tier: str
    checks: AnswerChecks
    standing: BudgetStatus
    rules: PlanRules
    inadequate: int = 0
    _tried: list[TriedTarget] = field(default_factory=list)
    _waited_s: float = 0.0
    _prompt_tokens: int = 0
    _known: dict[str, Decimal | None] = field(default_factory=dict)

    @property
    def estimate(self) -> Decimal | None:
        """Micro-dollars of a call of the deployment that would be called first."""
        return next((target.cost for target in self._targets()), None)

    async def run(self) -> Result:
        """Until there is an answer, or it is somebody else's turn, or hope is lost."""
        mistake = await self.checks.mistake()
        if mistake is not None:
            return next_step.GiveUp("invalid_request", mistake, retryable=False)
        self._prompt_tokens = await self.calls.prompt_tokens(self._eligible(self.tier))
        while True:
            match next_step.next_step(self._situation(), time.monotonic()):
                case next_step.CallTarget() as call:
                    answered = await self._call_one_or_two(call)
                    if answered is not None:
                        return answered
                case next_step.Wait(seconds=seconds):
                    await self._wait(seconds)
                case (next_step.Reroute() | next_step.Delay() | next_step.GiveUp()) as step:
                    return step
                case other:
                    assert_never(other)

    async def _call_one_or_two(self, step: next_step.CallTarget) -> Answered | None:
        """With a second call beside the first when that takes longer than usual."""
        if step.hedge is None:
            return await self._try(step.target, step)
        return await Race(
            partial(self._try, step.target, step),
            partial(self._try, step.hedge.target, step),
            step.hedge.after_s,
            self.calls.means.fleet.may_hedge,
        ).run()

    async def _try(
        self, name: str, step: next_step.CallTarget, voice: Voice | None = None
    ) -> Answered | None:
        """A call, and one more with what was wrong if the answer fails its checks."""
        body = self.calls.job.request.body
        answered = await self._call(name, body, step, voice)
        if answered is None:
            return None
        problems = await self.checks.problems(answered.completion.body, self.calls.hop)
        if problems and self._may_repair:
            self.calls.refuse(answered.attempt)
            better = repair_request(body, answered.completion.body, problems)
            answered = await self._call(name, better, step, voice)
            if answered is None:
                return None
            problems = await self.checks.problems(answered.completion.body, self.calls.hop)
        if not problems:
            return answered
        self.calls.refuse(answered.attempt)
        self.inadequate += 1
        kind = f"failed its checks: {', '.join(problem.check for problem in problems)}"
        self._tried.append(TriedTarget(name, time.monotonic(), "inadequate", kind))
        return None

    @property
    def _may_repair(self) -> bool:
        """Not when the route says to go up at once, nor after the caller has seen the answer."""
        return not self.calls.job.route.cascade and not self._emitted

    async def _call(
        self, name: str, body: ChatBody, step: next_step.CallTarget, voice: Voice | None
    ) -> Answered | None:
        called = await self.calls.call(name, body, step.timeout_s, step.first_token_s, voice)
        if isinstance(called, NotNow):
            return None
        outcome = called.outcome
        tried = TriedTarget(name, time.monotonic(), called.verdict.follow, type(outcome).__name__)
        self._tried.append(tried)
        return Answered(outcome, called.attempt) if isinstance(outcome, Completion) else None

    async def _wait(self, seconds: float) -> None:
        begun = time.monotonic()
        with self.calls.hop.span("wait for a deployment"):
            await self.calls.means.fleet.wait(seconds)
        self._waited_s += time.monotonic() - begun

    def _situation(self) -> RequestState:
        job, tier = self.calls.job, self.calls.world.catalog.tiers[self.tier]
        routing = job.request.routing
        spent = (attempt.cost_micro_usd or Decimal(0) for attempt in self.calls.attempts)
        return RequestState(
            targets=tuple(self._targets()),
            deadline=self._deadline(),
            timeout_s=tier.timeout_s,
            first_token_timeout_s=tier.first_token_timeout_s,
            streams=job.request.body.stream,
            prompt_tokens=self._prompt_tokens,
            tried=tuple(self._tried),
            prior_attempts=job.attempts_here,
            waited_s=self._waited_s,
            spent=sum(spent, Decimal(0)),
            ceiling=None if routing.max_cost_usd is None else routing.max_cost_usd * 1_000_000,
            latency=routing.latency,
            emitted=self._emitted,
            budget=self.standing,
            up=None if self._pinned else self._above(),
            down=None if self._pinned else self._below(),
            visited=job.visited,
            jitter=random.random(),
            rules=self.rules,
        )

    @property
    def _emitted(self) -> bool:
        return self.calls.pump is not None and self.calls.pump.emitted

    @property
    def _pinned(self) -> bool:
        """Whether the caller named a tier or a model: then no other tier will do."""
        request = self.calls.job.request
        return request.routing.tier is not None or request.body.model != AUTO

    def _above(self) -> str | None:
        """The next tier up that has a deployment for this request."""
        tiers, passed = self.calls.world.catalog.tiers, {self.tier}
        above = tiers[self.tier].next
        while above is not None and above not in passed:
            if any(self._eligible(above)):
                return above
            passed.add(above)
            above = tiers[above].next
        return None

    def _below(self) -> str | None:
        """The next cheaper tier, if it has a deployment that may and can serve this request."""
        tiers = list(self.calls.world.catalog.tiers)
        cheaper = tiers[: tiers.index(self.tier)]
        return cheaper[-1] if cheaper and any(self._eligible(cheaper[-1])) else None

    def _targets(self) -> Iterator[Target]:
        """The tier's deployments that may and can serve this request, in order of preference."""
        names = list(self._eligible(self.tier))
        if self.calls.world.catalog.tiers[self.tier].order == "cheapest":
            # an unpriced deployment may cost anything: it goes last
            names.sort(key=lambda name: (self._cost(name) is None, self._cost(name) or 0))
        return (self._target(name) for name in names)

    def _target(self, name: str) -> Target:
        catalog, fleet = self.calls.world.catalog, self.calls.means.fleet
        demands = self.calls.job.route.demands
        gate = fleet.gate(name, demands.prompt_tokens + demands.output_tokens)
        window = catalog.models[catalog.deployments[name].model].context_window
        return Target(name, window, gate, self._cost(name), fleet.typical_s(name))

    def _eligible(self, tier: str) -> Iterator[str]:
        return fitting_deployments(self.calls.world.catalog, tier, self.calls.job.route.demands)

    def _cost(self, name: str) -> Decimal | None:
        if name not in self._known:
            deployment = self.calls.world.catalog.deployments[name]
            self._known[name] = self.calls.means.price_of(deployment, self.calls.estimate(name))
        return self._known[name]

    def _deadline(self) -> float:
        if self.calls.job.deadline_ms is None:
            return self.calls.begun + _NO_DEADLINE_S
        return time.monotonic() + self.calls.job.deadline_ms / 1000 - time.time()
