"""One request first on a cold prefix, the rest once its answer has begun."""

import asyncio

import pytest

from tests.fakes import NoPrefixes
from tests.waiting import suspended
from workers.calling.cached_call import PromptCaching, WarmUpTurn
from workers.calling.prefix_warm_up import PrefixWarmUp
from workers.prompt_cache.policy import Breakpoints, CacheDecision, CacheKey, Unmarked


async def test_the_first_goes_and_the_others_follow_its_first_token() -> None:
    cold = PrefixWarmUp(patience_s=60)
    assert await cold.take_turn("p", 0)
    others = [asyncio.create_task(cold.take_turn("p", 0)) for _ in range(3)]
    await suspended(*others)
    cold.mark_warm("p", 1, 300)
    assert await asyncio.gather(*others) == [False] * 3
    assert not await cold.take_turn("p", 100)


async def test_a_prefix_grows_cold_again() -> None:
    cold = PrefixWarmUp(patience_s=60)
    assert await cold.take_turn("p", 0)
    cold.mark_warm("p", 0, 300)
    assert await cold.take_turn("p", 301)


async def test_a_failure_lets_the_others_go() -> None:
    cold = PrefixWarmUp(patience_s=60)
    await cold.take_turn("p", 0)
    other = asyncio.create_task(cold.take_turn("p", 0))
    await suspended(other)
    cold.release_waiting("p")
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


# ------------------------------------------------------------------------------------ turns


MARKED = CacheDecision(Breakpoints(("system",)), prefix="p")


def caching() -> PromptCaching:
    return PromptCaching(NoPrefixes(), lambda _: None, patience_s=60)


async def waiting(caching: PromptCaching) -> asyncio.Task[WarmUpTurn | None]:
    """Another call, which waits for the first."""
    second = asyncio.create_task(caching.take_turn(MARKED))
    await suspended(second)
    return second


async def test_nothing_marked_needs_no_turn() -> None:
    assert await caching().take_turn(CacheDecision(Unmarked())) is None
    assert await caching().take_turn(CacheDecision(CacheKey("k"), prefix="p")) is None


async def test_the_first_token_ends_the_wait_of_the_others() -> None:
    calls = caching()
    first = await calls.take_turn(MARKED)
    assert first is not None
    assert first.first
    second = await waiting(calls)
    first.answer_begins()
    first.answer_begins()
    turn = await second
    assert turn is not None
    assert not turn.first


@pytest.mark.parametrize("answered", [True, False])
async def test_a_calls_end_ends_the_wait_of_the_others(*, answered: bool) -> None:
    calls = caching()
    first = await calls.take_turn(MARKED)
    assert first is not None
    second = await waiting(calls)
    first.end(answered=answered)
    assert await second is not None
    third = await calls.take_turn(MARKED)
    assert third is not None
    assert third.first is not answered


async def test_who_only_waited_ends_nobodys_wait() -> None:
    calls = caching()
    first = await calls.take_turn(MARKED)
    assert first is not None
    second = await waiting(calls)
    first.end(answered=False)
    other = await second
    assert other is not None
    again = await calls.take_turn(MARKED)
    assert again is not None
    assert again.first
    third = await waiting(calls)
    other.end(answered=False)
    fourth = await waiting(calls)  # had the third been let go, it would have gone before
    assert not third.done()
    again.end(answered=True)
    await asyncio.gather(third, fourth)
