"""What another program wrote under one key costs the others nothing."""

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError

from runtime.redis.connection import RedisLink, connect_redis
from runtime.redis.errors import is_junk_in_a_key
from runtime.redis.lease import ExclusiveLeases, Lease, RedisAway
from runtime.redis.pipelining import PipelineLane
from tests.waiting import until
from workers.delivery.claims import Claimed, Unguarded
from workers.delivery.idempotency import IdempotencyRecords, IdempotencySettings
from workers.delivery.request_identity import Identity

pytestmark = pytest.mark.redis


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(connect_redis(redis_url))
    yield link
    await link.redis.aclose()


async def test_a_key_of_another_type_is_no_outage(link: RedisLink) -> None:
    await link.redis.rpush("junk", "a")
    for command in (
        lambda: link.redis.get("junk"),
        lambda: link.redis.eval("return redis.call('GET', KEYS[1])", 1, "junk"),
        lambda: link.redis.eval(
            "return tonumber(redis.call('LRANGE', KEYS[1], 0, 0)) + 1", 1, "junk"
        ),
    ):
        assert await link.run(command) is None
        assert link.up
    assert await link.run(link.redis.ping)


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError("OOM command not allowed when used memory > 'maxmemory'."),
        ResponseError("OOM command not allowed script: 0a, on @user_script:3."),
        ReadOnlyError("READONLY You can't write against a read only replica."),
        ResponseError("MISCONF Redis is configured to save RDB snapshots"),
        ConnectionError("closed"),
    ],
)
def test_a_redis_that_takes_no_writes_is_one(error: Exception) -> None:
    assert not is_junk_in_a_key(error)


async def test_one_request_with_junk_for_a_record_leaves_the_others_guarded(
    redis_url: str,
) -> None:
    unguarded: list[None] = []
    redis = Redis.from_url(redis_url)
    records = IdempotencyRecords(
        PipelineLane(redis), IdempotencySettings(), lambda: unguarded.append(None)
    )
    junk, sound = Identity("once:junk", "f"), Identity("once:sound", "f")
    await redis.rpush(junk.key, "a")
    for _ in range(3):
        assert isinstance(await records.claim(junk), Unguarded)
    assert isinstance(await records.claim(sound), Claimed)
    assert len(unguarded) == 3
    await redis.aclose()


async def test_one_lease_that_was_overwritten_leaves_the_others_renewed(link: RedisLink) -> None:
    leases = ExclusiveLeases(link.trips, life_s=1.5)
    taken = [await leases.take(f"lease:{number}") for number in range(2)]
    assert all(isinstance(lease, Lease) for lease in taken)
    await link.redis.delete("lease:0")
    await link.redis.rpush("lease:0", "a")
    lifetimes = list[int]()

    async def renewed() -> bool:
        lifetimes.append(await link.redis.pttl("lease:1"))
        return any(later > earlier for earlier, later in pairwise(lifetimes))

    await until(renewed, within_s=20, pause_s=0.05)
    await leases.close()
    assert not isinstance(taken[1], RedisAway)
