"""Request-reply client over Kafka: submit, stream, publish, consume.

    async with RouterClient.connect() as client:
        reply = await client.submit(chat("Is this spam? …", tenant="support"))
        async for part in client.stream(chat("Tell me …", tenant="support")): ...

`submit` and `stream` end in a value: `Done` or `Failed`. Raised are only what the caller's own side
can mend: ClientOverloadedError, RequestTooLargeError, WrongZoneError, ReplyTimeoutError,
PublishFailedError; and ReplyTopicError, when the client begins.
"""

import asyncio
import logging
import random
import secrets
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Any, Final, Self, TypeAlias

from opentelemetry import propagate, trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, set_span_in_context

from .contract import Chunk, Done, Failed, Request, codec, topics
from .contract.codec import DecodeError
from .contract.feedback import Feedback
from .contract.invalidation import Invalidation
from .contract.reply_address import ReplyAddress
from .contract.residency import excludes, narrower
from .inbox import Inbox, RecentIds, Waiting, read_reply
from .kafka.aiokafka_broker import KafkaBroker
from .kafka.broker import Broker, Outgoing, Record
from .settings import ClientSettings

_tracer: Final = trace.get_tracer("switchgear.client")
_log: Final = logging.getLogger(__name__)
TenantToken: TypeAlias = Callable[[], str | None]
"""The newest signed token; it must not block. None: none is sent."""
_REMEMBERED_REPLIES: Final = 100_000
"""Final replies whose repetition a consumer recognises: about 20 MB."""


class ClientOverloadedError(Exception):
    """This client has `max_in_flight` requests under way: slow down, or raise the setting."""


class RequestTooLargeError(Exception):
    """The request is larger than a Kafka record may be: shorten it, or send a reference."""


class WrongZoneError(Exception):
    """The request's residency excludes the zone of this client's cell: send it in another one."""


class ReplyTopicError(Exception):
    """The reply topic doesn't exist, or lacks the partition: `switchgear topics` creates it."""


class ReplyTimeoutError(TimeoutError):
    """No reply within the time given. The request's deadline is past too: no money is spent now."""


def chat(prompt: str | Sequence[Mapping[str, Any]], *, tenant: str, **fields: object) -> Request:
    """A request with a fresh id. prompt: the user's text, or OpenAI messages.

    fields: `routing`, and any parameter of OpenAI's Chat Completions (`model`, `max_tokens` …).
    """
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    routing = fields.pop("routing", {})
    body = {"messages": messages, **fields}
    return Request.model_validate(
        {"id": uuid.uuid4().hex, "tenant": tenant, "body": body, "routing": routing}
    )


