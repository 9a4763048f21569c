"""Timeout in attended time: a deadline that runs only while the event loop does.

A process that got no CPU for two seconds finds an answer and a fired timer at once. By the clock
the other side was late; in truth nobody looked. Whoever gives up a guard for that pays a call
twice. So a step of the clock counts once, however long it took, and only when the loop has come
round often enough meanwhile to read an answer.
"""

import asyncio
from types import TracebackType
from typing import Final, Self

_STEPS: Final = 4
_ROUNDS: Final = 16
"""Of the loop, in each step. To connect, write and read an answer takes about ten."""


class AttendedTimeout:
    """`async with AttendedTimeout(2.0):` raises TimeoutError as `asyncio.timeout` does."""

    def __init__(self, seconds: float) -> None:
        self._step: Final = seconds / _STEPS
        self._steps = 0
        self._timeout: Final = asyncio.timeout(None)
        self._loop: Final = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._timer: asyncio.Handle = self._loop.call_later(self._step, self._go_round, _ROUNDS)

    def attended_s(self) -> float:
        """Seconds since the beginning, without those in which the loop was held up."""
        return self._steps * self._step + min(self._step, self._loop.time() - self._begun)

    def _go_round(self, rounds: int) -> None:
        if rounds:
            self._timer = self._loop.call_soon(self._go_round, rounds - 1)
            return
        self._steps += 1
        self._begun = self._loop.time()
        if self._steps < _STEPS:
            self._timer = self._loop.call_later(self._step, self._go_round, _ROUNDS)
        else:
            self._timeout.reschedule(self._begun)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)
