"""A client of the session's Redis 8, empty when the test begins, and the real embedder."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from cache.semantic.embedder import LocalEmbedder
from cache.storage.single_flight import Role, SingleFlight


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
def embedder() -> LocalEmbedder:
    folder = Path("var/embedder")
    if not folder.exists():
        pytest.fail("no embedder in var/embedder: build it with `make embedder`")
    return LocalEmbedder(folder)


@pytest.fixture
def follower_waits(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set once a look-up waits for another's answer."""
    waits, wait = asyncio.Event(), SingleFlight.wait

    async def noticed(flights: SingleFlight, key: str, pause_s: float) -> Role:
        waits.set()
        return await wait(flights, key, pause_s)

    monkeypatch.setattr(SingleFlight, "wait", noticed)
    return waits
