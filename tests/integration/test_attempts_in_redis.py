"""An SDK's retry finds what it repeats in another gateway's hands, and without Redis in its own."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from gateway.exchanges.attempts import SdkAttempt, SharedAttempts
from runtime.redis.connection import RedisLink, connect_redis

pytestmark = pytest.mark.redis
FIRST, SECOND = SdkAttempt(b"d", 0), SdkAttempt(b"d", 1)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect_redis(redis_url)
    await client.flushdb()
    yield client
    await client.aclose()


async def test_another_process_takes_over_what_this_one_began(redis: Redis) -> None:
    dead, alive = (SharedAttempts(RedisLink(redis)) for _ in range(2))
    await dead.begin(FIRST, "a")
    await dead.begin(FIRST, "b")
    await dead.prefer(FIRST, "b")
    assert [await alive.claim(SECOND) for _ in range(3)] == ["b", "a", None]
    # taken by another one: whoever began it must not cancel it
    assert not await dead.leave(FIRST, "a")
    assert await alive.leave(SECOND, "a")
    assert 0 < await redis.pttl(SECOND.key) <= 600_000


async def test_without_redis_a_process_knows_its_own() -> None:
    client = connect_redis("redis://localhost:1")
    records = SharedAttempts(RedisLink(client))
    await records.begin(FIRST, "a")
    assert await records.claim(SECOND) == "a"
    assert await records.leave(SECOND, "a")
    assert not await records.leave(SECOND, "a")
    await client.aclose()
