"""Does a Redis that hangs, or is far away, cost one request its wait and then none?"""

import itertools
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from dev.tcp_proxy import SlowProxy, slow_proxy
from runtime.redis.connection import RedisLink, connect_redis
from runtime.redis.pipelining import PipelineLane
from tests.waiting import until
from workers.delivery.claims import Claimed, FinalRecords, Recorded, Unguarded
from workers.delivery.idempotency import IdempotencyRecords, IdempotencySettings
from workers.delivery.request_identity import Identity

pytestmark = pytest.mark.redis
SETTINGS = IdempotencySettings(timeout_s=1)
ENDING = FinalRecords(b"reply", b"usage")


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[SlowProxy]:
    place = urlsplit(redis_url)
    assert place.hostname is not None
    assert place.port is not None
    async with slow_proxy(place.hostname, place.port) as slow:
        yield slow


@pytest.mark.parametrize("delay_s", [0.3, 60])
@pytest.mark.parametrize("connected", [False, True])
async def test_requests_go_on_unguarded_until_a_probe_succeeds(
    proxy: SlowProxy,
    delay_s: float,
    connected: bool,  # noqa: FBT001
) -> None:
    pool = BlockingConnectionPool.from_url(
        f"redis://127.0.0.1:{proxy.port}", timeout=2, retry=Retry(NoBackoff(), 1)
    )
    redis = Redis.from_pool(pool)
    unguarded: list[None] = []
    records = IdempotencyRecords(PipelineLane(redis), SETTINGS, lambda: unguarded.append(None))
    if connected:
        assert isinstance(await records.claim(Identity("once:0", "f")), Claimed)
    proxy.delay_s = 60 if connected else delay_s
    begun = time.monotonic()
    for number in range(1, 51):
        claim = await records.claim(Identity(f"once:{number}", "f"))
        assert isinstance(claim, Unguarded)
        assert await records.store_final(claim, ENDING) == ENDING
    # one wait, and a probe or two
    assert time.monotonic() - begun < 3.5
    assert len(unguarded) == 50
    proxy.delay_s = 0
    numbers = itertools.count(100)

    async def guarded() -> bool:
        claim = await records.claim(Identity(f"once:{next(numbers)}", "f"))
        return not isinstance(claim, Unguarded)

    await until(guarded, within_s=20, pause_s=0.05)
    await records.close()
    # what had no record while Redis was silent has one, for another worker too
    another = IdempotencyRecords(PipelineLane(redis), SETTINGS, lambda: None)
    assert await another.claim(Identity("once:50", "f")) == Recorded(ENDING)
    await redis.aclose()


async def test_a_far_redis_is_left_alone_until_it_is_near(proxy: SlowProxy) -> None:
    link = RedisLink(connect_redis(f"redis://127.0.0.1:{proxy.port}"))
    assert await link.ping()
    proxy.delay_s = 0.2
    link.lose()
    assert not await link.ping()
    begun = time.monotonic()
    for _ in range(50):  # asked each time, it would take 10 s
        assert await link.run(link.redis.ping) is None
    assert time.monotonic() - begun < 5
    proxy.delay_s = 0
    assert await link.ping()
    assert await link.run(link.redis.ping)
    await link.redis.aclose()
