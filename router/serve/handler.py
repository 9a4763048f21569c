"""Request handler: a record of `llm.requests` goes to its tier's queue, or is refused.

A record that can't be read, or that asks to be answered where it may not, goes to the dead-letter
topic as it is; whoever sent it gets a Failed reply wherever one may be sent. A request that the
policy turns down gets its Failed reply and is done. Where a record's word for its tenant doesn't
count, whose it is comes first: nothing is kept of what is nobody's.
"""

import logging
import time
from dataclasses import dataclass, replace
from typing import Final, assert_never

from observability.tracing.request_trace import RequestTrace
from observability.tracing.semconv import queue_attributes, route_attributes
from observability.tracing.tracer import QueueWait
from producers.contract import Failed, FailureCode, Request, Route, codec, topics
from producers.contract.codec import DecodeError
from producers.contract.reply_address import ReplyAddress
from producers.contract.wire_format import is_framed, unframed
from producers.kafka.broker import Outgoing, Record
from router.decide.batch_choice import WaitForBatch, batch_choice
from router.decide.caller_overrides import RouteRejected
from router.decide.partition_key import prefix_hash, record_key
from router.decide.rollout_arm import with_rollout
from router.decide.tenant_rates import RateExceeded
from router.decide.tier_candidates import RoutingConfig
from router.serve.claimed_id import claimed_id
from router.serve.dependencies import RouterDependencies
from router.serve.headers import RequestHeaders, read_request_headers
from router.serve.record_checks import says_excluded, unreadable
from router.serve.reply_topics import refusal_address, unusable_address
from router.serve.route_choice import (
    PASSING,
    UNHINDERED,
    Conditions,
    decide_route,
    queue_of,
    timely,
    unhurried,
)
from router.text.features import Features
from runtime.config.catalog import Tenant
from runtime.config.residency import excluded_from
from runtime.identity.record_guard import (
    ProvenSender,
    SenderRefused,
    Unproven,
    of_tenant,
)
from runtime.process.crash_cause import crash_cause
from runtime.process.dead_letters import bury
from runtime.process.failed_reply import tell_failed

_log: Final = logging.getLogger(__name__)
_LARGE_BYTES: Final = 32_768
"""From here looking at a prompt takes over a millisecond, so that it goes to a thread."""
_POOL_AWAY_S: Final = 5.0
"""Seconds after which a request may be tried again that found no pool."""


async def route_record(router: RouterDependencies, record: Record) -> None:
    """Returns when the record needs no redelivery."""
    routing = _routing(router, record)
    try:
        proven = await routing.proven()
        if proven is not None:
            await proven.run()
    except Exception:
        routing.trace.end(error="internal_error")
        raise


async def bury_request(router: RouterDependencies, record: Record, error: BaseException) -> None:
    """What becomes of a request that broke the router: its bytes are kept, its sender is told."""
    routing = await _routing(router, record).proven()
    if routing is None:
        return
    why = crash_cause(error, "the router")
    _log.error("%s: %s, %s", routing.headers.request_id, why.code, why.detail)
    await bury(router.publisher, routing.record, why.code, why.detail)
    await routing.refuse(why.code, why.message, retryable=False)


def _routing(router: RouterDependencies, record: Record) -> "RoutingTask":
    headers = read_request_headers(record)
    waited = QueueWait(
        queue=record.partition.topic,
        since_ms=record.timestamp_ms,
        submitted_ms=headers.submitted_ms,
        attributes=lambda: queue_attributes(*record.partition, record.offset),
    )
    trace = router.tracer.begin_trace("route", record.headers, tenant=headers.tenant, waited=waited)
    return RoutingTask(router, record, headers, trace)


