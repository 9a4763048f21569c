"""How is one deployment called once for a request, and what is noted of the call?"""

import asyncio
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Protocol

from observability.pricing.prices import Price, Priced, Processing, processing_of
from observability.tracing.request_trace import OpenSpan, RequestTrace
from observability.tracing.semconv import FIRST_TOKEN
from producers.contract import Attempt, ChatBody, Usage
from runtime.config.catalog import Deployment, Model
from workers.calling.cached_call import PromptCaching
from workers.calling.config_snapshot import ConfigSnapshot
from workers.calling.hedging import Voice
from workers.calling.span_attributes import call_attributes
from workers.delivery.chunk_stream import ChunkPublisher
from workers.delivery.work_item import WorkItem
from workers.health.admission import CallPermit, DeploymentAdmission, Note
from workers.health.gate import NotNow
from workers.health.outcome_policy import OutcomeVerdict
from workers.providers.base.call_outcome import CallOutcome, Completion
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.errors.retry_after import bounded
from workers.providers.provider import Emit
from workers.tokens.estimate import TokenFactors, encoding_near_limit, exact_tokens, size_of


class PriceList(Protocol):
    """Today's prices, and which list each is from."""

    def __call__(
        self, deployment: Deployment, usage: Usage, processing: Processing = "standard"
    ) -> Price:
        """The price of a call with this usage."""
        ...


@dataclass(frozen=True, slots=True)
class CallDependencies:
    """What calls need besides their request: the same for all requests of a process.

    encodings: the folder of tiktoken's files, for exact counts near a limit; None = estimates only.
    """

    fleet: DeploymentAdmission
    price: PriceList
    caching: PromptCaching
    factors: TokenFactors
    encodings: Path | None = None

    def price_of(
        self, deployment: Deployment, usage: Usage, processing: Processing = "standard"
    ) -> Decimal | None:
        """As `PriceOf`."""
        price = self.price(deployment, usage, processing)
        return price.micro_usd if isinstance(price, Priced) else None


