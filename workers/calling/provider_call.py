"""Provider call: one call of one deployment, admitted, sent, judged, priced and recorded."""

import asyncio
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from observability.metrics.genai_metrics import CalledModel
from observability.pricing.prices import Price, Priced, Processing, Unpriced, processing_of
from observability.tracing.request_trace import OpenSpan, RequestTrace
from observability.tracing.semconv import FIRST_TOKEN
from producers.contract import Attempt, ChatBody, Usage
from runtime.config.catalog import Deployment
from workers.calling.attempt_log import AttemptLog
from workers.calling.cached_call import PromptCaching, WarmUpTurn
from workers.calling.config_snapshot import ConfigSnapshot
from workers.calling.hedging import HedgeBranch
from workers.calling.span_attributes import call_attributes
from workers.delivery.chunk_stream import ChunkPublisher
from workers.delivery.request_identity import identity_of
from workers.delivery.work_item import WorkItem
from workers.health.admission import CallPermit, DeploymentAdmission
from workers.health.gate import NotNow
from workers.health.outcome_policy import OutcomeVerdict
from workers.planning.next_step import CallTarget
from workers.providers.base.call_outcome import CallOutcome, Completion
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.base.token_counts import believable
from workers.providers.errors.retry_after import bounded
from workers.providers.provider import Emit
from workers.tokens.estimate import (
    PromptSize,
    TokenFactors,
    encoding_near_limit,
    exact_tokens,
    prompt_size,
)

_TIERS: Final = {"", "auto", "default", "standard", "scale", "batch", "flex", "priority"}
"""Service tiers at the list's price, or at one that it has."""
_LONGEST_TIER: Final = 40


class PriceList(Protocol):
    """Today's prices, and which list each is from."""

    def __call__(
        self, deployment: Deployment, usage: Usage, processing: Processing = "standard"
    ) -> Price:
        """The price of a call with this usage."""
        ...


class CallReporter(Protocol):
    """Hears of every call once it has ended, for metrics. Must not raise."""

    def __call__(self, attempt: Attempt, called: CalledModel, first_chunk_s: float | None) -> None:
        """first_chunk_s: None for a call that wasn't streamed."""
        ...


@dataclass(frozen=True, slots=True)
class CallContext:
    """The request that calls are made for."""

    item: WorkItem
    snapshot: ConfigSnapshot
    trace: RequestTrace
    log: AttemptLog
    """Gets every call, however it ends."""
    begun: float
    """When the worker began with the request, monotonic seconds."""
    chunks: ChunkPublisher | None = None
    """For the pieces of a streamed answer; None = the caller gets it whole."""
    size: PromptSize = field(init=False, repr=False, compare=False)
    """Of the request's prompt."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", prompt_size(self.item.request.body))


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call that its provider has answered, or failed."""

    outcome: CallOutcome
    verdict: OutcomeVerdict
    attempt: Attempt


@dataclass(slots=True)
class Emitter:
    """A call's deltas on their way to the caller."""

    chunks: ChunkPublisher
    turn: WarmUpTurn | None
    branch: HedgeBranch | None

    async def emit(self, delta: dict[str, Any]) -> None:
        """Not before the call has won its race; a delta of the loser is never passed on."""
        if self.turn is not None:
            self.turn.answer_begins()
        if self.branch is not None:
            await self.branch.may_speak()
        await self.chunks.emit(delta)


