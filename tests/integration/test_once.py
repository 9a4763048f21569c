import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from dev.processes import Server
from workers.once import Claimed, Ending, Once, OnceSettings, Recorded, Unguarded

pytestmark = pytest.mark.redis
FIRST, SECOND = Ending(b"first", b"usage"), Ending(b"second", b"usage")


@dataclass
class Fleet:
    """Two workers on one Redis, with short leases."""

    redis: Redis
    unguarded: list[str] = field(default_factory=list)

    def worker(self, name: str, lease_s: float = 1) -> Once:
        settings = OnceSettings(lease_s=lease_s, look_every_s=0.01)
        return Once(self.redis, settings, lambda: self.unguarded.append(name))


@pytest.fixture
async def fleet(redis_url: str) -> AsyncIterator[Fleet]:
    async with Redis.from_url(redis_url, retry=Retry(NoBackoff(), 1)) as redis:
        yield Fleet(redis)


async def test_who_comes_second_gets_the_recorded_answer(fleet: Fleet) -> None:
    first = fleet.worker("a", lease_s=30)
    claim = await first.claim("t", "r")
    assert isinstance(claim, Claimed)
    waiting = asyncio.create_task(fleet.worker("b").claim("t", "r"))
    await asyncio.sleep(0)
    assert await first.record(claim, FIRST) == FIRST
    assert await waiting == Recorded(FIRST)


async def test_two_who_both_answered_publish_the_same(fleet: Fleet) -> None:
    first, second = fleet.worker("a"), fleet.worker("b")
    lapsed = await first.claim("t", "r")  # never renewed: as if its worker stood still
    taken = await second.claim("t", "r")
    assert isinstance(taken, Claimed)
    assert await second.record(taken, SECOND) == SECOND
    assert await first.record(lapsed, FIRST) == SECOND


async def test_a_lease_is_kept_while_its_holder_lives(fleet: Fleet) -> None:
    first, second = fleet.worker("a"), fleet.worker("b")
    claim = await first.claim("t", "r")
    async with first.holding(claim):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await second.claim("t", "r")


async def test_a_lease_that_a_flush_took_is_taken_back(fleet: Fleet) -> None:
    first, second = fleet.worker("a"), fleet.worker("b")
    claim = await first.claim("t", "r")
    async with first.holding(claim):
        await fleet.redis.flushall()
        async with asyncio.timeout(5):
            while not await fleet.redis.exists("sg:once:t:r"):  # noqa: ASYNC110 the lease is silent
                await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await second.claim("t", "r")


async def test_a_lost_lease_is_not_taken_back_from_who_has_it_now(fleet: Fleet) -> None:
    first, second = fleet.worker("a"), fleet.worker("b", lease_s=30)
    claim = await first.claim("t", "r")
    taken = await second.claim("t", "r")
    async with first.holding(claim):
        held = await fleet.redis.get("sg:once:t:r")
        await asyncio.sleep(1.5)
        assert await fleet.redis.get("sg:once:t:r") == held
    assert isinstance(taken, Claimed)


async def test_a_restarted_redis_is_no_lost_redis(fleet: Fleet, redis_server: Server) -> None:
    await asyncio.gather(*(fleet.worker("a").claim("t", str(n)) for n in range(8)))
    redis_server.restart()
    claims = await asyncio.gather(*(fleet.worker("a").claim("u", str(n)) for n in range(8)))
    assert all(isinstance(claim, Claimed) for claim in claims)
    assert fleet.unguarded == []


async def test_without_redis_the_work_goes_on_and_is_recorded_if_redis_is_back(
    fleet: Fleet, redis_server: Server
) -> None:
    worker = fleet.worker("a")
    redis_server.stop()
    began = time.monotonic()
    try:
        claim = await worker.claim("t", "r")
        assert await worker.record(claim, FIRST) == FIRST
    finally:
        redis_server.start()
    assert isinstance(claim, Unguarded)
    assert time.monotonic() - began < 5
    assert fleet.unguarded == ["a"]
    assert await worker.record(claim, FIRST) == FIRST
    assert await fleet.worker("b").claim("t", "r") == Recorded(FIRST)
