"""What a trace shows of a look: its steps, one after another, inside the look-up's span."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis.asyncio import Redis

from cache.lookup import FLIGHT, CacheLookup
from cache.results.lookup_result import Hit, Miss
from cache.semantic.embedder import LocalEmbedder
from cache.semantic.vector_index import RedisIndex
from cache.semantic.vector_rows import NearestVector
from cache.verification.quantized_embedding import Vector
from observability.tracing.semconv import CACHE_COSINES, CACHE_REASON, CACHE_ROLE, CACHE_SCORE
from observability.tracing.tracer import OpenSpan, Tracer, TracingSettings
from producers.contract import Request
from runtime.config.sections.cache import CacheSettings
from tests.contract.cache.asking import NOW, ROUTE, done, request
from tests.contract.cache.test_semantic import ASKED, PATIENT, SAME, open_with
from tests.seen_spans import SeenSpans, said

pytestmark = pytest.mark.redis


@contextmanager
def traced(seen: SeenSpans) -> Iterator[OpenSpan]:
    """A look-up's span; `seen` has it and its steps when the context is left."""
    hop = Tracer("test", seen, TracingSettings(sample_ratio=1)).begin_trace("serve")
    with hop.span("cache lookup") as span:
        yield span
    hop.end()


def steps(seen: SeenSpans) -> list[str]:
    """In the order of their begin, and none of them elsewhere."""
    inside = [name for name, parent in seen.tree().items() if parent == "cache lookup"]
    assert len(inside) == len(seen.spans) - 2
    return sorted(inside, key=lambda name: seen.named(name).start_time or 0)


async def keep(lookup: CacheLookup, asked: Request) -> None:
    found = await lookup.find(asked, ROUTE, NOW)
    assert isinstance(found, Miss)
    await lookup.store_answer(found, done())


async def test_the_very_words_take_one_read(redis: Redis) -> None:
    lookup, seen = CacheLookup(CacheSettings(budget_ms=500), redis), SeenSpans()
    await keep(lookup, request())
    with traced(seen) as span:
        assert isinstance(await lookup.find(request(), ROUTE, NOW, span), Hit)
    assert steps(seen) == ["read"]
    await lookup.close()


async def test_other_words_are_embedded_searched_for_and_verified(
    redis: Redis, embedder: LocalEmbedder
) -> None:
    lookup, seen = open_with(PATIENT, redis, embedder), SeenSpans()
    await keep(lookup, request(ASKED))
    with traced(seen) as span:
        found = await lookup.find(request(SAME), ROUTE, NOW, span)
    assert isinstance(found, Hit)
    assert steps(seen) == ["read", "embed", "search", "read candidates", "verify"]
    assert said(seen.named("verify"))[CACHE_SCORE] == found.outcome.score
    (cosine,) = json.loads(seen.named("search").to_json())["attributes"][CACHE_COSINES]
    assert 0.6 < cosine < 1
    await lookup.close()


async def test_a_refusal_by_the_verifier_says_why_and_who_calls(
    redis: Redis, embedder: LocalEmbedder
) -> None:
    lookup, seen = open_with(PATIENT, redis, embedder), SeenSpans()
    await keep(lookup, request("How many calories are in 2 eggs?"))
    with traced(seen) as span:
        found = await lookup.find(request("How many calories are in 3 eggs?"), ROUTE, NOW, span)
    assert isinstance(found, Miss)
    assert steps(seen) == ["read", "embed", "search", "read candidates", "verify", FLIGHT]
    assert said(seen.named("verify"))[CACHE_REASON] == found.outcome.reason
    assert said(seen.named(FLIGHT))[CACHE_ROLE] == "Leader"
    await lookup.close()


async def test_the_wait_for_anothers_answer_is_a_step(
    redis: Redis, follower_waits: asyncio.Event
) -> None:
    lookup, seen = CacheLookup(CacheSettings(budget_ms=500), redis), SeenSpans()
    leader = await lookup.find(request(), ROUTE, NOW)
    assert isinstance(leader, Miss)
    hop = Tracer("test", seen, TracingSettings(sample_ratio=1)).begin_trace("serve")
    with hop.span("cache lookup") as span:
        follower = asyncio.create_task(lookup.find(request(), ROUTE, NOW, span))
        await follower_waits.wait()
        await lookup.store_answer(leader, done())
        assert isinstance(await follower, Hit)
    hop.end()
    assert steps(seen) == ["read", FLIGHT]
    assert said(seen.named(FLIGHT))[CACHE_ROLE] == "Follower"
    await lookup.close()


class StuckIndex(RedisIndex):
    async def nearest(self, space: str, vector: Vector, count: int) -> list[NearestVector]:
        await asyncio.Event().wait()
        return await super().nearest(space, vector, count)


async def test_a_search_that_takes_too_long_is_shown_as_what_took_the_time(
    redis: Redis, embedder: LocalEmbedder
) -> None:
    hasty = PATIENT | {"budget_ms": 200}
    lookup, seen = open_with(hasty, redis, embedder, StuckIndex(redis)), SeenSpans()
    with traced(seen) as span:
        assert isinstance(await lookup.find(request(ASKED), ROUTE, NOW, span), Miss)
    assert steps(seen) == ["read", "embed", "search", FLIGHT]
    late = seen.named("search")
    assert said(late)["error.type"] == "CancelledError"
    assert (late.end_time or 0) - (late.start_time or 0) > 0.1e9
    await lookup.close()