class RouterClient:
    """Publishes requests and matches replies to their waiters; one for the whole process."""

    def __init__(
        self, broker: Broker, settings: ClientSettings, token: TenantToken | None = None
    ) -> None:
        """`connect` builds one on Kafka; build it yourself on any other Broker.

        token: the tenant's signed token, asked for with every message; None: the settings' one.
        """
        self._broker = broker
        self._settings = settings
        self._token = token or (lambda: settings.tenant_token)
        self._nonce = secrets.token_hex(8)
        self._waiting = Waiting(self._nonce)
        self._in_flight = 0
        self._reply_partition: int | None = None

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, settings: ClientSettings | None = None, token: TenantToken | None = None
    ) -> AsyncIterator[Self]:
        """A client on Kafka that hears its replies; without `settings` the environment's."""
        settings = settings or ClientSettings()
        async with (
            KafkaBroker(settings, settings.client_id) as broker,
            cls(broker, settings, token).listening() as client,
        ):
            yield client

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Self]:
        """This client, hearing replies from now on. Raises ReplyTopicError."""
        self._reply_partition = partition = await self._own_partition()
        async with self._broker.tail(self._settings.reply_topic, self._waiting.receive, partition):
            yield self

    async def _own_partition(self) -> int | None:
        """The partition that this client reads for as long as it runs; None: all of them.

        A random one: who runs beside us isn't known, and partitions that are added later change
        nothing. Two clients on one partition read each other's replies and drop them.
        """
        topic, wanted = self._settings.reply_topic, self._settings.reply_partition
        at_least = wanted + 1 if isinstance(wanted, int) else 1
        number = await self._broker.partitions_of(topic, at_least)
        if number is None:
            raise ReplyTopicError(f"the reply topic {topic} doesn't exist")
        match wanted:
            case "all":
                return None
            case "own":
                return random.randrange(number)
            case int() if wanted < number:
                return wanted
            case _:
                raise ReplyTopicError(f"{topic} has {number} partitions, none with number {wanted}")

    async def submit(self, request: Request, *, timeout: float | None = None) -> Done | Failed:
        """The reply. timeout in seconds; it becomes the request's deadline unless that has one."""
        with self._exchange(request) as (span, inbox):
            inbox.expire_at(await self._publish_in_time(request, span, timeout))
            while isinstance(part := await self._next(request, inbox), Chunk):
                pass
            _set_outcome(span, part)
            return part

    async def stream(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        trace: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[Chunk | Done | Failed, None]:
        """Chunks as they come, then Done or Failed. Set `body.stream` to get chunks at all.

        A chunk whose `run` is higher than the last one's restarts the answer: another worker took
        over. Chunks that come twice are dropped. trace: the W3C headers of the hop that asks, which
        has its own span; None: a span is begun in the current context.
        """
        with self._exchange(request, trace) as (span, inbox):
            inbox.expire_at(await self._publish_in_time(request, span, timeout, trace))
            while isinstance(part := await self._next(request, inbox), Chunk):
                yield part
            _set_outcome(span, part)
            yield part

    async def publish(self, request: Request, *, reply_to: str | None = None) -> None:
        """Returns once Kafka has the request; the answer goes to `reply_to`, else the reply topic.

        Read it there with `replies`. For throughput gather many: each waits for its own record.
        """
        with self._slot(), _sending(request) as span:
            address = ReplyAddress(reply_to or self._settings.reply_topic)
            await self._send(request, _carrier(span), None, address)

    async def cancel(self, request_id: str, *, tenant: str) -> None:
        """Asks the fleet to stop: what isn't begun is not called; a running stream is cut.

        tenant: of the request; another tenant's request with this id goes on.
        """
        headers = self._proof(tenant)
        topic = self._topic(topics.CANCELLATIONS, tenant)
        await self._broker.publish(Outgoing(topic, b"", request_id.encode(), headers))

    async def feedback(self, request_id: str, *, tenant: str) -> None:
        """The cache gave this request a wrong answer: it is forgotten, and not given to it again.

        tenant: of the request. It also counts against the step of the cache that found it.
        """
        await self.invalidate(Invalidation(tenant=tenant, request=request_id, wrong=True))

    async def invalidate(self, what: Invalidation) -> None:
        """Has cached answers of one tenant forgotten, on all workers."""
        topic = self._topic(topics.CACHE_INVALIDATIONS, what.tenant)
        value, key = what.model_dump_json(exclude_defaults=True).encode(), what.tenant.encode()
        await self._broker.publish(Outgoing(topic, value, key, self._proof(what.tenant)))

    async def rate(self, tenant: str, done: Done, good: float) -> None:
        """How good the answer was, 0..1: the router learns from it where that is switched on."""
        route = done.route
        if route.task is not None:
            expected = (c.expected for c in route.candidates if c.tier == route.tier)
            feedback = Feedback(
                id=done.id,
                tenant=tenant,
                task=route.task,
                tier=route.tier,
                model=route.model,
                good=good,
                source="user",
                expected=next(expected, None),
            )
            value = codec.encode(feedback)
            topic = self._topic(topics.FEEDBACK, tenant)
            headers = self._proof(tenant)
            await self._broker.publish(Outgoing(topic, value, tenant.encode(), headers))

    async def replies(
        self, *, group: str, topic: str | None = None
    ) -> AsyncIterator[Chunk | Done | Failed]:
        """Every reply on `topic`, shared among the members of `group`, each at least once.

        Offsets are committed when the next batch is asked for, so what was being handled in a
        crash comes again. A final reply that this member has seen before is dropped.
        """
        recent = RecentIds(_REMEMBERED_REPLIES)
        async for batch in self._broker.consume(topic or self._settings.reply_topic, group):
            for record in batch.records:
                reply = _decoded(record)
                if isinstance(reply, Chunk) or (reply and recent.add(_identity(record, reply))):
                    yield reply
            await batch.commit()

    async def _publish_in_time(
        self,
        request: Request,
        span: Span,
        timeout: float | None,
        trace: Mapping[str, str] | None = None,
    ) -> float:
        """Publishes the request; returns the loop's time by which the reply must be here."""
        seconds = timeout or self._settings.timeout_s
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(deadline):
                address = ReplyAddress(self._settings.reply_topic, self._reply_partition)
                await self._send(request, trace or _carrier(span), seconds, address)
        except TimeoutError:
            raise ReplyTimeoutError(f"{request.id}: not accepted by Kafka in time") from None
        return deadline

    async def _next(self, request: Request, inbox: Inbox) -> Chunk | Done | Failed:
        try:
            return await inbox.get()
        except TimeoutError:
            raise ReplyTimeoutError(f"{request.id}: no reply in time") from None

    async def _send(
        self,
        request: Request,
        trace: Mapping[str, str],
        seconds: float | None,
        address: ReplyAddress,
    ) -> None:
        value = codec.encode_request(self._resident(request))
        if len(value) > codec.MAX_REQUEST_BYTES:
            raise RequestTooLargeError(
                f"{request.id}: {len(value):,} bytes; at most {codec.MAX_REQUEST_BYTES:,}"
            )
        key = request.routing.conversation or request.id
        own = codec.to_headers({codec.REPLY_NONCE: self._nonce})
        proof = self._proof(request.tenant)
        headers = [*_headers(request, trace, seconds, address), *proof, *own]
        topic = self._topic(self._settings.request_topic, request.tenant)
        await self._broker.publish(Outgoing(topic, value, key.encode(), headers))

    def _resident(self, request: Request) -> Request:
        """The request with the residency that holds for it. Raises WrongZoneError."""
        asked, settings = request.routing.residency, self._settings
        allowed = narrower(asked, settings.residency)
        if allowed == ():
            raise WrongZoneError(
                f"{request.id}: its residency and this client's exclude each other"
            )
        if excludes(allowed, settings.zone):
            raise WrongZoneError(f"{request.id}: its residency excludes this cell, {settings.zone}")
        if allowed is None or allowed == asked:
            return request
        routing = request.routing.model_copy(update={"residency": allowed})
        return request.model_copy(update={"routing": routing})

    def request_topic(self, tenant: str) -> str:
        """Where the tenant's requests are published.

        Raises ValueError for a tenant that can't have topics of its own.
        """
        return self._topic(topics.REQUESTS, tenant)

    def _topic(self, shared: str, tenant: str) -> str:
        """Raises ValueError for a tenant that can't have topics of its own."""
        return topics.tenant_topic(shared, tenant) if self._settings.tenant_topics else shared

    def _proof(self, tenant: str) -> list[tuple[str, bytes]]:
        """The headers that say whose a message is."""
        return codec.to_headers({codec.TENANT_HEADER: tenant, codec.TENANT_TOKEN: self._token()})

    @contextmanager
    def _exchange(
        self, request: Request, trace: Mapping[str, str] | None = None
    ) -> Iterator[tuple[Span, Inbox]]:
        inbox = self._waiting.open(request.tenant, request.id)
        sending = _sending(request) if trace is None else nullcontext(INVALID_SPAN)
        try:
            with self._slot(), sending as span:
                yield span, inbox
        finally:
            self._waiting.close(request.tenant, request.id)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if self._in_flight >= self._settings.max_in_flight:
            raise ClientOverloadedError(f"{self._in_flight} requests are under way")
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1


def _identity(record: Record, reply: Done | Failed) -> str:
    """Which request is answered: two tenants may have given theirs one id."""
    tenant = codec.header(record.headers, codec.TENANT_HEADER) or ""
    return f"{len(tenant)}:{tenant}{reply.id}"


@contextmanager
def _sending(request: Request) -> Iterator[Span]:
    """The request's first span. It isn't made current: a stream's consumer runs in between."""
    span = _tracer.start_span("llm.request", kind=SpanKind.PRODUCER)
    try:
        if span.is_recording():
            span.set_attribute("switchgear.request.id", request.id)
            span.set_attribute("switchgear.tenant", request.tenant)
        yield span
    except Exception as error:
        span.record_exception(error)
        raise
    finally:
        span.end()


def _set_outcome(span: Span, reply: Done | Failed) -> None:
    if isinstance(reply, Failed):
        span.set_attribute("error.type", reply.code)
    elif span.is_recording():
        span.set_attribute("switchgear.tier", reply.route.tier)


def _carrier(span: Span) -> dict[str, str]:
    """The headers of a span's trace."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier, set_span_in_context(span))
    return carrier


def _headers(
    request: Request, trace: Mapping[str, str], seconds: float | None, address: ReplyAddress
) -> list[tuple[str, bytes]]:
    now_ms = int(time.time() * 1000)
    within_ms = request.routing.deadline_ms or (None if seconds is None else int(seconds * 1000))
    routing = request.routing
    return codec.to_headers(
        {
            codec.CORRELATION_ID: request.id,
            codec.REPLY_TO: address.topic,
            codec.REPLY_PARTITION: address.partition,
            codec.CONTENT_TYPE: "application/json",
            codec.SCHEMA_HEADER: codec.SCHEMA,
            codec.SUBMITTED: now_ms,
            codec.DEADLINE: None if within_ms is None else now_ms + within_ms,
            codec.SEQUENCE: routing.conversation if routing.ordered else None,
            **trace,
        }
    )


def _decoded(record: Record) -> Chunk | Done | Failed | None:
    try:
        return read_reply(record)
    except DecodeError as error:
        # not ours to dead-letter: whoever may write to a reply topic wrote this
        _log.exception("skipped %s offset %d: %s", record.partition, record.offset, error)
        return None
