"""Does every wrong request get the right status, and an error object of its caller's dialect?"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from gateway.connections.http_limits import HttpLimits
from producers.contract import topics
from tests.flow.gateway_stage import PATIENCE_S, Door, door
from tests.waiting import until

MODEL: Any = {"model": "economy", "max_tokens": 9}
ASKED: Any = {**MODEL, "messages": [{"role": "user", "content": "What is the answer?"}]}
OPENAI = ("/v1/chat/completions", "/v1/models", "/v1/models/x", "/v2/none", "/healthz", "/")
ANTHROPIC = ("/v1/messages", "/v1/messages/count_tokens", "/anthropic/v1/messages", "/messages")


@asynccontextmanager
async def caller(opened: Door) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=opened.address, timeout=PATIENCE_S) as client:
        yield client


def assert_error(response: httpx2.Response, status: int, *, anthropic: bool) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"] == response.headers["request-id"]
    body = response.json()
    error: dict[str, Any] = body["error"]
    if anthropic:
        assert body["type"] == "error"
        assert body["request_id"] == response.headers["request-id"]
        assert error.keys() >= {"type", "message"}
    else:
        assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"]
    return error


async def test_wrong_methods_and_unknown_paths_in_both_dialects() -> None:
    async with door() as opened, caller(opened) as client:
        for path in (*OPENAI, *ANTHROPIC):
            for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "GET"):
                response = await client.request(method, path)
                if response.status_code == 200:
                    assert method == "GET"
                    continue
                unknown = path in {"/v2/none", "/messages", "/v1/models/x"}
                status = 404 if unknown and (method == "GET" or "models" not in path) else 405
                assert_error(response, status, anthropic="messages" in path)
                if status == 405:
                    assert method not in response.headers["allow"]
        versioned = {"anthropic-version": "2026-10-21"}
        for path, word in (("/v1/v1/messages", "base_url"), ("/v1/messages/batches", "served")):
            response = await client.get(path, headers=versioned)
            assert word in assert_error(response, 404, anthropic=True)["message"]
        response = await client.post("/v1/responses/compact", json={"model": "m", "input": "Hi"})
        assert "compact" in assert_error(response, 404, anthropic=False)["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"model": NaN}', 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 100_000, 400),
        (b'{"max_tokens": ' + b"9" * 200_000 + b"}", 400),
        (b'{"model": "\\ud800", "max_tokens": 9, "messages": []}', 400),
        (b"{}", 400),
        (b'"' + b"x" * 1_100_000 + b'"', 413),
    ],
)
async def test_a_body_that_is_no_request(path: str, raw: bytes, status: int) -> None:
    async with door() as opened, caller(opened) as client:
        response = await client.post(path, content=raw)
        assert_error(response, status, anthropic=path == "/v1/messages")
        assert opened.stage.broker.written(topics.REQUESTS) == []


async def test_a_body_of_100_megabytes_is_refused_however_it_comes() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000_000

    async with door() as opened, caller(opened) as client:
        told = await client.post("/v1/messages", content=b" " * 100_000_000)
        assert_error(told, 413, anthropic=True)
        chunked = await client.post("/v1/chat/completions", content=pieces())
        assert_error(chunked, 413, anthropic=False)
        after = await client.post("/v1/chat/completions", json=ASKED)
        assert after.status_code == 200


async def test_headers_and_encodings_that_are_not_taken() -> None:
    async with door() as opened, caller(opened) as client:
        path = "/v1/messages"
        long = await client.post(path, json=ASKED, headers={"x-long": "a" * 33_000})
        assert_error(long, 431, anthropic=True)
        packed = await client.post(path, json=ASKED, headers={"content-encoding": "gzip"})
        assert_error(packed, 415, anthropic=True)
        endless = await client.post(path, json=ASKED, headers={"x-long": "a" * 70_000})
        assert endless.status_code == 431
        assert endless.json()["error"]["code"] == "headers_too_large"


async def test_what_is_no_http_gets_an_error_object() -> None:
    async with door() as opened:
        for raw in (b"hello\r\n\r\n", b"GET /\xff\xff HTTP/1.1\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n"):
            status, error = await raw_answer(opened, raw)
            assert status == 400
            assert error["code"] == "invalid_http"


async def test_a_body_whose_framing_breaks_gets_an_error_object_and_publishes_nothing() -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    async with door() as opened:
        for broken in (b"zz\r\n", b"1\r\n{}\r\n", b"f" * 40 + b"\r\n"):
            status, error = await raw_answer(opened, head + broken)
            assert status == 400
            assert error["code"] == "invalid_http"
        assert opened.stage.broker.written(topics.REQUESTS) == []


async def test_half_open_connections_are_closed_in_time_and_publish_nothing() -> None:
    limits = HttpLimits(head_timeout_s=0.2, body_timeout_s=0.2)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
    async with door(limits=limits) as opened:
        for raw in (b"", head, head + b"x-more: 1\r\n", head + b"content-length: 99\r\n\r\n{"):
            status, error = await raw_answer(opened, raw)
            assert status == 408
            assert error["code"] == "request_timeout"
        # what follows a refused upload is read for a while only
        reader, writer = await connect(opened)
        writer.write(head + b"content-length: 99000000\r\n\r\n{")
        assert b"413" in await reader.readline()
        async with asyncio.timeout(PATIENCE_S):
            await reader.read()
        writer.close()
        assert opened.stage.broker.written(topics.REQUESTS) == []


async def test_a_caller_who_leaves_in_the_middle_of_the_body_publishes_nothing() -> None:
    head = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{"
    async with door() as opened:
        _, writer = await connect(opened)
        writer.write(head)
        await writer.drain()
        writer.close()
        requests = "switchgear_gateway_requests_total"
        metrics = opened.stage.metrics
        await until(lambda: metrics.value(requests, route="messages", status="499"))
        assert opened.stage.broker.written(topics.REQUESTS) == []


async def connect(opened: Door) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = opened.address.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port))


async def raw_answer(opened: Door, raw: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the error that the bytes get before the connection is closed."""
    reader, writer = await connect(opened)
    writer.write(raw)
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    error: dict[str, Any] = json.loads(body)["error"]
    return int(head.split()[1]), error