@dataclass(frozen=True, slots=True)
class Called:
    """A call that has ended."""

    outcome: CallOutcome
    verdict: OutcomeVerdict
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of one request. begun: when its worker began with it, monotonic seconds."""

    job: WorkItem
    world: ConfigSnapshot
    means: CallDependencies
    hop: RequestTrace
    pump: ChunkPublisher | None
    attempts: list[Attempt]
    begun: float

    def estimate(self, name: str) -> Usage:
        """What a call of deployment `name` is likely to be billed for."""
        model = self._model(name)
        factor = self.means.factors.of(self._deployment(name).model, model.family)
        prompt = factor.tokens(size_of(self.job.request.body))
        return Usage(input_uncached=prompt, output=self.job.route.demands.output_tokens)

    async def prompt_tokens(self, names: Iterable[str]) -> int:
        """The router's estimate, or OpenAI's count where that is near the limit of its models.

        names: the deployments that may be called. Counting takes milliseconds: on a thread.
        """
        estimate = self.job.route.demands.prompt_tokens
        models = map(self._model, names)
        encoding = encoding_near_limit(estimate, ((m.family, m.context_window) for m in models))
        if encoding is None:
            return estimate
        body, files = self.job.request.body, self.means.encodings
        exact = await asyncio.to_thread(exact_tokens, body, encoding, files)
        return estimate if exact is None else exact

    async def call(
        self, name: str, body: ChatBody, timeout_s: float, first_token_s: float, voice: Voice | None
    ) -> Called | NotNow:
        """One call, noted in `attempts` and as a span; Shut when its gate has closed meanwhile."""
        expected = self.estimate(name)
        permit = await self.means.fleet.admit(name, expected.input_total + expected.output)
        if isinstance(permit, NotNow):
            return permit
        begun = time.monotonic()
        with self.hop.span(f"chat {name}", kind="client") as span:
            try:
                outcome = await self._ask(name, body, timeout_s, first_token_s, voice)
            except BaseException:
                overdue = voice is not None and voice.overdue
                cut = self._cut(permit, expected, begun, overdue=overdue)
                self._describe(span, cut, body)
                raise
            called = self._ended(
                permit, outcome, begun, lambda told: span.event(told, time.monotonic() - begun)
            )
            answer = outcome if isinstance(outcome, Completion) else None
            self._describe(span, called.attempt, body, answer)
            if answer is not None:
                self._learn(name, body, answer.usage)
                span.event(FIRST_TOKEN, answer.first_token_s)
        return called

    def _describe(
        self, span: OpenSpan, attempt: Attempt, body: ChatBody, answer: Completion | None = None
    ) -> None:
        span.error = None if attempt.outcome == "ok" else attempt.outcome
        shown = body if self.hop.content else None
        span.attributes = partial(
            call_attributes, attempt, self._deployment(attempt.deployment), answer, shown
        )

    def refuse(self, attempt: Attempt) -> None:
        """Notes that the answer failed its checks: it was paid for in vain."""
        inadequate = attempt.model_copy(update={"outcome": "inadequate"})
        self.attempts[:] = [inadequate if one is attempt else one for one in self.attempts]

    async def _ask(
        self, name: str, body: ChatBody, timeout_s: float, first_token_s: float, voice: Voice | None
    ) -> CallOutcome:
        deployment = self._deployment(name)
        call = ProviderRequest(
            deployment,
            self._model(name),
            body.model_copy(update={"model": deployment.model}),
            timeout_s,
            min(timeout_s, first_token_s),
            request_id=self.job.request.id,
        )
        emit: Emit | None = None if self.pump is None else self.pump.emit
        if emit is not None and voice is not None:
            emit = voice.through(emit)
        provider = self.world.providers[name]
        return await self.means.caching.call(self.job.request.tenant, provider, call, emit)

    def _ended(self, permit: CallPermit, outcome: CallOutcome, begun: float, note: Note) -> Called:
        verdict = self.means.fleet.settle(permit, outcome, note)
        kind, status = "ok", None
        if not isinstance(outcome, Completion):
            kind, status = type(outcome).__name__, outcome.status
        attempt = self._attempt(permit.target, begun, kind, outcome.usage, _processing(outcome))
        attempt = attempt.model_copy(update={"status": status, "wait_ms": _hint_ms(outcome)})
        self.attempts.append(attempt)
        return Called(outcome, verdict, attempt)

    def _learn(self, name: str, body: ChatBody, usage: Usage) -> None:
        size, model = size_of(body), self._model(name)
        self.means.factors.learn(
            self._deployment(name).model, model.family, size, usage.input_total
        )

    def _cut(self, permit: CallPermit, expected: Usage, begun: float, *, overdue: bool) -> Attempt:
        """A call cut short is billed too: the prompt, and at the least what came of the answer."""
        self.means.fleet.abandon(permit, overdue=overdue)
        characters = 0 if self.pump is None else self.pump.characters
        usage = expected.model_copy(update={"output": math.ceil(characters / 4)})
        kind = "overtaken" if overdue else "cancelled"
        attempt = self._attempt(permit.target, begun, kind, usage)
        self.attempts.append(attempt)
        return attempt

    def _attempt(
        self,
        name: str,
        begun: float,
        kind: str,
        usage: Usage | None,
        processing: Processing = "standard",
    ) -> Attempt:
        price = None
        if usage is not None:
            price = self.means.price(self._deployment(name), usage, processing)
        priced = price if isinstance(price, Priced) else None
        return Attempt(
            deployment=name,
            outcome=kind,
            started_ms=(begun - self.begun) * 1000,
            duration_ms=(time.monotonic() - begun) * 1000,
            usage=usage,
            cost_micro_usd=None if priced is None else priced.micro_usd,
            price_version=None if priced is None else priced.version,
        )

    def _deployment(self, name: str) -> Deployment:
        return self.world.catalog.deployments[name]

    def _model(self, name: str) -> Model:
        return self.world.catalog.models[self._deployment(name).model]


def _processing(outcome: CallOutcome) -> Processing:
    """As the provider says that it served the call, which is what it bills."""
    told = outcome.body.get("service_tier") if isinstance(outcome, Completion) else None
    return processing_of(told)


def _hint_ms(outcome: CallOutcome) -> int | None:
    """The provider's retry hint, whatever kind of failure carries one."""
    wait_s = getattr(outcome, "wait_s", None)
    return None if wait_s is None else int(bounded(wait_s) * 1000)
