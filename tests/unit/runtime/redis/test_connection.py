import asyncio

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from runtime.redis.connection import RedisLink


class FlakyRedis(Redis):
    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.commands = 0

    async def answer(self) -> int:
        self.commands += 1
        if self.away:
            raise RedisConnectionError
        return 7

    async def ping(self, **_: object) -> bool:
        return bool(await self.answer())


async def test_one_lost_command_spares_all_others_until_a_ping_succeeds() -> None:
    redis = FlakyRedis()
    link = RedisLink(redis)
    assert await link.run(redis.answer) == 7
    redis.away = True
    assert await link.run(redis.answer) is None
    assert not link.up
    commands = redis.commands
    assert [await link.run(redis.answer) for _ in range(3)] == [None] * 3
    assert redis.commands == commands
    assert not await link.ping()
    redis.away = False
    assert await link.run(redis.answer) is None
    assert await link.ping()
    assert await link.run(redis.answer) == 7


async def test_a_command_from_before_the_outage_does_not_end_the_link_again() -> None:
    redis, asked, late = FlakyRedis(), asyncio.Event(), asyncio.Event()
    link = RedisLink(redis)

    async def slow() -> int:
        asked.set()
        await late.wait()
        raise RedisConnectionError

    waiting = asyncio.create_task(link.run(slow))
    await asked.wait()
    link.lose()
    assert await link.ping()
    late.set()
    assert await waiting is None
    assert link.up
