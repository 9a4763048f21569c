import asyncio
import time

import pytest

from cache.storage.time_limit import within_time_limit


async def test_what_is_in_time_is_returned_and_what_it_raises_is_raised() -> None:
    async def works() -> int:
        return 7

    async def fails() -> int:
        raise OSError("away")

    assert await within_time_limit(1, works()) == 7
    with pytest.raises(OSError, match="away"):
        await within_time_limit(1, fails())


async def test_what_never_ends_is_cancelled() -> None:
    ended = asyncio.Event()

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        await within_time_limit(0.01, hangs())
    await asyncio.wait_for(ended.wait(), 1)


async def test_an_answer_that_waited_for_a_late_loop_counts() -> None:
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[str] = loop.create_future()

    async def asks() -> str:
        return await arrived

    def hog() -> None:
        time.sleep(0.03)
        arrived.set_result("in time")

    loop.call_soon(hog)
    assert await within_time_limit(0.01, asks()) == "in time"


async def test_whoever_gives_up_takes_the_work_along() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def hangs() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    caller = asyncio.create_task(within_time_limit(60, hangs()))
    await begun.wait()
    caller.cancel()
    await asyncio.wait_for(cancelled.wait(), 1)
    with pytest.raises(asyncio.CancelledError):
        await caller
