"""A plan, cases and a fleet that answers what the test says, over a broker in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from observability.evaluation.comparison.graded_answer import GradedAnswer
from observability.evaluation.data_sets.evaluation_case import EvaluationCase
from observability.evaluation.grading.answered_call import AnsweredCall
from observability.evaluation.running.call_exchange import CallExchange, EvaluationConnection
from observability.evaluation.storage.evaluation_plan import EvaluationPlan
from observability.evaluation.storage.journal import EvaluationJournal
from producers import RouterClient
from producers.contract import (
    Attempt,
    CacheOutcome,
    ChatBody,
    Done,
    Failed,
    Request,
    RouteTaken,
    Timings,
    Usage,
    codec,
    topics,
)
from producers.kafka.broker import Outgoing, Record
from producers.settings import ClientSettings
from tests.memory_broker import MemoryBroker

Answer = Callable[[Request], Done | Failed | None]


def case(name: str, **fields: Any) -> EvaluationCase:  # noqa: ANN401 - of a case
    body = ChatBody.model_validate({"messages": [{"role": "user", "content": f"Ask {name}"}]})
    return EvaluationCase(**{"id": name, "body": body, "tenant": "t", "reference": "yes", **fields})


def plan(**changes: Any) -> EvaluationPlan:  # noqa: ANN401 - of a plan
    whole = {
        "name": "trial",
        "run": "0123abcd",
        "data_set": "set@1",
        "candidates": ("large", "small"),
        "baseline": "large",
        "metric": "exact",
        "margin": 0.05,
        "cap_micro_usd": Decimal(1_000_000),
        "latency": "interactive",
        "created_ms": 0,
    }
    return EvaluationPlan.model_validate(whole | changes)


def call(name: str = "r", **fields: Any) -> AnsweredCall:  # noqa: ANN401 - of a call
    whole = {"request": name, "at_ms": 1, "outcome": "done", "text": "yes", "model": "small"}
    return AnsweredCall.model_validate({**whole, "cost_micro_usd": Decimal(10), **fields})


def graded(name: str, candidate: str, *, good: bool, **fields: Any) -> GradedAnswer:  # noqa: ANN401
    made = {key: value for key, value in fields.items() if key in {"group", "task"}}
    called = {key: value for key, value in fields.items() if key not in made}
    served = called.pop("served", candidate)
    return GradedAnswer(case(name, **made), candidate, call(model=served, **called), good)


def done(request: Request, text: str, cost: int | None = 100) -> Done:
    attempt = Attempt(
        deployment="d",
        outcome="ok",
        started_ms=1,
        duration_ms=50,
        usage=Usage(input_uncached=20, output=5),
        cost_micro_usd=None if cost is None else Decimal(cost),
    )
    message = {"role": "assistant", "content": text}
    return Done(
        id=request.id,
        body={"choices": [{"message": message, "finish_reason": "stop"}]},
        route=RouteTaken(
            tier="economy", deployment="d", model=request.body.model, attempts=(attempt,)
        ),
        cache=CacheOutcome(result="bypass"),
        usage=Usage(input_uncached=20, output=5),
        cost_micro_usd=attempt.cost_micro_usd,
        timings=Timings(first_token_ms=9),
    )


class Fleet:
    """Answers each request on the request topic by `answer`; None: never."""

    def __init__(self, answer: Answer, broker: MemoryBroker | None = None) -> None:
        self.broker = broker or MemoryBroker()
        self.requests: list[Request] = []
        self.answer = answer
        self.tasks: set[asyncio.Task[None]] = set()

    def receive(self, record: Record) -> None:
        """A record of the request topic."""
        request = codec.decode_request(record.value)
        self.requests.append(request)
        reply = self.answer(request)
        if reply is not None:
            task = asyncio.create_task(self.reply(request.tenant, reply))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def reply(self, tenant: str, reply: Done | Failed) -> None:
        """One reply, as a worker writes it."""
        headers = codec.to_headers({codec.TENANT_HEADER: tenant, codec.CORRELATION_ID: reply.id})
        value = codec.encode(reply)
        topic = topics.EVALUATION_REPLIES
        await self.broker.publish(Outgoing(topic, value, reply.id.encode(), headers))

    async def scan(self, topic: str, _since_ms: int) -> AsyncIterator[Record]:
        """What lies on a topic."""
        for record in self.broker.written(topic):
            yield record

    @asynccontextmanager
    async def exchange(self, planned: EvaluationPlan, journal: Path) -> AsyncIterator[CallExchange]:
        """The calls of an evaluation with this fleet."""
        client = RouterClient(self.broker, ClientSettings())
        connection = EvaluationConnection(self.scan, self.broker, client, lambda _: topics.REQUESTS)
        opened = EvaluationJournal(journal)
        exchange = CallExchange(planned, opened, connection)
        try:
            async with (
                self.broker.tail(topics.REQUESTS, self.receive),
                exchange.open({planned.tenant or "t"}),
            ):
                yield exchange
        finally:
            opened.close()
