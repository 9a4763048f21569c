"""Time limit with grace for a late event loop. Is the work late, or are we?"""

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Any, Final, TypeVar

from runtime.redis.attended_timeout import end_timeout

GRACE_TURNS: Final = 4
"""Turns of the loop in which an answer that has arrived meanwhile reaches its reader."""

_T = TypeVar("_T")


async def within_time_limit(budget_s: float, work: Awaitable[_T]) -> _T:
    """The result of `work`. Raises TimeoutError when it isn't there in time.

    When the loop itself is behind, its timers end before it has read its sockets: an answer that
    lies there would be thrown away, and a healthy Redis taken for a slow one, just under load.
    """
    with _TimeLimit(budget_s):
        return await work


def give_up(answer: "asyncio.Future[Any]", left: int = GRACE_TURNS) -> None:
    """For a timer's end: the answer is a TimeoutError, if it doesn't come in the turns of grace."""
    if answer.done():
        return
    if left:
        answer.get_loop().call_soon(give_up, answer, left - 1)
    else:
        answer.set_exception(TimeoutError())


class _TimeLimit:
    """`asyncio.timeout` with grace, and without a task of its own."""

    __slots__ = ("_budget_s", "_cancelling", "_expired", "_loop", "_task", "_timer")

    def __init__(self, budget_s: float) -> None:
        self._budget_s = budget_s
        self._expired = False

    def __enter__(self) -> None:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(self._loop)
        assert task is not None  # noqa: S101 -- a coroutine is entering
        self._task, self._cancelling = task, task.cancelling()
        self._timer: asyncio.Handle = self._loop.call_later(self._budget_s, self._turn, GRACE_TURNS)

    def _turn(self, left: int) -> None:
        if left:
            self._timer = self._loop.call_soon(self._turn, left - 1)
        else:
            self._expired = True
            self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if self._expired:
            end_timeout(self._task, self._cancelling, kind, error)
