"""Lanes on a real Redis: over TLS, on both loops, in a network that cuts, beside the client."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvloop
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from dev.tcp_proxy import slow_proxy
from runtime.redis.connection import connect_redis
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.pipelining import PipelineLane
from tests.secure_kafka import make_certificates

pytestmark = pytest.mark.redis
Run = Callable[[Coroutine[Any, Any, None]], None]
LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run])


def _address(url: str) -> tuple[str, int]:
    place = urlsplit(url)
    assert place.hostname is not None
    assert place.port is not None
    return place.hostname, place.port


class Askers:
    """Who ask for the echo of a word of their own, and give up or don't."""

    def __init__(self, lane: PipelineLane, chance: random.Random) -> None:
        self.own = self.lost = self.gone = 0
        self._lane = lane
        self._chance = chance

    async def ask(self, number: int) -> None:
        word = f"{number}:" + "x" * self._chance.choice([1, 10, 100_000])
        try:
            async with asyncio.timeout(self._chance.choice([None, None, 0.001, 0.01])):
                answer = await self._lane.ask("ECHO", word)
        except TimeoutError:
            self.gone += 1
        except REDIS_UNAVAILABLE:
            self.lost += 1
        else:
            assert answer in {word, word.encode()}
            self.own += 1


@pytest.mark.parametrize("connect", [connect_redis, Redis.from_url])  # the latter tries again
@LOOPS
def test_no_answer_reaches_another_however_the_network_and_the_askers_behave(
    redis_url: str, run: Run, connect: Callable[[str], Redis]
) -> None:
    chance = random.Random(21)

    async def case() -> None:
        async with AsyncExitStack() as parts:
            proxy = await parts.enter_async_context(slow_proxy(*_address(redis_url)))
            client = await parts.enter_async_context(connect(f"redis://127.0.0.1:{proxy.port}"))
            lane = PipelineLane(client, patience_s=0.5)
            askers, asked = Askers(lane, chance), set[asyncio.Task[None]]()
            for number in range(600):
                asked.add(asyncio.create_task(askers.ask(number)))
                match chance.randrange(20):
                    case 0:
                        proxy.cut()
                    case 1:
                        proxy.delay_s = chance.choice([0, 0, 0.002, 0.02])
                    case 2 | 3 | 4:
                        await asyncio.sleep(chance.choice([0, 0.001, 0.01]))
            await asyncio.gather(*asked)
            proxy.delay_s = 0
            assert await lane.ask("INCR", "a number of its own") == 1
            assert min(askers.own, askers.gone) > 20, vars(askers)

    run(case())


WORDS: tuple[tuple[str | bytes | float, ...], ...] = (
    ("PING",),
    ("SET", "k", b"\x00\r\n"),
    ("GET", "k"),
    ("GET", "none"),
    ("INCR", "k"),
    ("HSET", "h", "a", 1, "b", 2.5),
    ("HGETALL", "h"),
    ("ZADD", "z", 1.5, "m"),
    ("ZSCORE", "z", "m"),
    ("SADD", "s", "only"),
    ("SMEMBERS", "s"),
    ("XADD", "x", "1-1", "f", "v"),
    ("XRANGE", "x", "-", "+"),
    ("EVAL", "return {1, 'two', {3, false}, {err='ERR four'}}", 0),
    ("EVAL", "return redis.error_reply('ERR mine')", 0),
    ("EVALSHA", "0" * 40, 0),
    ("NOSUCH",),
    ("CLIENT", "GETNAME"),
)


@pytest.mark.parametrize("options", ["", "?protocol=2", "?protocol=3", "?db=1&client_name=lane"])
@LOOPS
def test_the_answers_are_those_that_the_client_library_reads(
    redis_url: str, run: Run, options: str
) -> None:
    async def librarys(client: Redis) -> list[object]:
        pool = client.connection_pool
        connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        answers = list[object]()
        for words in WORDS:
            await connection.send_command(*words)
            try:
                answers.append(await connection.read_response())
            except ResponseError as error:
                answers.append(error)
        await pool.release(connection)
        return answers

    async def case() -> None:
        async with Redis.from_url(redis_url + options) as client:
            expected = await librarys(client)
            await client.flushall()
            lane = PipelineLane(client)
            asked = (lane.ask(*words) for words in WORDS)
            answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [repr(answer) for answer in answers] == [repr(answer) for answer in expected]

    run(case())


@LOOPS
def test_a_far_redis_is_reached_although_to_connect_takes_longer_than_a_command_may(
    redis_url: str, run: Run
) -> None:
    async def case() -> None:
        async with AsyncExitStack() as parts:
            proxy = await parts.enter_async_context(slow_proxy(*_address(redis_url)))
            proxy.delay_s = 0.12  # a round trip in 0.24 s; to connect takes three and a half
            url = f"redis://127.0.0.1:{proxy.port}"
            client = await parts.enter_async_context(Redis.from_url(url))
            surprised, ready = (PipelineLane(client, patience_s=0.6) for _ in range(2))
            with pytest.raises(REDIS_UNAVAILABLE):
                await surprised.ask("PING")
            assert await surprised.ask("PING") == b"PONG"
            assert await ready.open()
            assert await ready.ask("PING") == b"PONG"
            assert await ready.open()

    run(case())


def test_a_lane_to_no_redis_is_not_open_and_tries_again_with_the_next_command() -> None:
    async def case() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        async with Redis.from_url(f"redis://127.0.0.1:{port}") as client:
            lane = PipelineLane(client)
            assert not await lane.open()
            with pytest.raises(REDIS_UNAVAILABLE):
                await lane.ask("PING")

    asyncio.run(case())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@asynccontextmanager
async def _tls_before(redis_url: str, certificates: Path) -> AsyncIterator[int]:
    """The port of a server that speaks TLS and passes on what is in it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")

    async def passed_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(65_536):
            sink.write(piece)
        sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(*_address(redis_url))
        await asyncio.gather(passed_on(reader, ours), passed_on(theirs, writer))

    server = await asyncio.start_server(serve, "localhost", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@LOOPS
def test_a_lane_is_encrypted_and_signed_in_as_its_client_is(
    redis_url: str, certificates: Path, run: Run
) -> None:
    async def case() -> None:
        async with Redis.from_url(redis_url) as admin, _tls_before(redis_url, certificates) as port:
            await admin.acl_setuser("lane", enabled=True, passwords=["+s3cret"], commands=["+@all"])
            try:
                query = f"db=3&ssl_ca_certs={certificates / 'ca.pem'}"
                async with Redis.from_url(
                    f"rediss://lane:s3cret@localhost:{port}?{query}"
                ) as client:
                    lane = PipelineLane(client)
                    asked = (lane.ask("ECHO", f"{n}" * 9999) for n in range(100))
                    assert [answer[:1] for answer in await asyncio.gather(*asked)]
                    assert await lane.ask("ACL", "WHOAMI") == b"lane"
                    assert b" db=3 " in await lane.ask("CLIENT", "INFO")
            finally:
                await admin.acl_deluser("lane")

    run(case())
