"""Timeout in attended time: hold-ups of the event loop are forgiven, silence is not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from runtime.redis.attended_timeout import STEPS, AttendedClock, AttendedTimeout
from tests.waiting import suspended

_T = TypeVar("_T")


class HeldUpLoop(asyncio.SelectorEventLoop):
    """A loop whose clock a test moves on, as if the process had got no CPU meanwhile."""

    held_s = 0.0

    def time(self) -> float:
        return super().time() + self.held_s

    def hold_up(self, seconds: float) -> None:
        self.held_s += seconds


def _run(case: Callable[[HeldUpLoop], Awaitable[_T]]) -> _T:
    loop = HeldUpLoop()
    try:
        return loop.run_until_complete(case(loop))
    finally:
        loop.close()


async def _answered_after_hold_up(loop: HeldUpLoop) -> str:
    answer: asyncio.Future[str] = loop.create_future()
    loop.call_soon(loop.hold_up, 60)
    # as an answer in the socket's buffer: read in the round after the timers, awaited in the next
    loop.call_later(0.001, loop.call_soon, loop.call_soon, answer.set_result, "here")
    return await answer


def test_an_answer_that_came_while_the_loop_was_held_up_is_in_time() -> None:
    async def by_the_clock(loop: HeldUpLoop) -> str:
        async with asyncio.timeout(10):
            return await _answered_after_hold_up(loop)

    async def attended(loop: HeldUpLoop) -> tuple[str, int]:
        clock = AttendedClock(10)
        with AttendedTimeout(clock):
            return await _answered_after_hold_up(loop), clock.steps

    with pytest.raises(TimeoutError):
        _run(by_the_clock)
    answer, steps = _run(attended)
    assert answer == "here"
    assert steps <= STEPS / 2


def test_an_answer_that_takes_ten_slow_rounds_of_the_loop_is_in_time() -> None:
    async def case(loop: HeldUpLoop) -> float:
        def slow_round() -> None:
            loop.hold_up(1)
            if not answer.done():
                loop.call_soon(slow_round)

        answer: asyncio.Future[None] = loop.create_future()
        loop.call_soon(slow_round)
        begun = loop.time()
        with AttendedTimeout(AttendedClock(2)):
            for _ in range(10):
                await asyncio.sleep(0)
            answer.set_result(None)
            await answer
        return loop.time() - begun

    assert _run(case) > 2


def test_who_never_answers_is_given_up_though_the_loop_is_held_up_again_and_again() -> None:
    async def case(loop: HeldUpLoop) -> float:
        def again() -> None:
            loop.hold_up(100)
            loop.call_later(1, again)

        loop.call_soon(again)
        begun = loop.time()
        with pytest.raises(TimeoutError), AttendedTimeout(AttendedClock(4)):
            await asyncio.Event().wait()
        return loop.time() - begun

    assert _run(case) <= 1000


def test_a_timeout_is_a_timeout_and_anothers_cancellation_is_not() -> None:
    async def case(_: HeldUpLoop) -> None:
        with pytest.raises(TimeoutError), AttendedTimeout(AttendedClock(0.01)):
            await asyncio.Event().wait()
        with AttendedTimeout(AttendedClock(0.01)):
            await asyncio.sleep(0)
        waiting = asyncio.ensure_future(_wait())
        await suspended(waiting)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    _run(case)


async def _wait() -> None:
    with AttendedTimeout(AttendedClock(60)):
        await asyncio.Event().wait()
