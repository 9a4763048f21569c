"""Timeout in attended time: a deadline that runs only while the event loop does.

A process that got no CPU for two seconds finds an answer and a fired timer at once. By the clock
the other side was late; in truth nobody looked. Whoever gives up a guard for that pays a call
twice. So a step of the clock counts once, however long it took, and only when the loop has come
round often enough meanwhile to read an answer.

All who wait as long as each other share one clock and its one timer.
"""

import asyncio
from types import TracebackType
from typing import Final, Protocol, Self

STEPS: Final = 4
_ROUNDS: Final = 16
"""Of the loop, in each step. To connect, write and read an answer takes about ten."""


class AttendedWait(Protocol):
    """Somebody who waits."""

    ends: int
    """A step of the clock."""

    def expire(self) -> None:
        """The time is over."""


class AttendedClock:
    """The clock of all waits of `seconds` on one event loop. It stands still while nobody waits."""

    def __init__(self, seconds: float) -> None:
        self.steps = 0
        """Those that are over."""
        self.running = False
        self.waits: Final[dict[AttendedWait, None]] = {}
        """In the order in which they end."""
        self._step: Final = seconds / STEPS

    def join(self, wait: AttendedWait) -> None:
        """It expires after the seconds, or a quarter of them more, unless it leaves."""
        if self.running:
            wait.ends = self.steps + STEPS + 1  # the step under way has begun before
        else:
            wait.ends = self.steps + STEPS
            self._start()
        self.waits[wait] = None

    def leave(self, wait: AttendedWait) -> None:
        """It doesn't wait any more, if it did."""
        self.waits.pop(wait, None)

    def _start(self) -> None:
        self.running = True
        loop = asyncio.get_running_loop()
        loop.call_later(self._step, self._go_round, loop, _ROUNDS)

    def _go_round(self, loop: asyncio.AbstractEventLoop, rounds: int) -> None:
        if rounds:
            loop.call_soon(self._go_round, loop, rounds - 1)
            return
        self.steps += 1
        for wait in [wait for wait in self.waits if wait.ends <= self.steps]:
            del self.waits[wait]
            wait.expire()
        if self.waits:
            self._start()
        else:
            self.running = False


class AttendedTimeout:
    """`with AttendedTimeout(clock):` raises TimeoutError as `asyncio.timeout` does.

    After the seconds of the clock, or a quarter of them more.
    """

    __slots__ = ("_cancelling", "_clock", "_expired", "_task", "ends")

    def __init__(self, clock: AttendedClock) -> None:
        self._clock = clock
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._expired = False
        self.ends = 0
        """A step of the clock."""

    def expire(self) -> None:
        """The time is over."""
        if self._task is not None:
            self._expired = True
            self._task.cancel()

    def __enter__(self) -> Self:
        self._task = task = asyncio.current_task()
        if task is not None:
            self._cancelling = task.cancelling()
        self._clock.join(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clock.leave(self)
        if not self._expired or self._task is None:
            return
        end_timeout(self._task, self._cancelling, kind, error)


def end_timeout(
    task: "asyncio.Task[object]",
    cancelling: int,
    kind: type[BaseException] | None,
    error: BaseException | None,
) -> None:
    """The end of a timeout that has cancelled `task`: raises TimeoutError, as `asyncio.timeout`.

    Another's cancellation that came meanwhile goes on. cancelling: `task.cancelling()` when it
    began; kind, error: what its work was left by.
    """
    if task.uncancel() <= cancelling and kind is asyncio.CancelledError:
        raise TimeoutError from error
