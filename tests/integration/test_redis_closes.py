"""Redis closes a connection in the moment between its choice and the first byte written to it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
import uvloop
from redis.asyncio import Redis
from redis.asyncio.connection import Connection

from cache.commands.surroundings import redis_client
from gateway.stored_responses.store import RedisResponseStore, ResponseStoreAwayError
from runtime.redis.connection import RedisLink, connect_redis
from runtime.redis.connection_pool import connection_pool
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.lease import CountingLeases, RedisAway
from tests.waiting import until
from workers.health.shared_state import SharedFleetState

pytestmark = pytest.mark.redis
Run = Callable[[Coroutine[Any, Any, None]], None]
LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run])


class Closing:
    """Closes every connection of a client's pool as it is handed out, or once it has connected."""

    def __init__(self, redis: Redis, patch: pytest.MonkeyPatch) -> None:
        self.times = 0
        pool: Any = redis.connection_pool
        self._choose = pool.get_connection
        patch.setattr(pool, "get_connection", self._chosen)

    async def _chosen(self, *asked: object, **options: object) -> object:
        connection = await self._choose(*asked, **options)
        writer = connection._writer  # noqa: SLF001 as a reset does
        ended = asyncio.create_task(writer.wait_closed())
        writer.transport.abort()
        await asyncio.wait({ended})
        self.times += 1
        return connection


async def pings(link: RedisLink) -> None:
    assert not await link.ping()


async def runs_a_command(link: RedisLink) -> None:
    assert await link.run(lambda: link.redis.mget("a", "b")) is None
    assert not link.up


async def runs_a_pipeline(link: RedisLink) -> None:
    async def both() -> object:
        async with link.redis.pipeline(transaction=True) as pipe:
            pipe.get("a")
            pipe.get("b")
            return await pipe.execute()

    assert await link.run(both) is None
    assert not link.up


async def takes_a_place(link: RedisLink) -> None:
    assert isinstance(await CountingLeases(link, life_s=1).take("k", "h", 1), RedisAway)


async def subscribes(link: RedisLink) -> None:
    async with link.redis.pubsub() as channel:
        with pytest.raises(REDIS_UNAVAILABLE):
            await channel.subscribe("c")


async def reads_a_response(link: RedisLink) -> None:
    with pytest.raises(ResponseStoreAwayError):
        await RedisResponseStore(link.redis, lambda: 60).get("t", "r")


USERS = [pings, runs_a_command, runs_a_pipeline, takes_a_place, subscribes, reads_a_response]


@pytest.mark.parametrize("use", USERS)
@LOOPS
def test_who_writes_to_a_connection_that_is_closed_has_lost_redis_and_no_more(
    redis_url: str,
    run: Run,
    use: Callable[[RedisLink], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def case() -> None:
        link = RedisLink(connect_redis(redis_url))
        assert await link.ping()
        with monkeypatch.context() as patch:
            closing = Closing(link.redis, patch)
            await use(link)
        assert closing.times
        await until(link.ping)
        await link.redis.aclose()

    run(case())


@LOOPS
def test_a_command_is_tried_again_where_its_client_does(
    redis_url: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def case() -> None:
        client = redis_client(redis_url)
        with monkeypatch.context() as patch:
            closing = Closing(client, patch)
            assert await client.set("k", "v")
        assert closing.times == 1
        await client.aclose()

    run(case())


@LOOPS
def test_a_worker_gets_the_fleets_news_again(
    redis_url: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def case() -> None:
        link = RedisLink(connect_redis(redis_url))
        state = SharedFleetState(link, "w")
        with monkeypatch.context() as patch:
            closing = Closing(link.redis, patch)
            hearing = asyncio.create_task(state.exchange_news(lambda _: None, lambda _: None))
            await until(lambda: closing.times > 2 or hearing.done())
        await until(lambda: state.subscribed.is_set() or hearing.done())
        assert not hearing.done()
        hearing.cancel()
        await asyncio.wait({hearing})
        await link.redis.aclose()

    run(case())


@pytest.mark.parametrize("url", ["redis://r", "rediss://r", "unix:///r"])
def test_however_redis_is_reached_it_is_by_such_a_connection(url: str) -> None:
    kind = connection_pool(url).connection_class
    assert kind.send_packed_command is not Connection.send_packed_command
