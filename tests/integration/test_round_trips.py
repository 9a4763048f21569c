import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from dev.redis_server import redis_server, url_of
from runtime.redis.connection import connect_redis
from runtime.redis.pipelining import MAX_PIPELINE, PipelineLane
from tests.waiting import until

pytestmark = pytest.mark.redis


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


async def commands_seen(redis: Redis) -> int:
    """Reads of the socket that brought Redis commands."""
    stats = await redis.info("stats")
    return int(stats["total_reads_processed"])


async def test_each_caller_gets_its_own_answer(redis: Redis) -> None:
    trips = PipelineLane(redis)

    async def one(number: int) -> bytes:
        await trips.ask("SET", f"k{number}", number)
        answer: bytes = await trips.ask("GET", f"k{number}")
        return answer

    count = 3 * MAX_PIPELINE
    answers = await asyncio.gather(*(one(number) for number in range(count)))
    assert answers == [b"%d" % number for number in range(count)]


async def test_what_is_asked_together_leaves_together(redis: Redis) -> None:
    trips = PipelineLane(redis)
    before = await commands_seen(redis)
    await asyncio.gather(*(trips.ask("PING") for _ in range(MAX_PIPELINE)))
    assert await commands_seen(redis) - before < MAX_PIPELINE / 10


async def test_one_that_is_refused_spoils_no_other(redis: Redis) -> None:
    trips = PipelineLane(redis)
    await redis.set("text", "no number")
    bad = trips.ask("INCR", "text")
    good = trips.ask("INCR", "number")
    with pytest.raises(ResponseError):
        await bad
    assert await good == 1


async def test_a_caller_that_gives_up_holds_nobody_up(redis: Redis) -> None:
    trips = PipelineLane(redis)
    gone = trips.ask("SET", "gone", 1)
    gone.cancel()
    assert await trips.ask("GET", "gone") is None


async def test_a_command_that_cannot_be_written_stops_no_later_one(redis: Redis) -> None:
    trips = PipelineLane(redis)
    with pytest.raises(UnicodeEncodeError):
        await trips.ask("GET", "\ud800")
    assert await trips.ask("ECHO", "on") == b"on"


async def test_a_script_runs_on_a_redis_that_has_forgotten_it(redis: Redis) -> None:
    script = PipelineLane(redis).script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert await script(["sum"], [2]) == 2
    await redis.script_flush()
    assert await script(["sum"], [3]) == 5


async def test_a_connection_that_redis_has_closed_is_made_anew_by_a_client_that_never_retries(
    redis: Redis, redis_url: str
) -> None:
    async with connect_redis(redis_url) as client:
        trips = PipelineLane(client)
        for _ in range(3):
            own = str(await trips.ask("CLIENT", "ID"))
            assert await redis.client_kill_filter(_id=own) == 1
            # by an answer that came behind it the loop has seen that the connection is closed
            await until(partial(_is_gone, redis, "id", own))


async def test_a_client_that_is_closed_closes_its_lanes_connection(
    redis: Redis, redis_url: str
) -> None:
    client = Redis.from_url(redis_url, client_name="lane")
    await PipelineLane(client).ask("PING")
    assert not await _is_gone(redis, "name", "lane")
    await client.aclose()
    await until(partial(_is_gone, redis, "name", "lane"))


async def _is_gone(redis: Redis, field: str, value: str) -> bool:
    return value not in [each[field] for each in await redis.client_list()]


async def test_a_redis_that_hangs_fails_what_waits_and_then_serves_again(tmp_path: Path) -> None:
    server = redis_server(tmp_path)
    server.start()
    redis = Redis.from_url(url_of(server))
    trips = PipelineLane(redis, patience_s=0.2)
    try:
        await trips.ask("PING")
        os.kill(server.pid, signal.SIGSTOP)
        asked = [trips.ask("PING") for _ in range(8 * MAX_PIPELINE)]
        _, pending = await asyncio.wait(asked, timeout=4 * 0.2)
        assert not pending  # not one after the other
        assert {type(one.exception()) for one in asked} == {TimeoutError}
        os.kill(server.pid, signal.SIGCONT)
        assert await trips.ask("ECHO", "back") == b"back"
    finally:
        os.kill(server.pid, signal.SIGCONT)
        await redis.aclose()
        server.stop()
