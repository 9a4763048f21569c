import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cache.round_trips import RoundTrips
from dev.processes import Server, free_port
from workers.once import Claimed, Ending, Once, OnceSettings, Recorded, Unguarded

pytestmark = pytest.mark.redis

QUICK = OnceSettings(lease_s=0.3, keep_s=60, timeout_s=5, look_every_s=0.02)
MINE = Ending(b'{"type":"done"}\n', b"usage\n1")
OTHER = Ending(b"other", b"")


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


class Counted:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def once_of(redis: Redis, settings: OnceSettings = QUICK) -> Once:
    return Once(RoundTrips(redis), settings, Counted())


async def claimed(once: Once, identifier: str = "r") -> Claimed:
    claim = await asyncio.wait_for(once.claim("t", identifier), 10)
    assert isinstance(claim, Claimed)
    return claim


async def test_who_comes_later_gets_what_was_recorded(redis: Redis) -> None:
    once = once_of(redis)
    claim = await claimed(once)
    assert await once.record(claim, MINE) == MINE
    assert await once.claim("t", "r") == Recorded(MINE)


async def test_another_tenants_request_of_the_same_id_is_another(redis: Redis) -> None:
    once = once_of(redis)
    await once.record(await claimed(once), MINE)
    assert isinstance(await once.claim("u", "r"), Claimed)


async def test_two_at_once_make_one_answer(redis: Redis) -> None:
    one, two = once_of(redis), once_of(redis)
    claim = await claimed(one)
    async with one.holding(claim):
        waiting = asyncio.create_task(two.claim("t", "r"))
        # longer than a lease: it is renewed as long as its holder lives
        done, _ = await asyncio.wait({waiting}, timeout=3 * QUICK.lease_s)
        assert not done
        await one.record(claim, MINE)
    assert await asyncio.wait_for(waiting, 10) == Recorded(MINE)


async def test_a_dead_holders_request_is_taken_over_and_the_first_to_record_wins(
    redis: Redis,
) -> None:
    dead, alive = once_of(redis), once_of(redis)
    old = await claimed(dead)
    new = await claimed(alive)  # once the lease has lapsed
    assert await alive.record(new, MINE) == MINE
    assert await dead.record(old, OTHER) == MINE


async def test_what_is_released_may_be_claimed_at_once_and_only_by_its_holder(
    redis: Redis,
) -> None:
    once = once_of(redis, OnceSettings(lease_s=60, timeout_s=5, look_every_s=0.02))
    first = await claimed(once)
    await once.release(first)
    second = await claimed(once)
    await once.release(first)  # a lease that isn't its own any more
    waiting = asyncio.create_task(once.claim("t", "r"))
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done
    await once.release(second)
    assert isinstance(await asyncio.wait_for(waiting, 10), Claimed)


async def test_without_redis_the_work_goes_on_and_is_counted() -> None:
    counted = Counted()
    client = Redis.from_url(f"redis://127.0.0.1:{free_port()}", retry=Retry(NoBackoff(), 0))
    once = Once(RoundTrips(client), QUICK, counted)
    claim = await once.claim("t", "r")
    assert isinstance(claim, Unguarded)
    async with once.holding(claim):
        assert await once.record(claim, MINE) == MINE
    await once.release(claim)
    assert counted.times == 1
    await client.aclose()


async def test_redis_that_goes_in_between_costs_no_answer(
    redis: Redis, redis_server: Server
) -> None:
    once = once_of(redis)
    claim = await claimed(once)
    redis_server.stop()
    try:
        assert await once.record(claim, MINE) == MINE
    finally:
        redis_server.start()


async def test_a_released_lease_stays_released(redis: Redis) -> None:
    once = once_of(redis)
    claim = await claimed(once)
    async with once.holding(claim):
        await once.release(claim)
        await asyncio.sleep(2 * QUICK.lease_s)
        assert not await redis.exists(claim.key)
