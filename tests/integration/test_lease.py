"""Leases on a real Redis: taken by one, renewed while held, released by their owner alone."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from dev.processes import free_port
from runtime.redis.connection import RedisLink, connect_redis
from runtime.redis.lease import (
    CountingLeases,
    ExclusiveLeases,
    HeldElsewhere,
    Lease,
    LeaseRenewal,
    RedisAway,
)
from runtime.redis.pipelining import PipelineLane
from tests.waiting import until

pytestmark = pytest.mark.redis
LIFE_S = 0.3


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def make(redis: Redis) -> AsyncIterator[Callable[..., ExclusiveLeases]]:
    """Each of them is another process' side."""
    made: list[ExclusiveLeases] = []

    def leases(life_s: float = LIFE_S, **options: float) -> ExclusiveLeases:
        made.append(ExclusiveLeases(PipelineLane(redis), life_s=life_s, **options))
        return made[-1]

    yield leases
    for side in made:
        await side.close()


async def taken(leases: ExclusiveLeases, key: str = "k") -> Lease:
    """As soon as it is free."""

    async def taken_one() -> Lease | None:
        attempt = await leases.take(key)
        return attempt if isinstance(attempt, Lease) else None

    return await until(taken_one, within_s=10)


async def lapsed(redis: Redis, key: str = "k") -> None:
    async def is_gone() -> bool:
        return not await redis.exists(key)

    await until(is_gone)


async def test_of_many_who_ask_one_has_it(make: Callable[..., ExclusiveLeases]) -> None:
    attempts = await asyncio.gather(*(make().take("k") for _ in range(20)))
    (winner,) = (lease for lease in attempts if isinstance(lease, Lease))
    assert [one for one in attempts if one != winner] == [HeldElsewhere(winner.token.encode())] * 19


async def test_a_lease_is_renewed_while_it_is_held(
    make: Callable[..., ExclusiveLeases], redis: Redis
) -> None:
    ours, others = make(), make()
    lease = await taken(ours)
    left_ms = list[int]()

    async def renewed_thrice() -> bool:
        assert await others.take("k") == HeldElsewhere(lease.token.encode())
        left_ms.append(await redis.pttl("k"))
        return sum(later > earlier for earlier, later in itertools.pairwise(left_ms)) > 2

    await until(renewed_thrice)
    assert 0 < await redis.pttl("k") <= LIFE_S * 1000
    assert await ours.release(lease) is True
    assert isinstance(await others.take("k"), Lease)


async def test_who_dies_loses_it_and_touches_its_successors_no_more(
    make: Callable[..., ExclusiveLeases], redis: Redis
) -> None:
    dead, successor = make(), make(life_s=60)
    lapsing = await taken(dead)
    await dead.close()
    current = await taken(successor)
    assert await dead.release(lapsing) is False
    assert await redis.get("k") == current.token.encode()


async def test_renewal_leaves_another_holders_lease_alone(
    make: Callable[..., ExclusiveLeases], redis: Redis
) -> None:
    ours = make()
    await taken(ours)
    await redis.set("k", "another's", px=200)
    await lapsed(redis)
    assert ours.held("k")


async def test_a_forgotten_holder_is_renewed_for_so_long_only(
    make: Callable[..., ExclusiveLeases], redis: Redis
) -> None:
    ours = make(longest_s=LIFE_S)
    lease = await taken(ours)
    await lapsed(redis)
    assert not ours.held("k")
    assert await ours.release(lease) is False


async def test_an_old_release_ends_no_renewal_of_a_new_lease(
    make: Callable[..., ExclusiveLeases], redis: Redis
) -> None:
    ours = make()
    old = await taken(ours)
    await redis.delete("k")
    new = await taken(ours)
    assert await ours.release(old) is False
    assert ours.held("k")
    assert await ours.release(new) is True
    assert not ours.held("k")


async def test_a_mark_may_be_left_in_its_place(
    make: Callable[..., ExclusiveLeases], redis: Redis
) -> None:
    ours = make()
    await ours.release(await taken(ours), mark="alone", mark_ms=200)
    assert await ours.take("k") == HeldElsewhere(b"alone")
    await lapsed(redis)


async def test_redis_away_is_a_value() -> None:
    client = Redis.from_url(f"redis://127.0.0.1:{free_port()}", retry=Retry(NoBackoff(), 0))
    leases = ExclusiveLeases(PipelineLane(client), life_s=LIFE_S)
    assert await leases.take("k") == RedisAway("ConnectionError")
    assert await leases.release(Lease("k", "t")) == RedisAway("ConnectionError")
    link = RedisLink(client)
    places = CountingLeases(link, life_s=LIFE_S)
    assert isinstance(await places.take("k", "a", 1), RedisAway)
    await places.release("k", "a")
    assert not link.up
    await client.aclose()


async def test_only_so_many_have_a_place(redis_url: str) -> None:
    link = RedisLink(connect_redis(redis_url))
    places = CountingLeases(link, life_s=60)
    answers = await asyncio.gather(*(places.take("k", f"h{n}", 3) for n in range(10)))
    assert answers.count(True) == 3
    holder = answers.index(True)
    await places.release("k", "nobody")
    assert await places.take("k", "late", 3) is False
    await places.release("k", f"h{holder}")
    assert await places.take("k", "late", 3) is True
    await link.redis.aclose()


async def test_who_asks_again_since_the_reply_was_lost_has_what_he_took(
    make: Callable[..., ExclusiveLeases], redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client sends it again when its connection ends: no holder may follow itself."""
    monkeypatch.setattr("runtime.redis.lease.owner_token", lambda: "ours")
    await redis.set("k", "ours")
    ours = make()
    assert await ours.take("k") == Lease("k", "ours")
    assert ours.held("k")
    await redis.set("other", "theirs")
    assert await ours.take("other") == HeldElsewhere(b"theirs")
    places = CountingLeases(RedisLink(redis), life_s=60)
    assert await places.take("few", "ours", 1) is True
    assert await places.take("few", "ours", 1) is True
    assert await places.take("few", "theirs", 1) is False


async def test_a_dead_holders_place_is_free_after_its_life(redis_url: str) -> None:
    link = RedisLink(connect_redis(redis_url))
    places = CountingLeases(link, life_s=0.1)
    assert await places.take("k", "dead", 1) is True
    await until(lambda: places.take("k", "late", 1), within_s=10)
    await link.redis.aclose()


@pytest.mark.parametrize("error", [RuntimeError("a fault"), ConnectionError("away")])
async def test_a_renewal_that_fails_comes_again(error: Exception) -> None:
    times, enough = itertools.count(1), asyncio.Event()

    async def renew(leases: object) -> None:
        assert leases == ("lease",)
        if next(times) == 3:
            enough.set()
        raise error

    renewal: LeaseRenewal[str] = LeaseRenewal(0.03, renew)
    renewal.start("name", "lease")
    await asyncio.wait_for(enough.wait(), 10)
    await renewal.close()
    assert renewal.get("name") is None
