import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from dev.processes import Server
from runtime.budgets.reservations import BatchCharge, BudgetLedger, Reservation
from runtime.budgets.standing import Exhausted, OverSoftLimit, WithinBudget
from runtime.config.catalog import TagBudget, Tenant
from runtime.redis.connection import RedisLink, connect_redis

pytestmark = pytest.mark.redis
AT = datetime(2026, 11, 24, tzinfo=UTC)
LIMIT = 1_000_000
TENANT = Tenant(
    budget_usd_day=Decimal(1),
    budget_usd_month=Decimal(100),
    tag_budgets={"team=*": TagBudget(usd_day=Decimal("0.3"))},
)
DAY = "switchgear:budget:{acme}:2026-11-24"
CHARGES = "switchgear:budget:{acme}:batch:"
MONTH = "switchgear:budget:{acme}:2026-11"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect_redis(redis_url)
    yield client
    await client.aclose()


def process(redis: Redis) -> BudgetLedger:
    return BudgetLedger(lambda: AT, RedisLink(redis))


async def test_500_at_once_never_overdraw(redis: Redis) -> None:
    workers = [process(redis) for _ in range(4)]
    draw = random.Random(3)
    real = 0

    async def request(number: int) -> bool:
        nonlocal real
        worker, estimate = workers[number % 4], Decimal(draw.randint(1_000, 9_000))
        answer = await worker.reserve("acme", TENANT, {}, f"r{number}", estimate)
        if isinstance(answer, Exhausted):
            return False
        await asyncio.sleep(draw.random() / 100)
        cost = int(estimate * draw.randint(50, 100) / 100)
        real += cost
        await worker.settle_reservation(answer, Decimal(cost))
        return True

    served: list[bool] = []
    for wave in (range(500), range(500, 700), range(700, 900)):
        # the later ones find what the earlier ones gave back
        served += await asyncio.gather(*(request(number) for number in wave))
    assert real <= LIMIT
    assert int(await redis.get(DAY) or 0) == real == int(await redis.get(MONTH) or 0)
    assert 0 < served.count(False) < len(served)
    assert real > LIMIT * 0.9  # nothing stayed reserved
    assert await redis.zcard("switchgear:budget:{acme}:open") == 0


async def test_a_reservation_is_all_budgets_or_none(redis: Redis) -> None:
    budgets = process(redis)
    tags = {"team": "search"}
    first = await budgets.reserve("acme", TENANT, tags, "a", Decimal(200_000))
    assert isinstance(first, Reservation)
    assert first.status == WithinBudget()
    second = await budgets.reserve("acme", TENANT, tags, "b", Decimal(150_000))
    assert isinstance(second, Exhausted)
    assert "team=search of tenant acme" in second.why
    assert int(await redis.get(DAY) or 0) == 200_000
    third = await budgets.reserve("acme", TENANT, tags, "c", Decimal(60_000))
    assert isinstance(third, Reservation)
    assert isinstance(third.status, OverSoftLimit)


