"""What load is put on the pipeline, and on the raw echo beside it?"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

import aiohttp

from bench.gateway.contenders import Contender
from producers import Done, Request, RouterClient, chat
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, Record

PROMPT: Final = "Summarise in one sentence what the following report says of the quarter. " * 12
"""About 1 kB, as a typical short request."""


@dataclass(frozen=True, slots=True)
class Ran:
    """messages_s: finished a second; ms: each one's time from sending to its end, sorted."""

    messages_s: float
    ms: list[float]

    def percentile(self, share: float) -> float:
        """Milliseconds within which `share` of the messages ended."""
        return self.ms[min(len(self.ms) - 1, int(share * len(self.ms)))]


def cached(number: int) -> list[Request]:
    """Requests for 100 prompts that an earlier call of this has brought into the cache."""
    return [_request(f"{index % 100} {PROMPT}") for index in range(number)]


def fresh(number: int) -> list[Request]:
    """Requests for prompts that nobody has asked before."""
    return [_request(f"{uuid.uuid4()} {PROMPT}") for _ in range(number)]


async def submit_all(client: RouterClient, requests: Iterable[Request], in_flight: int) -> Ran:
    """Each request awaited, `in_flight` at a time."""

    async def one(request: Request) -> None:
        reply = await client.submit(request)
        assert isinstance(reply, Done), reply

    return await _run([partial(one, request) for request in requests], in_flight)


async def echo_all(broker: KafkaBroker, number: int, in_flight: int) -> Ran:
    """Records of 1 kB through the raw echo's two hops, `in_flight` at a time."""
    waiting: dict[bytes, asyncio.Future[None]] = {}

    def receive(record: Record) -> None:
        future = waiting.pop(record.key or b"", None)
        if future is not None and not future.done():
            future.set_result(None)

    async def one(index: int) -> None:
        key = b"%d-%d" % (id(waiting), index)
        future = waiting[key] = asyncio.get_running_loop().create_future()
        await broker.publish(Outgoing("echo.a", PROMPT.encode(), key))
        await future

    async with broker.tail("echo.c", receive):
        return await _run([partial(one, index) for index in range(number)], in_flight)


async def post_all(to: Contender, number: int, in_flight: int) -> Ran:
    """The same prompts by aiohttp to the provider itself, or through another gateway."""
    requests = iter(fresh(number))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=to.headers) as session:

        async def one() -> None:
            body = {"model": to.model, "messages": next(requests).body.messages}
            async with session.post(to.url, json=body) as response:
                assert response.status == 200, response.status
                await response.read()

        return await _run([one] * number, in_flight)


async def _run(calls: list[Callable[[], Awaitable[None]]], in_flight: int) -> Ran:
    left = iter(calls)
    ms: list[float] = []

    async def lane() -> None:
        for call in left:
            begun = time.perf_counter()
            await call()
            ms.append((time.perf_counter() - begun) * 1000)

    begun = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(in_flight)))
    return Ran(len(calls) / (time.perf_counter() - begun), sorted(ms))


def _request(prompt: str) -> Request:
    return chat(prompt, tenant="bench", model="economy", temperature=0)
