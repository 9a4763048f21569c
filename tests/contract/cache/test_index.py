"""Both indexes hold to the same contract, on a real Redis 8."""

from collections.abc import AsyncIterator

import numpy as np
import pytest
from redis.asyncio import Redis

from cache.semantic.vector_index import (
    ProcessIndex,
    RedisIndex,
    VectorIndex,
    has_vector_sets,
)
from cache.verification.quantized_embedding import Vector
from tests.waiting import until

pytestmark = pytest.mark.redis
WIDTH = 384


def vector(seed: int) -> Vector:
    made = np.random.default_rng(seed).standard_normal(WIDTH).astype(np.float32)
    return made / np.float32(np.linalg.norm(made))


def near(base: Vector, cosine: float) -> Vector:
    """A vector with the given cosine to `base`."""
    other = vector(10_000)
    other -= (other @ base) * base
    other /= np.linalg.norm(other)
    return np.asarray(cosine * base + np.sqrt(1 - cosine**2) * other, dtype=np.float32)


@pytest.fixture(params=["redis", "process"])
async def index(request: pytest.FixtureRequest, redis: Redis) -> AsyncIterator[VectorIndex]:
    made: VectorIndex = (
        RedisIndex(redis) if request.param == "redis" else ProcessIndex(redis, "log")
    )
    yield made
    await made.close()


async def test_an_empty_space_has_no_neighbours(index: VectorIndex) -> None:
    assert await index.nearest("s", vector(1), 3) == []


async def test_the_nearest_come_first_with_their_cosine(index: VectorIndex) -> None:
    asked = vector(1)
    for entry, cosine in (("far", 0.5), ("nearest", 0.98), ("near", 0.9)):
        await index.add("s", entry, near(asked, cosine), 60)
    found = await index.nearest("s", asked, 2)
    assert [one.entry for one in found] == ["nearest", "near"]
    assert [one.cosine for one in found] == pytest.approx([0.98, 0.9], abs=0.01)


async def test_spaces_are_apart_even_at_cosine_one(index: VectorIndex) -> None:
    await index.add("one", "e", vector(1), 60)
    assert await index.nearest("other", vector(1), 3) == []


async def test_an_entry_added_again_moves(index: VectorIndex) -> None:
    await index.add("s", "e", vector(1), 60)
    await index.add("s", "e", vector(2), 60)
    found = await index.nearest("s", vector(2), 3)
    assert [one.entry for one in found] == ["e"]
    assert found[0].cosine == pytest.approx(1, abs=0.01)


async def test_a_removed_entry_is_gone_and_the_others_stay(index: VectorIndex) -> None:
    for seed in range(5):
        await index.add("s", f"e{seed}", vector(seed), 60)
    await index.remove("s", ["e1", "never there"])
    found = {one.entry for one in await index.nearest("s", vector(1), 10)}
    assert found == {"e0", "e2", "e3", "e4"}


async def test_the_right_one_of_many(index: VectorIndex) -> None:
    for seed in range(300):
        await index.add("s", f"e{seed}", vector(seed), 60)
    for seed in (0, 150, 299):
        assert (await index.nearest("s", near(vector(seed), 0.9), 1))[0].entry == f"e{seed}"


async def test_another_worker_reads_what_was_before_it_and_what_comes(redis: Redis) -> None:
    first, second = ProcessIndex(redis, "log"), ProcessIndex(redis, "log")
    await first.add("s", "a", vector(1), 60)
    await first.add("s", "b", vector(2), 60)
    await first.remove("s", ["a"])

    async def only_b_is_left() -> bool:
        return [near.entry for near in await second.nearest("s", vector(1), 5)] == ["b"]

    await until(only_b_is_left)
    for index in (first, second):
        await index.close()


async def test_this_redis_has_vector_sets(redis: Redis) -> None:
    assert await has_vector_sets(redis)
