"""A client of the session's Redis 8, empty when the test begins, and the real embedder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from cache.semantic.embedder import LocalEmbedder


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
