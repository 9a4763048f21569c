"""Item guard on Redis: which batch has a request, and who may give it back."""

from collections.abc import AsyncIterator

import pytest

from runtime.redis.connection import RedisLink, connect_redis
from workers.batching.pool.item_guard import RedisItemGuard

pytestmark = pytest.mark.redis


@pytest.fixture
async def guard(redis_url: str) -> AsyncIterator[RedisItemGuard]:
    redis = connect_redis(redis_url)
    yield RedisItemGuard(RedisLink(redis), lambda: pytest.fail("Redis is there"))
    await redis.aclose()


async def test_the_first_batch_has_a_request_and_keeps_it(guard: RedisItemGuard) -> None:
    assert await guard.take(["a", "b"], "first") == ["first", "first"]
    assert await guard.take(["b", "c"], "second") == ["first", "second"]
    assert await guard.take(["a", "b"], "first") == ["first", "first"]


async def test_only_its_own_batch_gives_a_request_back(guard: RedisItemGuard) -> None:
    await guard.take(["a", "b"], "first")
    await guard.release(["a", "b"], "second")
    assert await guard.take(["a"], "second") == ["first"]
    await guard.release(["a", "b"], "first")
    assert await guard.take(["a", "b"], "second") == ["second", "second"]


async def test_a_request_can_be_moved_whoever_has_it(guard: RedisItemGuard) -> None:
    await guard.take(["a"], "first")
    await guard.move(["a"], "second")
    assert await guard.take(["a"], "third") == ["second"]


async def test_no_requests_are_no_question(guard: RedisItemGuard) -> None:
    assert await guard.take([], "first") == []
    await guard.move([], "first")
    await guard.release([], "first")
