"""The cache's reads on a real Redis: together, at once, and never without an answer."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest
from redis.asyncio import Redis

from cache.storage.batched_reads import MAX_BATCH, BatchedReads, Unavailable
from runtime.redis.reply_protocol import ReplyProtocol

pytestmark = pytest.mark.redis


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many commands each pipeline had."""
    sizes, exchange = list[int](), ReplyProtocol.exchange

    def counted(
        self: ReplyProtocol, packed: list[bytes], answers: list["asyncio.Future[object]"]
    ) -> None:
        sizes.append(len(packed))
        exchange(self, packed, answers)

    monkeypatch.setattr(ReplyProtocol, "exchange", counted)
    return sizes


async def test_a_read_has_left_when_the_loop_has_come_round(
    redis: Redis, written: list[int]
) -> None:
    reads = BatchedReads(redis, budget_s=5)
    await reads.get("x")  # the lane is open from now on
    asked = asyncio.create_task(reads.get("a"))
    await asyncio.sleep(0)  # it is asked for
    await asyncio.sleep(0)
    assert written == [1, 1]
    assert await asked == [None]


async def test_what_is_read_in_one_turn_is_one_command(redis: Redis, written: list[int]) -> None:
    await redis.set("a", "1")
    reads = BatchedReads(redis, budget_s=5)
    answers = await asyncio.gather(*(reads.get("a", f"b{n}") for n in range(MAX_BATCH + 1)))
    assert answers == [[b"1", None]] * (MAX_BATCH + 1)
    assert written == [2]


async def test_who_gives_up_takes_no_answer_from_others(redis: Redis) -> None:
    await redis.set("gone", "1")
    reads = BatchedReads(redis, budget_s=5)
    first, second = (asyncio.create_task(reads.get("gone")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == [b"1"]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_read_that_cannot_be_said_and_one_out_of_time_have_an_answer(redis: Redis) -> None:
    reads = BatchedReads(redis, budget_s=5)
    for _ in range(10):
        assert isinstance(await reads.get("\ud800"), Unavailable)
    assert await reads.get("a") == [None], "it counted against Redis"
    late = await BatchedReads(redis, budget_s=0).get("a")
    assert late == Unavailable("Redis: TimeoutError")


async def test_whoever_asks_while_a_batch_leaves_gets_an_answer_too(redis: Redis) -> None:
    names = [f"w{number}" for number in range(50)]
    await redis.mset({name: name for name in names})
    reads, chance = BatchedReads(redis, budget_s=30), Random(4)

    async def ask() -> None:
        for _ in range(40):
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            wanted = chance.sample(names, k=chance.randrange(1, 4))
            assert await reads.get(*wanted) == [name.encode() for name in wanted]

    await asyncio.gather(*(ask() for _ in range(60)))
