"""How is an answer got from the providers of a tier, step by step as the plan says?"""

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Final, TypeAlias, assert_never

from observability.hop import Hop
from observability.semconv import attempt_attributes
from producers.messages import Attempt, Usage

from . import plan
from .catalog import AUTO, Catalog, Deployment
from .chunks import ChunkPump
from .eligibility import obstacle
from .fleet import Fleet, Permit
from .hedging import Race, Voice
from .job import Job
from .prompt_caching import PromptCaching
from .providers.outcome import Completion, Outcome
from .providers.provider import Call, Emit, Provider
from .situation import PlanRules, Shut, Situation, Standing, Target, Tried

PriceOf: TypeAlias = Callable[[Deployment, Usage], Decimal | None]
"""Micro-dollars of a call with this usage now; None = unpriced."""

_NO_DEADLINE_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class World:
    """The configuration in force, and a provider for each of its deployments."""

    catalog: Catalog
    providers: Mapping[str, Provider]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer. attempt: the call that got it; with a hedge it needn't be the last one noted."""

    completion: Completion
    attempt: Attempt


Result: TypeAlias = Answered | plan.Reroute | plan.Delay | plan.GiveUp


@dataclass(slots=True)
class Pursuit:
    """One request's way through the deployments of `tier`. begun: when its worker began with it.

    Times are seconds of the monotonic clock.
    """

    job: Job
    tier: str
    world: World
    fleet: Fleet
    price_of: PriceOf
    hop: Hop
    pump: ChunkPump | None
    rules: PlanRules
    caching: PromptCaching
    attempts: list[Attempt]
    begun: float
    standing: Standing
    _tried: list[Tried] = field(default_factory=list)
    _waited_s: float = 0.0

    @property
    def spent(self) -> Decimal:
        """Micro-dollars of all attempts so far, as far as they are priced."""
        return sum((a.cost_micro_usd or Decimal(0) for a in self.attempts), Decimal(0))

    @property
    def estimate(self) -> Decimal | None:
        """Micro-dollars of a call of the deployment that would be called first."""
        return next((target.cost for target in self._targets()), None)

    async def run(self) -> Result:
        """Until there is an answer, or it is somebody else's turn, or hope is lost."""
        while True:
            match plan.next_step(self._situation(), time.monotonic()):
                case plan.Call() as call:
                    answered = await self._call_one_or_two(call)
                    if answered is not None:
                        return answered
                case plan.Wait(seconds=seconds):
                    await self._wait(seconds)
                case (plan.Reroute() | plan.Delay() | plan.GiveUp()) as step:
                    return step
                case other:
                    assert_never(other)

    async def _call_one_or_two(self, step: plan.Call) -> Answered | None:
        """With a second call beside the first when that takes longer than usual."""
        if step.hedge is None:
            return await self._try(step.target, step.timeout_s)
        return await Race(
            partial(self._try, step.target, step.timeout_s),
            partial(self._try, step.hedge.target, step.timeout_s),
            step.hedge.after_s,
            self.fleet.may_hedge,
        ).run()

    async def _try(
        self, name: str, timeout_s: float, voice: Voice | None = None
    ) -> Answered | None:
        tokens = self.job.route.demands.prompt_tokens + self.job.route.demands.output_tokens
        permit = await self.fleet.admit(name, tokens)
        if isinstance(permit, Shut):
            return None
        begun = time.monotonic()
        with self.hop.span(f"chat {name}") as span:
            try:
                outcome = await self._call(name, timeout_s, voice)
            except BaseException:
                self._cut(permit, name, begun, overdue=voice is not None and voice.overdue)
                raise
            verdict = self.fleet.settle(permit, outcome)
            status = None if isinstance(outcome, Completion) else outcome.status
            attempt = self._account(name, begun, _kind(outcome), outcome.usage, status)
            attempt = attempt.model_copy(update={"wait_ms": _hint_ms(outcome)})
            self.attempts.append(attempt)
            deployment = self.world.catalog.deployments[name]
            span.attributes = attempt_attributes(attempt, deployment.provider, deployment.model)
            span.error = None if isinstance(outcome, Completion) else attempt.outcome
        self._tried.append(Tried(name, time.monotonic(), verdict.follow, type(outcome).__name__))
        return Answered(outcome, attempt) if isinstance(outcome, Completion) else None

    async def _call(self, name: str, timeout_s: float, voice: Voice | None) -> Outcome:
        catalog = self.world.catalog
        deployment = catalog.deployments[name]
        call = Call(
            deployment,
            catalog.models[deployment.model],
            self.job.request.body.model_copy(update={"model": deployment.model}),
            timeout_s,
            min(timeout_s, catalog.tiers[self.tier].first_token_timeout_s),
            request_id=self.job.request.id,
        )
        emit: Emit | None = None if self.pump is None else self.pump.emit
        if emit is not None and voice is not None:
            emit = voice.through(emit)
        provider = self.world.providers[name]
        return await self.caching.call(self.job.request.tenant, provider, call, emit)

    def _cut(self, permit: Permit, name: str, begun: float, *, overdue: bool) -> None:
        """A call cut short is billed too: the prompt, and at the least what came of the answer."""
        self.fleet.abandon(permit, overdue=overdue)
        characters = 0 if self.pump is None else self.pump.characters
        usage = Usage(
            input_uncached=self.job.route.demands.prompt_tokens, output=math.ceil(characters / 4)
        )
        outcome = "overtaken" if overdue else "cancelled"
        self.attempts.append(self._account(name, begun, outcome, usage))

    def _account(
        self, name: str, begun: float, outcome: str, usage: Usage | None, status: int | None = None
    ) -> Attempt:
        deployment = self.world.catalog.deployments[name]
        return Attempt(
            deployment=name,
            outcome=outcome,
            status=status,
            started_ms=(begun - self.begun) * 1000,
            duration_ms=(time.monotonic() - begun) * 1000,
            usage=usage,
            cost_micro_usd=None if usage is None else self.price_of(deployment, usage),
        )

    async def _wait(self, seconds: float) -> None:
        begun = time.monotonic()
        with self.hop.span("wait for a deployment"):
            await self.fleet.wait(seconds)
        self._waited_s += time.monotonic() - begun

    def _situation(self) -> Situation:
        job, tier = self.job, self.world.catalog.tiers[self.tier]
        routing = job.request.routing
        return Situation(
            targets=tuple(self._targets()),
            deadline=self._deadline(),
            timeout_s=tier.timeout_s,
            prompt_tokens=job.route.demands.prompt_tokens,
            tried=tuple(self._tried),
            prior_attempts=job.attempts_here,
            waited_s=self._waited_s,
            spent=self.spent,
            ceiling=None if routing.max_cost_usd is None else routing.max_cost_usd * 1_000_000,
            latency=routing.latency,
            emitted=self.pump is not None and self.pump.emitted,
            budget=self.standing,
            up=None if self._pinned else tier.next,
            down=None if self._pinned else self._below(),
            visited=job.visited,
            jitter=random.random(),
            rules=self.rules,
        )

    @property
    def _pinned(self) -> bool:
        """Whether the caller named a tier or a model: then no other tier will do."""
        request = self.job.request
        return request.routing.tier is not None or request.body.model != AUTO

    def _below(self) -> str | None:
        """The next cheaper tier, if it has a deployment that may and can serve this request."""
        catalog, demands = self.world.catalog, self.job.route.demands
        cheaper = list(catalog.tiers)[: list(catalog.tiers).index(self.tier)]
        if not cheaper:
            return None
        serves = any(
            obstacle(deployment, catalog.models[deployment.model], demands) is None
            for _, deployment in catalog.deployments_of(cheaper[-1])
        )
        return cheaper[-1] if serves else None

    def _targets(self) -> Iterator[Target]:
        """The tier's deployments that may and can serve this request, in order of preference."""
        targets = list(self._eligible())
        if self.world.catalog.tiers[self.tier].order == "cheapest":
            # an unpriced deployment may cost anything: it goes last
            targets.sort(key=lambda t: (t.cost is None, t.cost or Decimal(0)))
        yield from targets

    def _eligible(self) -> Iterator[Target]:
        catalog, demands = self.world.catalog, self.job.route.demands
        estimate = Usage(input_uncached=demands.prompt_tokens, output=demands.output_tokens)
        tokens = demands.prompt_tokens + demands.output_tokens
        for name, deployment in catalog.deployments_of(self.tier):
            model = catalog.models[deployment.model]
            if obstacle(deployment, model, demands) is None:
                gate = self.fleet.gate(name, tokens)
                cost = self.price_of(deployment, estimate)
                typical_s = self.fleet.typical_s(name)
                yield Target(name, model.context_window, gate, cost, typical_s)

    def _deadline(self) -> float:
        if self.job.deadline_ms is None:
            return self.begun + _NO_DEADLINE_S
        return time.monotonic() + self.job.deadline_ms / 1000 - time.time()


def _kind(outcome: Outcome) -> str:
    return "ok" if isinstance(outcome, Completion) else type(outcome).__name__


def _hint_ms(outcome: Outcome) -> int | None:
    """The provider's retry hint, whatever kind of failure carries one."""
    wait_s = getattr(outcome, "wait_s", None)
    return None if wait_s is None else int(wait_s * 1000)
