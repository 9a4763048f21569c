"""Does whoever sends little, slowly or without end, or takes nothing, cost others nothing?"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from gateway.connections.http_limits import HttpLimits
from gateway.connections.open_connections import OpenConnections
from gateway.serve.http_protocol import LimitedHttpProtocol, http_protocol
from tests.flow.gateway_stage import PATIENCE_S, Door, door
from tests.flow.test_gateway_http import ASKED, connect
from tests.waiting import until

HEAD = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
BODY = json.dumps(ASKED).encode()
BURST = 250_000
"""Bytes that a transport may hand over in one go."""


def post(length: int, path: bytes = b"/v1/chat/completions", more: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n%b\r\n" % (path, length, more)


class Wire:
    """A transport that sends nothing."""

    def __init__(self) -> None:
        self.closing = False
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    abort = close

    def write(self, data: bytes) -> None:
        """Nobody reads it."""

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_extra_info(self, name: str, default: object = None) -> object:
        del name
        return default


async def idle_app(_scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 ASGI's
    """Reads nothing until it may go on."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def protocol_of(app: Any = idle_app) -> tuple[LimitedHttpProtocol, Wire]:  # noqa: ANN401
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None)
    config.load()
    limits = HttpLimits()
    others = OpenConnections(limits.connections, limits.pending_bytes)
    made = http_protocol(limits, others)(
        config=config, server_state=ServerState(), app_state={}, _loop=asyncio.get_running_loop()
    )
    wire = Wire()
    made.connection_made(cast("asyncio.Transport", wire))
    return made, wire


async def test_of_requests_that_come_together_few_are_read_before_others_have_their_turn() -> None:
    protocol, wire = protocol_of()
    burst = BURST // len(HEAD)
    protocol.data_received(HEAD * burst)
    assert len(protocol.pipeline) < 200
    assert not wire.reading
    state = protocol.server_state
    async with asyncio.timeout(PATIENCE_S):
        while state.total_requests < burst:
            assert len(protocol.pipeline) < 200
            await asyncio.sleep(0)
    await until(lambda: wire.reading)
    protocol.connection_lost(None)


async def test_of_a_bodys_thousand_pieces_few_are_read_at_once() -> None:
    protocol, wire = protocol_of()
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    pieces = BURST // 6
    protocol.data_received(head + b"1\r\na\r\n" * pieces + b"0\r\n\r\n")
    assert len(protocol.cycle.body) < 1_000
    await until(lambda: protocol.cycle.response_complete)
    await until(lambda: wire.reading)
    protocol.connection_lost(None)


async def test_a_large_piece_is_read_at_once() -> None:
    protocol, _ = protocol_of()
    protocol.data_received(post(BURST) + b"a" * BURST)
    assert len(protocol.cycle.body) == BURST
    await until(lambda: protocol.cycle.response_complete)
    protocol.connection_lost(None)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (HEAD, b"\r\n"),
        (HEAD, b"\r\n\r\nGET"),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: y\r\n\r\n", b"z"),
        (post(4, b"/v1/none") + b"ab", b"cd\r\n"),
        (post(4, b"/v1/none") + b"ab", b"cd"),
    ],
    ids=["blank line", "a part of a head", "upgrade", "end of a body, blank line", "end of a body"],
)
async def test_who_has_had_an_answer_and_begins_no_request_is_closed(
    first: bytes, then: bytes
) -> None:
    limits = HttpLimits(head_timeout_s=0.2, body_timeout_s=0.2)
    async with door(limits=limits) as opened:
        reader, writer = await connect(opened)
        writer.write(first)
        assert b"HTTP/1.1" in await reader.readline()
        writer.write(then)
        await until(lambda: len(opened.connections) == 0)
        writer.close()


@pytest.mark.parametrize("begun", [b"--XX\r\n", b"--XX\r\nContent-Disposition: form-data; "])
async def test_an_upload_that_stands_still_is_refused(begun: bytes) -> None:
    form = b"content-type: multipart/form-data; boundary=XX\r\n"
    async with door(limits=HttpLimits(body_timeout_s=0.2)) as opened:
        reader, writer = await connect(opened)
        writer.write(post(100_000_000, b"/v1/files", form) + begun)
        async with asyncio.timeout(PATIENCE_S):
            assert b"408" in await reader.readline()
        await until(lambda: len(opened.connections) == 0)
        writer.close()


async def test_who_takes_no_answers_is_closed_with_what_is_written_for_him() -> None:
    limits = HttpLimits(send_timeout_s=0.2)
    async with door(limits=limits) as opened:
        _, writer = await connect(opened)
        cast("asyncio.Transport", writer.transport).pause_reading()
        asked = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
        for _ in range(400):
            writer.write(asked)
            await asyncio.sleep(0)
        await until(lambda: len(opened.connections) == 0)
        writer.close()


@dataclass
class Caller:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def hears(self, status: bytes) -> bool:
        async with asyncio.timeout(PATIENCE_S):
            return status in await self.reader.readline()


@asynccontextmanager
async def callers(
    opened: Door, number: int
) -> AsyncIterator[list[Callable[[], Awaitable[Caller]]]]:
    """So many that can connect, each when it is awaited."""
    connected: list[Caller] = []

    async def one() -> Caller:
        connected.append(Caller(*await connect(opened)))
        return connected[-1]

    yield [one] * number
    for caller in connected:
        caller.writer.close()


async def test_where_there_are_too_many_callers_the_one_goes_that_has_waited_longest() -> None:
    limits = HttpLimits(connections=3)
    async with door(limits=limits) as opened, callers(opened, 5) as (a, b, c, d, e):
        idle = await a()
        await until(lambda: len(opened.connections) == 1)
        late = await b()
        late.writer.write(HEAD[:20])
        await until(lambda: len(opened.connections) == 2)
        served = await c()
        served.writer.write(post(len(BODY)) + BODY)
        assert await served.hears(b"200")
        newest = await d()
        assert await idle.reader.read() == b""
        another = await e()
        assert await late.hears(b"503")
        another.writer.write(HEAD)
        assert await another.hears(b"200")
        assert not newest.reader.at_eof()
        assert len(opened.connections) == 3


async def test_where_bodies_take_too_much_memory_the_oldest_goes() -> None:
    size = 60_000
    padded = BODY[:-1] + b" " * (size - len(BODY)) + b"}"
    limits = HttpLimits(pending_bytes=100_000)
    async with door(limits=limits) as opened, callers(opened, 2) as (a, b):
        first, second = await a(), await b()
        first.writer.write(post(2 * size) + b"a" * size)
        await until(lambda: opened.connections.pending_bytes == size)
        second.writer.write(post(size) + padded[:-1])
        assert await first.hears(b"503")
        second.writer.write(padded[-1:])
        assert await second.hears(b"200")
        await until(lambda: opened.connections.pending_bytes == 0)
