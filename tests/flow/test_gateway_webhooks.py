"""Who asked to hear of the end hears of it: signed, again and again, and after a crash."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
import pytest
from aiohttp import web
from openai import OpenAI
from standardwebhooks.webhooks import Webhook as Judge

from dev.processes import free_port
from gateway.stored_requests.store import StoredRequests
from gateway.webhooks.delivery import WebhookDelivery, WebhookParts
from gateway.webhooks.http_sender import webhook_sender
from producers.contract import topics
from tests.fakes import fails
from tests.flow.gateway_stage import Door, door, reader_of
from tests.flow.stage import Stage, catalog
from workers.providers.base.call_outcome import RequestRejected

SECRET: Final = "whsec_" + base64.b64encode(b"k" * 32).decode()
PATIENCE_S: Final = 20
ASKED: dict[str, Any] = {"model": "economy", "messages": [{"role": "user", "content": "Hi"}]}


@dataclass
class Endpoint:
    """A receiver that answers as it is told, the last status for ever."""

    statuses: list[int]
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.bodies.append(await request.read())
        self.came.set()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, headers={"location": "http://127.0.0.1:1/"})

    async def has(self, number: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.bodies) < number:
                self.came.clear()
                await self.came.wait()


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Endpoint]:
    endpoint, app = Endpoint(list(statuses)), web.Application()
    app.router.add_post("/hook", endpoint.take)
    runner, port = web.AppRunner(app), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    endpoint.url = f"http://127.0.0.1:{port}/hook"
    try:
        yield endpoint
    finally:
        await runner.cleanup()


def hooks(endpoint: Endpoint, **changes: Any) -> Any:  # noqa: ANN401
    entry = {"tenant": "t", "url": endpoint.url, "secrets_env": ["HOOK"], "private": True}
    return catalog(gateway={"webhooks": {"team": {**entry, **changes}}})


@asynccontextmanager
async def delivering(stage: Stage, stored: StoredRequests) -> AsyncIterator[WebhookDelivery]:
    """A gateway's deliveries, over the topic as it is."""
    async with webhook_sender() as sender:
        parts = WebhookParts(
            *(stored, stage.broker, sender, None),
            *(lambda: stage.catalog.gateway.webhooks, {"HOOK": SECRET}, lambda _: None),
        )
        delivery = WebhookDelivery(parts)
        task = asyncio.create_task(delivery.run())
        try:
            yield delivery
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def ask(opened: Door) -> str:
    async with httpx2.AsyncClient(base_url=opened.address, timeout=30) as client:
        headers = {"prefer": "respond-async"}
        taken = await client.post("/v1/chat/completions", json=ASKED, headers=headers)
        return str(taken.json()["id"])


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ({}, "response.completed"),
        ({"eco-a": fails(RequestRejected(message="no"))}, "response.failed"),
    ],
)
async def test_the_end_is_told_in_words_that_openais_sdk_knows(script: Any, kind: str) -> None:  # noqa: ANN401
    async with (
        receiving(200) as endpoint,
        door(script, catalog=hooks(endpoint)) as opened,
        delivering(opened.stage, opened.stored) as delivery,
    ):
        request_id = await ask(opened)
        await endpoint.has(1)
        sdk = OpenAI(api_key="none", webhook_secret=SECRET)
        event: Any = sdk.webhooks.unwrap(endpoint.bodies[0], endpoint.headers[0])
        assert (event.type, event.data.id) == (kind, request_id)
        assert Judge(SECRET).verify(endpoint.bodies[0], endpoint.headers[0])
        await opened.stage.broker.until(lambda: len(delivery.pending) == 0)


async def test_a_redirect_is_a_failure_and_the_next_attempt_is_signed_anew() -> None:
    async with (
        receiving(302, 200) as endpoint,
        door(catalog=hooks(endpoint)) as opened,
        delivering(opened.stage, opened.stored),
    ):
        await ask(opened)
        await endpoint.has(2)
        first, second = endpoint.headers
        assert first["webhook-id"] == second["webhook-id"]
        assert first["webhook-timestamp"] < second["webhook-timestamp"]
        assert endpoint.bodies[0] == endpoint.bodies[1]
        assert Judge(SECRET).verify(endpoint.bodies[1], second)


async def test_an_endpoint_that_is_gone_hears_no_more() -> None:
    async with (
        receiving(410) as endpoint,
        door(catalog=hooks(endpoint)) as opened,
        delivering(opened.stage, opened.stored) as delivery,
    ):
        await ask(opened)
        await endpoint.has(1)
        await ask(opened)
        written = opened.stage.broker.written
        await opened.stage.broker.until(
            lambda: sum(b'"gave_up"' in record.value for record in written(topics.STORED)) == 2
        )
        assert len(delivery.pending) == 0
        assert len(endpoint.bodies) == 1


async def test_a_private_address_is_never_called_unless_it_is_allowed() -> None:
    async with (
        receiving(200) as endpoint,
        door(catalog=hooks(endpoint, private=False, url="https://localhost/hook")) as opened,
        delivering(opened.stage, opened.stored),
    ):
        await ask(opened)
        records = await opened.stage.broker.has(topics.STORED, 3)
        assert b'"outcome":"failed"' in records[-1].value
        assert endpoint.bodies == []


async def test_no_spelling_of_a_private_address_gets_a_connection() -> None:
    async with receiving(200) as endpoint, webhook_sender() as sender:
        _, _, rest = endpoint.url.partition("127.0.0.1")
        for host in ("①②⑦.0.0.1", "127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "0x7f000001"):
            result = await sender.post(f"http://{host}{rest}", {}, b"{}", private=False)
            assert result.status is None
        assert endpoint.bodies == []
        allowed = await sender.post(endpoint.url, {}, b"{}", private=True)
        assert allowed.status == 200


ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"
CODED = b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: 5\r\n\r\nhello"
COOKIE = b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [ENDLESS, CODED % b"gzip", CODED % b"br", CODED % b"deflate", CODED % b"zstd", COOKIE],
    ids=["endless", "gzip", "br", "deflate", "zstd", "cookie"],
)
async def test_of_an_answer_the_status_counts_and_nothing_else(answer: bytes) -> None:
    """Not whether its body ends or can be inflated; and no cookie is kept."""
    asked: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, webhook_sender() as sender:
        for _ in range(2):
            sent = sender.post(f"http://localhost:{port}/", {}, b"{}", private=True)
            result = await asyncio.wait_for(sent, PATIENCE_S / 2)
            assert result.status == 200
    assert len(asked) == 2
    assert b"cookie" not in b"".join(asked).lower()


async def test_another_gateway_tells_what_the_first_one_could_not() -> None:
    async with receiving(200) as endpoint, door(catalog=hooks(endpoint)) as opened:
        stage = opened.stage
        await ask(opened)  # nobody delivers here: this gateway is killed now
        records = list(await stage.broker.has(topics.STORED, 2))
        other = StoredRequests(stage.client, stage.broker, reader_of(stage.broker), 3600)
        async with delivering(stage, other) as delivery:
            for record in records:
                other.receive(record)
            assert len(delivery.pending) == 1
            async with stage.broker.tail(topics.STORED, other.receive):
                await endpoint.has(1)
                await stage.broker.until(lambda: len(delivery.pending) == 0)
        third = StoredRequests(stage.client, stage.broker, reader_of(stage.broker), 3600)
        async with delivering(stage, third) as delivery:
            for record in stage.broker.written(topics.STORED):
                third.receive(record)
            assert len(delivery.pending) == 0
        assert len(endpoint.bodies) == 1
