"""Does a background task that fails begin again, is it told, and does a hopeless one end it all?"""

import asyncio
import logging

import pytest

from observability.health import ProcessHealth
from runtime.process.background_tasks import BackgroundFailedError, BackgroundTasks, RestartRules
from tests.waiting import until

QUICK = RestartRules(pause_s=0, most=3)


async def test_a_failed_task_begins_again_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[str] = []
    begun, running = 0, asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise ExceptionGroup("several", [KeyError("what a stranger wrote")])
        running.set()
        await asyncio.Event().wait()

    tasks = BackgroundTasks(asyncio.Event(), failures.append, QUICK)
    with tasks.running("news", work):
        async with asyncio.timeout(5):
            await running.wait()
    assert (begun, failures, tasks.stop.is_set()) == (3, ["news", "news"], False)
    assert "background task news again in 0.0 s: KeyError in " in caplog.text
    assert "stranger" not in caplog.text


async def test_a_task_that_never_lasts_ends_the_process_with_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    failures: list[str] = []

    async def work() -> None:
        raise ValueError("no")

    tasks = BackgroundTasks(asyncio.Event(), failures.append, QUICK)
    with (  # noqa: PT012 leaving it raises
        pytest.raises(BackgroundFailedError, match="'news' failed"),
        tasks.running("news", work),
    ):
        async with asyncio.timeout(5):
            await tasks.stop.wait()
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})  # it has ended
    assert failures == ["news"] * 3


async def test_failures_far_apart_are_no_series() -> None:
    failures: list[str] = []
    enough = asyncio.Event()

    async def work() -> None:
        if len(failures) == 9:
            enough.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        raise ValueError("no")

    tasks = BackgroundTasks(
        asyncio.Event(), failures.append, RestartRules(pause_s=0, soon_s=-1, most=2)
    )
    with tasks.running("news", work):
        async with asyncio.timeout(5):
            await enough.wait()
    assert not tasks.stop.is_set()


async def test_leaving_ends_the_task() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with BackgroundTasks(asyncio.Event(), lambda _: None).running("news", work):
        await begun.wait()
    async with asyncio.timeout(5):
        await ended.wait()


async def test_a_task_in_back_off_makes_the_process_unready() -> None:
    health, waiting = ProcessHealth(), asyncio.Event()
    health.started()
    seen: list[tuple[str, ...]] = []

    async def work() -> None:
        seen.append(health.problems())
        if len(seen) == 1:
            asyncio.get_running_loop().call_soon(lambda: seen.append(health.problems()))
            raise KeyError
        waiting.set()
        await asyncio.Event().wait()

    tasks = BackgroundTasks(asyncio.Event(), lambda _: None, RestartRules(pause_s=0.01), health)
    with tasks.running("news", work):
        async with asyncio.timeout(5):
            await waiting.wait()
    assert seen == [(), ("the background task 'news' has failed",), ()]
