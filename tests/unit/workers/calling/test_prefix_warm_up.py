"""One request first on a cold prefix, the rest once its answer has begun."""

import asyncio

from workers.calling.prefix_warm_up import PrefixWarmUp


async def test_the_first_goes_and_the_others_follow_its_first_token() -> None:
    cold = PrefixWarmUp(patience_s=60)
    assert await cold.take_turn("p", 0)
    others = [asyncio.create_task(cold.take_turn("p", 0)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(other.done() for other in others)
    cold.begun("p", 1, 300)
    assert await asyncio.gather(*others) == [False] * 3
    assert not await cold.take_turn("p", 100)


async def test_a_prefix_grows_cold_again() -> None:
    cold = PrefixWarmUp(patience_s=60)
    assert await cold.take_turn("p", 0)
    cold.begun("p", 0, 300)
    assert await cold.take_turn("p", 301)


async def test_a_failure_lets_the_others_go() -> None:
    cold = PrefixWarmUp(patience_s=60)
    await cold.take_turn("p", 0)
    other = asyncio.create_task(cold.take_turn("p", 0))
    await asyncio.sleep(0)
    cold.failed("p")
    assert not await other
    assert await cold.take_turn("p", 0)


async def test_nobody_waits_longer_than_patience() -> None:
    cold = PrefixWarmUp(patience_s=0)
    await cold.take_turn("p", 0)
    assert not await cold.take_turn("p", 0)


async def test_other_prefixes_are_not_held_up() -> None:
    cold = PrefixWarmUp(patience_s=60)
    assert await cold.take_turn("p", 0)
    assert await cold.take_turn("q", 0)
