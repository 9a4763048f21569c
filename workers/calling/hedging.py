"""Which of two calls answers a request when the first takes longer than usual?

The second starts only if the first has neither ended nor shown a first token by then. The first to
speak, or to end well, wins; the other is cancelled, and counts as overdue. So at most one of them
is ever heard by the caller. (Dean and Barroso, "The Tail at Scale", 2013.)
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from workers.providers.provider import Emit

_T = TypeVar("_T")


@dataclass(slots=True, eq=False)
class Voice:
    """One call's right to be heard. overdue: the other was faster."""

    decide: Callable[["Voice"], bool]
    overdue: bool = False

    def through(self, emit: Emit) -> Emit:
        """`emit`, for the call that speaks first; the other waits to be cancelled."""

        async def speak(delta: dict[str, Any]) -> None:
            if not self.decide(self):
                await asyncio.Event().wait()
            await emit(delta)

        return speak


Caller: TypeAlias = Callable[[Voice], Awaitable[_T | None]]
"""Makes one call: its answer, or None when it failed."""


@dataclass(slots=True)
class Race(Generic[_T]):
    """Two calls for one request; `may_hedge` is asked when the second would start."""

    first: Caller[_T]
    second: Caller[_T]
    after_s: float
    may_hedge: Callable[[], bool]
    _winner: Voice | None = None
    _running: dict[Voice, asyncio.Task[_T | None]] = field(default_factory=dict)

    async def run(self) -> _T | None:
        """The winner's answer; None when all that ran have failed."""
        try:
            first = self._start(self.first)
            await asyncio.wait({first}, timeout=self.after_s)
            if not first.done() and self._winner is None and self.may_hedge():
                self._start(self.second)
            return await self._outcome()
        finally:
            await self._stop_all()

    def _start(self, caller: Caller[_T]) -> asyncio.Task[_T | None]:
        voice = Voice(self._decide)
        self._running[voice] = asyncio.create_task(_run(caller, voice))
        return self._running[voice]

    def _decide(self, voice: Voice) -> bool:
        """Whether `voice` is the one that is heard; the first to ask is."""
        if self._winner is None:
            self._winner = voice
            for other, task in self._running.items():
                if other is not voice:
                    other.overdue = True
                    task.cancel()
        return self._winner is voice

    async def _outcome(self) -> _T | None:
        waiting = set(self._running.values())
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for voice, task in self._running.items():
                if task in done and not task.cancelled() and task.result() is not None:
                    self._decide(voice)
                    return task.result()
        return None

    async def _stop_all(self) -> None:
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)


async def _run(caller: Caller[_T], voice: Voice) -> _T | None:
    return await caller(voice)