async def test_what_a_batch_spent_counts_once_in_a_budget_that_is_full(redis: Redis) -> None:
    budgets = process(redis)
    for name in ("a", "b"):
        await budgets.reserve("acme", TENANT, {}, name, Decimal(LIMIT // 2))
    answer, aside = BatchCharge("one", "a", gives_back="a"), BatchCharge("one", "c")
    for _ in range(2):  # as by a process that goes on where another died
        await budgets.charge("acme", TENANT, {}, answer, Decimal(LIMIT))
        await budgets.charge("acme", TENANT, {}, aside, Decimal(7))
        # what its tier reserves for it meanwhile stays reserved
        await budgets.reserve("acme", TENANT, {}, "a", Decimal(0))
    await budgets.charge("acme", TENANT, {}, BatchCharge("two", "c"), Decimal(9))
    spent = LIMIT + 7 + 9
    assert int(await redis.get(DAY) or 0) == int(await redis.get(MONTH) or 0) == LIMIT // 2 + spent
    await budgets.charge("acme", TENANT, {}, BatchCharge("", "", gives_back="b"), None)
    assert int(await redis.get(DAY) or 0) == spent
    assert 0 < await redis.ttl(f"{CHARGES}one") <= 3600
    for batch in ("one", "two"):
        await budgets.forget_charges("acme", batch)
    assert not await redis.keys(f"{CHARGES}*")


@pytest.mark.parametrize(
    "junk",
    [
        *("junk", "", "[1]", "null", "{}", '{"amount": "x", "counters": []}', "[" * 2_000),
        *('{"amount": 1, "counters": [[]]}', '{"amount": 1.5, "counters": ["other"]}'),
    ],
)
async def test_junk_in_place_of_what_a_reservation_holds_holds_nothing(
    redis: Redis, junk: str
) -> None:
    budgets, held = process(redis), "switchgear:budget:{acme}:held"
    await redis.set("other", "text")
    first = await budgets.reserve("acme", TENANT, {}, "a", Decimal(100_000))
    assert isinstance(first, Reservation)
    for name in ("a", "expired"):
        await redis.hset(held, name, junk)
    await redis.zadd("switchgear:budget:{acme}:open", {"expired": 1})
    await budgets.settle_reservation(first, Decimal(40_000))
    again = await budgets.reserve("acme", TENANT, {}, "b", Decimal(50_000))
    assert isinstance(again, Reservation)
    assert not again.alone
    await budgets.settle_reservation(again, Decimal(1))
    assert await redis.hlen(held) == await redis.zcard("switchgear:budget:{acme}:open") == 0
    # what the junk stood for counts as its estimate, or by what the junk says
    assert 100_001 <= int(await redis.get(DAY) or 0) <= 140_000
    assert await redis.get("other") in {"text", b"text"}


async def test_a_redelivered_request_reserves_once_and_settling_twice_is_once(redis: Redis) -> None:
    budgets = process(redis)
    for _ in range(3):
        reservation = await budgets.reserve("acme", TENANT, {}, "same", Decimal(100_000))
    assert int(await redis.get(DAY) or 0) == 100_000
    assert isinstance(reservation, Reservation)
    for _ in range(2):
        await budgets.settle_reservation(reservation, Decimal(40_000))
    assert int(await redis.get(DAY) or 0) == 40_000


async def test_what_a_dead_worker_reserved_comes_back(redis: Redis) -> None:
    budgets = process(redis)
    await budgets.reserve("acme", TENANT, {}, "dead", Decimal(900_000))
    assert isinstance(await budgets.reserve("acme", TENANT, {}, "b", Decimal(200_000)), Exhausted)
    await redis.zadd("switchgear:budget:{acme}:open", {"dead": 0})  # its lease has ended
    assert isinstance(await budgets.reserve("acme", TENANT, {}, "b", Decimal(200_000)), Reservation)
    assert int(await redis.get(DAY) or 0) == 200_000


async def test_without_redis_it_counts_on_and_tells_when_it_is_back(
    redis: Redis, redis_server: Server
) -> None:
    link = RedisLink(redis)
    budgets = BudgetLedger(lambda: AT, link)
    before = await budgets.reserve("acme", TENANT, {}, "a", Decimal(500_000))
    assert isinstance(before, Reservation)
    redis_server.stop()
    await budgets.settle_reservation(before, Decimal(400_000))
    alone = await budgets.reserve("acme", TENANT, {}, "b", Decimal(300_000))
    assert isinstance(alone, Reservation)
    assert alone.alone
    assert isinstance(await budgets.reserve("acme", TENANT, {}, "c", Decimal(300_000)), Exhausted)
    await budgets.settle_reservation(alone, Decimal(250_000))
    redis_server.start()
    assert await link.ping()
    last = await budgets.reserve("acme", TENANT, {}, "d", Decimal(10_000))
    assert isinstance(last, Reservation)
    await budgets.settle_reservation(last, Decimal(10_000))
    assert int(await redis.get(DAY) or 0) == 400_000 + 250_000 + 10_000