async def test_a_header_never_repeats_a_control_character() -> None:
    async with door() as opened, caller(opened) as client:
        response = await client.get("/v1/requests/a%0d%0ax:%20y%00")
        assert_error(response, 404, anthropic=False)
        assert "\n" not in response.headers["x-request-id"]


async def test_every_way_of_asking_that_http_allows_is_answered_whole() -> None:
    """Pipelined, without a body in the answer, by HTTP/1.0, and after `100 Continue`."""
    body = json.dumps(ASKED).encode()
    streamed = json.dumps({**ASKED, "stream": True}).encode()

    def post(sent: bytes, version: bytes = b"1.1", header: bytes = b"connection: close") -> bytes:
        head = b"POST /v1/chat/completions HTTP/%b\r\nhost: x\r\ncontent-length: %d\r\n%b\r\n\r\n"
        return head % (version, len(sent), header) + sent

    head = b"HEAD /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    listed = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
    async with door() as opened:

        async def said(raw: bytes) -> bytes:
            reader, writer = await connect(opened)
            writer.write(raw)
            async with asyncio.timeout(PATIENCE_S):
                answered = await reader.read()
            writer.close()
            return answered

        pipelined = await said(listed + post(body, header=b"x: y") + post(streamed))
        alone, old = await said(head), await said(post(body, b"1.0"))
        old_stream = await said(post(streamed, b"1.0"))
        after = await said(post(body, header=b"expect: 100-continue\r\nconnection: close"))
    assert pipelined.count(b"HTTP/1.1 200 OK") == 3
    places = [pipelined.index(word) for word in (b'"list"', b'"chat.completion"', b"[DONE]")]
    assert places == sorted(places)
    assert alone.startswith(b"HTTP/1.1 200 OK")
    assert alone.endswith(b"\r\n\r\n")
    for answered in (old, after):
        assert b'"content":"42"' in answered
    assert b"data: [DONE]" in old_stream
    assert after.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