@dataclass(frozen=True, slots=True)
class ProviderCaller:
    """Calls the deployments: the same for all requests of a process."""

    admission: DeploymentAdmission
    price: PriceList
    caching: PromptCaching
    factors: TokenFactors
    report: CallReporter
    encodings: Path | None = None
    """The folder of tiktoken's files, for exact counts near a limit; None = estimates only."""

    def expected_usage(self, context: CallContext, name: str) -> Usage:
        """What a call of deployment `name` is likely to be billed for."""
        item, snapshot = context.item, context.snapshot
        factor = self.factors.factor_of(
            snapshot.deployment(name).model, snapshot.model_of(name).family
        )
        prompt = factor.estimate(context.size)
        return Usage(input_uncached=prompt, output=item.route.demands.output_tokens)

    def expected_costs(
        self, context: CallContext, names: Iterable[str]
    ) -> dict[str, Decimal | None]:
        """Micro-dollars of a call of each deployment; None = unpriced."""
        item, catalog = context.item, context.snapshot.catalog
        size, output = context.size, item.route.demands.output_tokens
        usages: dict[float, Usage] = {}
        costs: dict[str, Decimal | None] = {}
        for name in names:
            deployment = catalog.deployments[name]
            family = catalog.models[deployment.model].family
            factor = self.factors.factor_of(deployment.model, family)
            usage = usages.get(factor.bytes_per_token)
            if usage is None:
                usage = Usage(input_uncached=factor.estimate(size), output=output)
                usages[factor.bytes_per_token] = usage
            price = self.price(deployment, usage)
            costs[name] = price.micro_usd if isinstance(price, Priced) else None
        return costs

    async def prompt_tokens(self, context: CallContext, names: Iterable[str]) -> int:
        """The router's estimate, or OpenAI's count where that is near the limit of its models.

        names: the deployments that may be called. Counting takes milliseconds: on a thread.
        """
        item = context.item
        estimate = item.route.demands.prompt_tokens
        models = [context.snapshot.models[name] for name in names]
        encoding = encoding_near_limit(estimate, [(m.family, m.context_window) for m in models])
        if encoding is None:
            return estimate
        exact = await asyncio.to_thread(exact_tokens, item.request.body, encoding, self.encodings)
        return estimate if exact is None else exact

    async def call(
        self,
        context: CallContext,
        step: CallTarget,
        body: ChatBody,
        branch: HedgeBranch | None = None,
    ) -> EndedCall | NotNow:
        """One call, recorded in the context's log; NotNow when its gate has shut meanwhile.

        branch: the side of the race that the call is on, if it is hedged.
        """
        expected = self.expected_usage(context, step.target)
        tokens = expected.input_total + expected.output
        account = context.snapshot.catalog.account_of(context.item.request.tenant)
        permit = await self.admission.admit(step.target, tokens, account)
        if isinstance(permit, NotNow):
            return permit
        item, snapshot = context.item, context.snapshot
        deployment, begun = snapshot.deployment(step.target), time.monotonic()
        turn: WarmUpTurn | None = None
        with context.trace.span(f"chat {step.target}", kind="client") as span:
            try:
                tenant = item.request.tenant
                decision = await self.caching.plan(tenant, deployment, body)
                turn = await self.caching.take_turn(decision)
                waited_s = 0.0 if turn is None else turn.waited_s
                request = ProviderRequest(
                    deployment,
                    snapshot.model_of(step.target),
                    body.model_copy(update={"model": deployment.model}),
                    max(0.001, step.timeout_s - waited_s),
                    min(step.timeout_s, step.first_token_s),
                    decision.plan,
                    item.request.id,
                    snapshot.prompts,
                )
                emit = _emit_of(context.chunks, turn, branch)
                outcome = await snapshot.providers[step.target].send(request, emit)
            except BaseException:
                # cancelled, or broken by a bug: what was sent is billed all the same
                if turn is not None:
                    turn.end(answered=False)
                attempt = self._cut_short(context, permit, expected, begun, branch)
                self._tell(span, context, attempt, body)
                raise
            if turn is not None:
                turn.end(answered=isinstance(outcome, Completion))
            ended = self._ended(context, permit, outcome, begun, span)
            answer = outcome if isinstance(outcome, Completion) else None
            self._tell(span, context, ended.attempt, body, answer)
            if answer is not None:
                if not ended.attempt.usage_estimated:
                    as_asked = body is item.request.body
                    size = context.size if as_asked else prompt_size(body)
                    billed = answer.usage.input_total
                    self.factors.learn(deployment.model, request.model.family, size, billed)
                span.event(FIRST_TOKEN, answer.first_token_s)
        return ended

    def _tell(
        self,
        span: OpenSpan,
        context: CallContext,
        attempt: Attempt,
        body: ChatBody,
        answer: Completion | None = None,
    ) -> None:
        deployment = context.snapshot.deployment(attempt.deployment)
        span.error = None if attempt.outcome == "ok" else attempt.outcome
        shown = body if context.trace.content else None
        span.attributes = partial(call_attributes, attempt, deployment, answer, shown)
        operation = "chat" if body.embeddings is None else "embeddings"
        first_s = None if answer is None or context.chunks is None else answer.first_token_s
        self.report(attempt, CalledModel(deployment.provider, deployment.model, operation), first_s)

    def _ended(
        self,
        context: CallContext,
        permit: CallPermit,
        outcome: CallOutcome,
        begun: float,
        span: OpenSpan,
    ) -> EndedCall:
        # recorded first: whatever breaks from here on, the call was paid for
        if outcome.usage is not None and not believable(outcome.usage):
            expected = self.expected_usage(context, permit.target)
            outcome = replace(outcome, usage=expected, usage_estimated=True)
        attempt, price = self._attempt(context, permit.target, begun, outcome.usage, outcome)
        context.log.record(attempt)
        if isinstance(price, Unpriced) and price.kinds and isinstance(outcome, Completion):
            outcome = replace(outcome, warnings=(*outcome.warnings, price.reason))
        failed = not isinstance(outcome, Completion)
        verdict = self.admission.report_outcome(
            permit,
            outcome,
            lambda change: span.event(change, time.monotonic() - begun),
            identity_of(context.item.request).fingerprint if failed else None,
        )
        return EndedCall(outcome, verdict, attempt)

    def _cut_short(
        self,
        context: CallContext,
        permit: CallPermit,
        expected: Usage,
        begun: float,
        branch: HedgeBranch | None,
    ) -> Attempt:
        """A call cut short is billed too: the prompt, and at the least what came of the answer."""
        overtaken = branch is not None and branch.lost_race
        characters = 0 if context.chunks is None else context.chunks.characters
        usage = expected.model_copy(update={"output": math.ceil(characters / 4)})
        kind = "overtaken" if overtaken else "cancelled"
        attempt, _ = self._attempt(context, permit.target, begun, usage, kind)
        context.log.record(attempt)
        self.admission.abandon(permit, overtaken=overtaken)
        return attempt

    def _attempt(
        self,
        context: CallContext,
        name: str,
        begun: float,
        usage: Usage | None,
        ending: CallOutcome | str,
    ) -> tuple[Attempt, Price | None]:
        """ending: the provider's outcome, or how the call was cut short."""
        kind, status, wait_ms = (ending, None, None) if isinstance(ending, str) else _told(ending)
        price: Price | None = None
        if usage is not None:
            deployment = context.snapshot.deployment(name)
            tier = ending.body.get("service_tier") if isinstance(ending, Completion) else None
            usage = _served_by(usage, tier)
            price = self.price(deployment, usage, processing_of(tier))
        priced = price if isinstance(price, Priced) else None
        attempt = Attempt(
            deployment=name,
            zone=context.snapshot.deployment(name).zone,
            outcome=kind,
            status=status,
            wait_ms=wait_ms,
            started_ms=(begun - context.begun) * 1000,
            duration_ms=(time.monotonic() - begun) * 1000,
            usage=usage,
            usage_estimated=isinstance(ending, str) or ending.usage_estimated,
            cost_micro_usd=None if priced is None else priced.micro_usd,
            price_version=None if priced is None else priced.version,
        )
        return attempt, price


def _emit_of(
    chunks: ChunkPublisher | None, turn: WarmUpTurn | None, branch: HedgeBranch | None
) -> Emit | None:
    """None for an answer that isn't streamed. Most streams have nobody to tell on their way."""
    if chunks is None:
        return None
    return chunks.emit if turn is None and branch is None else Emitter(chunks, turn, branch).emit


def _told(outcome: CallOutcome) -> tuple[str, int | None, int | None]:
    """The outcome's kind, its HTTP status, and the retry hint of whatever failure carries one."""
    if isinstance(outcome, Completion):
        return "ok", None, None
    wait_s = getattr(outcome, "wait_s", None)
    hint_ms = None if wait_s is None else int(bounded(wait_s) * 1000)
    return type(outcome).__name__, outcome.status, hint_ms


def _served_by(usage: Usage, tier: object) -> Usage:
    """`usage` as it was served, where that is a tier whose price nobody here knows."""
    if not isinstance(tier, str) or tier in _TIERS:
        return usage
    served = (*usage.served, f"service_tier={tier[:_LONGEST_TIER]}")
    return usage.model_copy(update={"served": served})