@dataclass(frozen=True, slots=True)
class RoutingTask:
    """One record on its way through the router."""

    router: RouterDependencies
    record: Record
    headers: RequestHeaders
    trace: RequestTrace
    tenant: str | None = None
    """Whose the record is proven to be; None where its word counts."""
    ours: bool = True
    """Whether a process of ours wrote it, as far as anybody asks."""
    again: bool = False
    """Whether it has come again, and was let pass for that."""

    async def proven(self) -> "RoutingTask | None":
        """This, in its sender's name; None if nobody knows whose it is: then it was refused."""
        sender = await self.router.guard.sender(self.record, topics.REQUESTS)
        match sender:
            case Unproven():
                return self
            case ProvenSender(tenant=tenant, ours=ours):
                headers = replace(self.headers, tenant=tenant)
                record = of_tenant(self.record, tenant)
                return replace(self, record=record, headers=headers, tenant=tenant, ours=ours)
            case SenderRefused(message=message, retryable=retryable):
                # told where all are told: whoever wrote it may not choose whom else to tell
                wanted = self.headers.reply
                shared = wanted.topic == topics.REPLIES
                reply = (
                    replace(wanted, named_topic=None) if shared else ReplyAddress(echo=wanted.echo)
                )
                headers = replace(self.headers, tenant=None, reply=reply)
                await replace(self, headers=headers).refuse(
                    "forbidden", message, retryable=retryable
                )
                return None
            case _:
                assert_never(sender)

    async def run(self) -> None:
        """Returns when the tagged request, or the reason against it, is with Kafka."""
        framed = is_framed(self.record.value)
        refusal = unreadable(self.record, self.router.config().catalog.contract, framed=framed)
        if refusal is not None:
            await self._bury(*refusal)
            return
        if framed:
            # what travels on is the JSON alone
            plain = replace(self.record, value=unframed(self.record.value))
            await replace(self, record=plain).read()
            return
        await self.read()

    async def read(self) -> None:
        """Takes the request out of the record, and looks whether its sender may send it."""
        try:
            request = codec.decode_request(self.record.value)
        except DecodeError as error:
            await self._bury("invalid_request", str(error))
            return
        if excluded_from(self.router.zone, request, self.router.config().catalog):
            await self._bury_misplaced()
            return
        if self.headers.reply.topic == topics.STORED and not self.ours:
            await self._bury("reply_to_not_allowed", f"only gateways reply to {topics.STORED}")
            return
        if self.tenant not in (None, request.tenant):
            message = f"the request says tenant {request.tenant!r}, its sender is {self.tenant!r}"
            await self.refuse("forbidden", message, retryable=False)
            return
        headers = replace(self.headers, request_id=request.id, tenant=request.tenant)
        await replace(self, headers=headers).route(request)

    async def route(self, request: Request) -> None:
        """Checks what the headers ask for, then decides."""
        config = self.router.config()
        tenant = config.catalog.tenant(request.tenant)
        if tenant is None:
            message = f"tenant {request.tenant!r} isn't served here"
            await self.refuse("unknown_tenant", message, retryable=False)
            return
        unusable = await unusable_address(
            self.headers.reply, request.tenant, tenant.reply_topics, self.router.partitions_of
        )
        if unusable is not None:
            await self._bury("reply_to_not_allowed", unusable)
            return
        account, size = config.catalog.account_of(request.tenant), len(self.record.value)
        exceeded = self.router.rates.admit_request(account, tenant.limits, size, time.monotonic())
        if exceeded is not None and not await self.comes_again(request, config):
            await self._refuse_for_now(account, exceeded)
            return
        task = self if exceeded is None else replace(self, again=True)
        await task.decide(request, config, self._deadline_ms(request))

    async def comes_again(self, request: Request, config: RoutingConfig) -> bool:
        """Whether a worker knows its ending, so that no reason that passes may refuse it."""
        if self.again:
            return True
        if not await self.router.begun(request, self.headers.submitted_ms):
            return False
        limits = (config.catalog.tenant(request.tenant) or Tenant()).limits
        account, size = config.catalog.account_of(request.tenant), len(self.record.value)
        # a sender who repeats one id for ever is refused all the same
        repeats = self.router.repeats
        return repeats.admit_request(account, limits, size, time.monotonic()) is None

    async def decide(
        self, request: Request, config: RoutingConfig, deadline_ms: int | None
    ) -> None:
        """Routes the request, or tells why nothing may serve it now."""
        asked, clock = timely(request, self.headers.submitted_ms, deadline_ms, self.router.speeds())
        conditions = Conditions(
            clock, self.router.budget_used(request.tenant), self.router.unserved()
        )
        in_thread = len(self.record.value) >= _LARGE_BYTES
        begun = time.perf_counter()
        task = self
        with self.trace.span("decide") as span:
            features, decision = await decide_route(asked, config, conditions, in_thread=in_thread)
            passing = isinstance(decision, RouteRejected) and decision.code in PASSING
            if passing and await self.comes_again(request, config):
                task = replace(self, again=True)
                asked = unhurried(request)
                features, decision = await decide_route(
                    asked, config, UNHINDERED, in_thread=in_thread
                )
            self.router.report_decision(request.tenant, decision, time.perf_counter() - begun)
            if isinstance(decision, RouteRejected):
                span.error = decision.code
                again_s = _POOL_AWAY_S if decision.code == "overloaded" else None
                await self.refuse(
                    decision.code,
                    decision.message,
                    retryable=decision.code in ("overloaded", "deadline_exceeded"),
                    retry_after_s=again_s,
                )
                return
            span.attributes = lambda: route_attributes(decision)
        catalog, tokens = config.catalog, features.tokens + features.output_tokens
        section = catalog.tenant(request.tenant) or Tenant()
        account = catalog.account_of(request.tenant)
        exceeded = self.router.rates.admit_tokens(account, section.limits, tokens, time.monotonic())
        if exceeded is not None and not await task.comes_again(request, config):
            await self._refuse_for_now(account, exceeded)
            return
        await self._tag(request, features, decision, deadline_ms)

    async def _refuse_for_now(self, account: str, exceeded: RateExceeded) -> None:
        await self.refuse(
            "rate_limited",
            exceeded.message(account),
            retryable=True,
            retry_after_s=exceeded.wait_s,
        )

    async def _tag(
        self, request: Request, features: Features, route: Route, deadline_ms: int | None
    ) -> None:
        prefix = prefix_hash(request, features.system_tokens)
        share = self.router.prefix_shares.add(prefix)
        warm_tokens = self._warm_tokens(features, prefix)
        route = self._with_batch(request, route, deadline_ms, warm_tokens)
        rollout = self.router.rollouts.by_tier.get(route.tier)
        if rollout is not None:
            route = with_rollout(route, request, rollout, self.router.config())
        if prefix is not None and not route.batch:
            self.router.warm_prefixes.used(prefix, time.monotonic())
        routing, reply = request.routing, self.headers.reply
        headers = codec.to_headers(
            {
                codec.CORRELATION_ID: request.id,
                codec.REPLY_TO: reply.named_topic,
                codec.REPLY_PARTITION: reply.partition,
                codec.REPLY_CHUNKS: "true" if reply.echo and reply.chunks else None,
                codec.CONTENT_TYPE: "application/json",
                codec.TENANT_HEADER: request.tenant,
                codec.SCHEMA_HEADER: codec.SCHEMA,
                codec.SUBMITTED: self.headers.submitted_ms,
                codec.DEADLINE: deadline_ms,
                codec.LATENCY: routing.latency,
                codec.SEQUENCE: routing.conversation if routing.ordered else None,
            }
        )
        await self.router.publisher.publish(
            Outgoing(
                queue_of(route),
                codec.encode_tagged(route, self.record.value),
                record_key(request, prefix, share, self.router.partitions),
                [*self.headers.foreign, *reply.echo, *headers, *self.trace.headers()],
            )
        )
        self.trace.end(lambda: route_attributes(route))

    def _warm_tokens(self, features: Features, prefix: str | None) -> int:
        warm = prefix is not None and self.router.warm_prefixes.warm(prefix, time.monotonic())
        return features.system_tokens if warm else 0

    def _with_batch(
        self, request: Request, route: Route, deadline_ms: int | None, warm_tokens: int
    ) -> Route:
        """The route into the batch queue where waiting is allowed, possible and cheaper."""
        left_s = None if deadline_ms is None else deadline_ms / 1000 - time.time()
        choice = batch_choice(
            request, route, self.router.config(), deadline_s=left_s, warm_tokens=warm_tokens
        )
        if isinstance(choice, WaitForBatch):
            obstacle = self.router.unserved().get(topics.batch_topic(choice.zone))
            if obstacle is not None:
                reasons = (*route.reasons, f"could wait, but {obstacle}")
                return route.model_copy(update={"reasons": reasons})
            reasons = (*route.reasons, choice.reason)
            changes = {"batch": True, "zone": choice.zone, "reasons": reasons}
            return route.model_copy(update=changes)
        if not choice.reason:
            return route
        return route.model_copy(update={"reasons": (*route.reasons, choice.reason)})

    def _deadline_ms(self, request: Request) -> int | None:
        """The header's and the body's deadline, whichever comes first."""
        within_ms = request.routing.deadline_ms
        deadlines = (
            self.headers.deadline_ms,
            None if within_ms is None else self.headers.submitted_ms + within_ms,
        )
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    async def _bury(self, code: FailureCode, message: str) -> None:
        """The record can't be served as it is: its bytes are kept, its sender is told."""
        catalog, zone = self.router.config().catalog, self.router.zone
        if says_excluded(self.record, self.headers.tenant, catalog, zone):
            await self._bury_misplaced()
            return
        await bury(self.router.publisher, self.record, code, message)
        await self.refuse(code, message, retryable=False)

    async def _bury_misplaced(self) -> None:
        """Nothing of its content is written: neither to the dead letter nor into the reply."""
        message = f"this cell is in zone {self.router.zone}, which the data's residency excludes"
        await bury(self.router.publisher, self.record, "wrong_zone", message)
        await self.refuse("wrong_zone", message, retryable=False)

    async def refuse(
        self,
        code: FailureCode,
        message: str,
        *,
        retryable: bool,
        retry_after_s: float | None = None,
    ) -> None:
        """Tells the sender, where the record says who that is."""
        request_id = self.headers.request_id or claimed_id(self.record)
        if request_id is not None:
            failed = Failed(
                id=request_id,
                code=code,
                message=message,
                retryable=retryable,
                retry_after_s=retry_after_s,
                trace_id=self.trace.trace_id,
            )
            tenant, trace = self.headers.tenant, self.trace.headers()
            catalog, asked = self.router.config().catalog, self.router.partitions_of
            address = await refusal_address(self.headers.reply, tenant, catalog, asked)
            if address is None:
                _log.warning("%s of a request can't be told: no reply topic is there", code)
            else:
                told = address, ReplyAddress(echo=address.echo)
                publisher = self.router.publisher
                await tell_failed(publisher, failed, told, tenant=tenant, trace=trace)
        self.trace.end(error=code)
