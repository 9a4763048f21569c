"""Call exchange: requests out, replies in, each once, whatever is cut off in between.

What is written to the journal before a request is published, and what lies in Kafka, tell a resumed
run which requests are there already: those aren't published again, and their replies are read.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Final, NamedTuple

from observability.evaluation.grading.answered_call import AnsweredCall, answered_call
from observability.evaluation.running.spending_cap import SpendingCap
from observability.evaluation.storage.evaluation_plan import EvaluationPlan
from observability.evaluation.storage.journal import EvaluationJournal
from producers import RequestTooLargeError, RouterClient
from producers.contract import Chunk, MicroUsd, Request, codec, topics
from producers.contract.codec import DecodeError
from producers.jobs.job_log import ScanTopic
from producers.kafka.broker import Broker, Record

_GRACE_S: Final = 60.0
"""After a request's deadline, for its reply to arrive."""
_LOOK_S: Final = 0.2
_TOPICS_KEEP_S: Final = 6 * 86_400.0
"""Within a week, in which the topics of requests and replies tell what was published."""


class EvaluationConnection(NamedTuple):
    """Kafka, as an evaluation needs it."""

    scan: ScanTopic
    broker: Broker
    client: RouterClient
    request_topic: Callable[[str], str]
    """Where a tenant's requests are published."""


class CallExchange:
    """The calls of one evaluation."""

    def __init__(
        self,
        plan: EvaluationPlan,
        journal: EvaluationJournal,
        connection: EvaluationConnection | None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """connection: None where nothing is asked any more."""
        self.plan = plan
        self.journal = journal
        self.cap = SpendingCap(plan.cap_micro_usd)
        self.cap.restore(journal.reserved, journal.answered)
        self._connection = connection
        self._awaited: dict[str, float] = {}
        """Until when a reply is awaited, in Unix seconds."""
        self._tell = changed
        self._news = asyncio.Event()
        self._there: set[str] = set()

    @asynccontextmanager
    async def open(self, tenants: Iterable[str]) -> AsyncIterator[None]:
        """Hears replies from now on, once those that came earlier are read.

        tenants: whose requests there may be. Raises LogUnreadableError.
        """
        connection, plan = self._connected, self.plan
        async with connection.broker.tail(topics.EVALUATION_REPLIES, self._receive):
            if self.journal.reserved:
                for topic in {connection.request_topic(tenant) for tenant in tenants}:
                    async for record in connection.scan(topic, plan.created_ms):
                        name = codec.request_id(record.headers)
                        if name is not None and name.startswith(plan.prefix):
                            self._there.add(name)
                async for record in connection.scan(topics.EVALUATION_REPLIES, plan.created_ms):
                    self._receive(record)
            yield

    @property
    def _connected(self) -> EvaluationConnection:
        assert self._connection is not None  # noqa: S101 who asks has one
        return self._connection

    async def ask(self, request: Request, most: MicroUsd) -> bool:
        """Publishes it, if it wasn't yet; waits for money where others' replies may free some.

        False: the cap leaves no room for it. Raises PublishFailedError.
        """
        if request.id in self.journal.answered:
            return True
        if self._is_forgotten(request.id):
            # asked before, and nobody knows any more whether it was answered: it stays booked
            now_ms = int(time.time() * 1000)
            self._settle(AnsweredCall(request=request.id, at_ms=now_ms, outcome="no reply"))
            return True
        until_s = time.time() + self.plan.within_s + _GRACE_S
        if request.id not in self.journal.reserved:
            while not self.cap.reserve(request.id, most):
                if not self._awaited:
                    return False
                await self._next_reply()
            self.journal.reserve(request.id, request.tenant, most)
        self._awaited[request.id] = until_s
        if request.id not in self._there:
            await self._publish(request)
        return True

    def _is_forgotten(self, name: str) -> bool:
        """Whether it was reserved, and may lie so far back that the topics have lost it."""
        if name not in self.journal.reserved or name in self._there:
            return False
        return time.time() - self.plan.created_ms / 1000 > _TOPICS_KEEP_S

    async def _publish(self, request: Request) -> None:
        try:
            await self._connected.client.publish(request, reply_to=topics.EVALUATION_REPLIES)
        except RequestTooLargeError:
            now_ms, code = int(time.time() * 1000), "request_too_large"
            cost = Decimal(0)
            failed = {"request": request.id, "at_ms": now_ms, "code": code, "cost_micro_usd": cost}
            self._settle(AnsweredCall.model_validate({**failed, "outcome": "failed"}))

    async def settled(self, at_most: int = 0) -> None:
        """Returns once no more than `at_most` requests await their reply."""
        while len(self._awaited) > at_most:
            await self._next_reply()

    async def _next_reply(self) -> None:
        """Until something came, or somebody's time is over."""
        self._news.clear()
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._news.wait()
        except TimeoutError:
            now_s = time.time()
            for name in [n for n, until_s in self._awaited.items() if until_s < now_s]:
                call = AnsweredCall(request=name, at_ms=int(now_s * 1000), outcome="no reply")
                self._settle(call)

    def _receive(self, record: Record) -> None:
        name = codec.read_name(record.key) or codec.request_id(record.headers) or ""
        if not name.startswith(self.plan.prefix) or name in self.journal.answered:
            return
        # another tenant may have sent a request with this id, to this topic
        tenant = self.journal.tenants.get(name)
        if tenant is None or codec.header(record.headers, codec.TENANT_HEADER) != tenant:
            return
        try:
            reply = codec.decode_reply(record.value)
        except DecodeError:
            return
        if not isinstance(reply, Chunk) and reply.id == name:
            self._settle(answered_call(reply, record.timestamp_ms))

    def _settle(self, call: AnsweredCall) -> None:
        self._awaited.pop(call.request, None)
        self.journal.answer(call)
        self.cap.settle(call)
        self._news.set()
        self._tell()
