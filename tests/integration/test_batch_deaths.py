"""Wherever the batch process dies, nothing is lost, paid twice, booked twice or counted twice."""

import asyncio
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis

from producers.contract import UsageEvent, topics
from runtime.budgets.budgets import countable
from runtime.budgets.reservations import BudgetLedger
from runtime.consuming.queue_groups import batch_queues, group_of_batch_queue
from runtime.redis.connection import RedisLink, connect_redis
from tests.flow.batch_stage import BatchStage, MemoryBatchLog, waiting_stage
from tests.flow.test_batches import all_closed, event_of, submit
from tests.waiting import until
from workers.batching.pool.batch_pool import BatchPool
from workers.batching.pool.process import BATCHES_GROUP
from workers.delivery.claims import Claimed

pytestmark = pytest.mark.redis
REQUESTS = 2


class Life:
    """Of one process: it ends at step `last`, before or after its effect.

    Steps count from 1, from when `counts` is true.
    """

    def __init__(
        self, last: int, *, after: bool, counts: Callable[[], bool] = lambda: True
    ) -> None:
        self._last = last
        self._counts = counts
        self._after = after
        self._step = 0
        self.ended = asyncio.Event()
        self.gone = False
        self.claimed = set[str]()

    async def live(self, step: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 the step's
        await self._breathe()
        self._step += self._counts()
        here = self._step == self._last
        if here and not self._after:
            self.ended.set()
            await self._breathe()
        done = await step()
        if isinstance(done, Claimed) and self._counts():
            self.claimed.add(done.identity.key)
        if here:
            self.ended.set()
        await self._breathe()
        return done

    async def _breathe(self) -> None:
        if self.gone:
            raise asyncio.CancelledError
        if self.ended.is_set():
            await asyncio.Event().wait()


class Mortal:
    """What a process uses, in whose midst it may die."""

    def __init__(self, used: Any, life: Life) -> None:  # noqa: ANN401 whatever it is
        self._used = used
        self._life = life

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 whatever it has
        found = getattr(self._used, name)
        if not inspect.iscoroutinefunction(found):
            return found
        return lambda *args, **named: self._life.live(partial(found, *args, **named))


class MortalBatchStage(BatchStage):
    """Its next process has this life."""

    life: Life

    def pool(self, log: MemoryBatchLog) -> BatchPool:
        made, life = super().pool(log), self.life
        requests = replace(
            made.requests,
            publisher=Mortal(made.requests.publisher, life),
            idempotency=Mortal(made.requests.idempotency, life),
            lookup=Mortal(made.requests.lookup, life),
        )
        mortal: dict[str, Any] = {
            name: Mortal(getattr(made, name), life) for name in ("log", "guard", "budgets")
        }
        return replace(made, requests=requests, **mortal)


async def kept_in(redis: Redis) -> tuple[Decimal, int]:
    """(micro-dollars in the tenant's budget, reservations that are open)."""
    prefix = "switchgear:budget:{t}"
    (day,) = await redis.keys(f"{prefix}:????-??-??") or [b""]
    return Decimal(int(await redis.get(day) or 0)), await redis.zcard(f"{prefix}:open")


async def spent_when_settled(redis: Redis) -> Decimal | None:
    """Micro-dollars in the tenant's budget, once no reservation is open."""
    spent, reservations = await kept_in(redis)
    return None if reservations else spent


def answered(stage: BatchStage) -> None:
    """The batch answers."""


def to_its_tier(stage: BatchStage) -> None:
    """The batch's answer fails its check."""


def to_nobody(stage: BatchStage) -> None:
    """As `to_its_tier`, which has no workers."""
    stage.unserved["llm.tier.economy"] = "no worker pool serves its zone us now"


CHECKS = {"validators": [{"kind": "contains", "texts": ["42"]}]}
WAYS: dict[str, tuple[Callable[[BatchStage], None], dict[str, Any]]] = {
    "answered": (answered, {}),
    "to its tier": (to_its_tier, CHECKS),
    "to nobody": (to_nobody, CHECKS),
}


async def died_at(redis_url: str, way: str, last: int, *, after: bool) -> bool:
    """Whether the first process died; what it and the second one did is judged."""
    async with aclosing(connect_redis(redis_url)) as redis:
        await redis.flushall()
        return await _died_at(redis, way, last, after=after)


async def _died_at(redis: Redis, way: str, last: int, *, after: bool) -> bool:
    prepare, routing = WAYS[way]
    tenants = {"t": {"budget_usd_day": 1}}
    budgets = BudgetLedger(lambda: datetime.now(UTC), RedisLink(redis))
    async with waiting_stage("openai", budgets, full=REQUESTS, tenants=tenants) as played:
        stage = MortalBatchStage(played.stage, played.simulator, played.address, played.session)
        prepare(stage)
        life = stage.life = Life(last, after=after, counts=partial(has_results, stage))
        names = [name.encode() for name in await submit(stage, REQUESTS, **routing)]
        async with stage.batching():
            closed = asyncio.create_task(
                stage.stage.broker.until(lambda: bool(stage.records()) and all_closed(stage))
            )
            ended = asyncio.create_task(life.ended.wait())
            await asyncio.wait({closed, ended}, return_when="FIRST_COMPLETED")
            life.gone = True
            closed.cancel()
            ended.cancel()
        if life.ended.is_set():
            await left_alone(stage, life)
            stage.life = Life(0, after=False)
            async with stage.batching():
                await stage.stage.broker.until(lambda: bool(stage.records()) and all_closed(stage))
        await judge(stage, names, redis)
    return life.ended.is_set()


def has_results(stage: BatchStage) -> bool:
    """Before that a test of the flow lets it die."""
    return any(record.state == "ended" for record in stage.records())


async def left_alone(stage: BatchStage, life: Life) -> None:
    """The leases that it held and its places in the groups end."""
    leases = stage.stage.idempotency._leases  # noqa: SLF001 nobody else may end them
    for key in life.claimed & leases.keys():
        leases.pop(key).set()
    groups = [group_of_batch_queue(queue) for queue in batch_queues(stage.stage.catalog)]
    for group in (*groups, BATCHES_GROUP):
        for member in list(stage.stage.broker._groups[group].members):  # noqa: SLF001 as leases
            await member.die()


async def judge(stage: BatchStage, names: list[bytes], redis: Redis) -> None:
    broker = stage.stage.broker
    await broker.until(lambda: {each.key for each in broker.written(topics.REPLIES)} == set(names))
    replies = {each.value for each in broker.written(topics.REPLIES)}
    assert len(replies) == REQUESTS
    assert Counter(stage.paid()) == dict.fromkeys(stage.paid(), 1)
    assert len(stage.stage.calls) in {0, REQUESTS}
    rows: dict[tuple[object, ...], UsageEvent] = {}
    for event in filter(None, map(event_of, stage.stage.events_written())):
        row = rows.setdefault((event.tenant, event.id, event.aside, event.at_ms), event)
        assert row.cost_micro_usd == event.cost_micro_usd
    booked = [attempt for event in rows.values() for attempt in event.attempts if attempt.usage]
    assert len(booked) == len(stage.paid()) + len(stage.stage.calls)
    # a worker settles its reservation after its reply
    spent = await until(partial(spent_when_settled, redis))
    assert spent == sum(countable(attempt.cost_micro_usd) for attempt in booked)
    assert not stage.guard.held


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("way", WAYS)
async def test_whatever_step_the_process_dies_at(
    redis_url: str,
    way: str,
    after: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    last, died = 0, True
    while died:
        last += 1
        try:
            died = await died_at(redis_url, way, last, after=after)
        except Exception as error:
            raise AssertionError(f"it died at step {last}") from error
    assert last > REQUESTS * 4
