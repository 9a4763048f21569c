"""Does every key that a tenant's name makes in Redis come to an end?"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from cache.storage.batched_reads import BatchedReads
from cache.storage.entry import CacheEntry
from cache.storage.store import FIRST_VERSION, EntryStore, Stored
from runtime.budgets.reservations import BudgetLedger, Reservation
from runtime.config.catalog import Tenant
from runtime.redis.connection import RedisLink, connect_redis
from runtime.redis.pipelining import PipelineLane

pytestmark = pytest.mark.redis
ENTRY = CacheEntry("e", None, None, "0", 1, 2, None, {}, {"choices": []})
QUOTA = 1_000_000


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


async def lives(redis: Redis) -> dict[str, int]:
    """Milliseconds that each key has left; -1: for ever."""
    return {key.decode(): await redis.pttl(key) async for key in redis.scan_iter()}


async def write(store: EntryStore, name: str, version: str, ttl_ms: int) -> None:
    stored = await store.write(
        "t",
        name,
        ENTRY,
        version=version,
        ttl_ms=ttl_ms,
        quota_bytes=QUOTA,
        max_bytes=QUOTA,
        tags=["a"],
    )
    assert isinstance(stored, Stored)


async def test_a_tenants_part_of_the_cache_ends(redis: Redis) -> None:
    store = EntryStore(PipelineLane(redis), BatchedReads(redis, 1), "c")
    await write(store, "long", FIRST_VERSION, 60_000)
    await write(store, "short", FIRST_VERSION, 1_000)
    left = await lives(redis)
    assert len(left) == 7
    # the account outlives the longest entry, whichever came last
    accounts = [ms for key, ms in left.items() if not key.endswith((":long", ":short", ":a"))]
    assert all(60_000 < ms <= 120_000 for ms in accounts)
    await store.delete("t", ["long"])
    assert await store.begin_epoch("t") == 1
    assert min((await lives(redis)).values()) > 0


async def test_a_tenants_budgets_end(redis_url: str) -> None:
    redis = connect_redis(redis_url)
    ledger = BudgetLedger(lambda: datetime(2026, 11, 24, tzinfo=UTC), RedisLink(redis))
    tenant = Tenant(budget_usd_day=Decimal(1))
    held = await ledger.reserve("t", tenant, {}, "r", Decimal(10))
    assert isinstance(held, Reservation)
    left = {key: await redis.pttl(key) async for key in redis.scan_iter()}
    assert len(left) == 3
    assert min(left.values()) > 0
    await redis.aclose()
