"""Request hedging: a second call when the first takes longer than usual. Which of them answers?

The second starts only if the first has neither ended nor shown a first token by then. The first to
speak, or to end well, wins; the other is cancelled, and counts as slow. So at most one of them is
ever heard by the caller. (Dean and Barroso, "The Tail at Scale", 2013.)
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

_T = TypeVar("_T")


@dataclass(slots=True, eq=False)
class HedgeBranch:
    """One of the two calls of a race."""

    wins: Callable[["HedgeBranch"], bool]
    lost_race: bool = False
    """The other call was faster."""

    async def may_speak(self) -> None:
        """Returns for the call that speaks first; the other waits here to be cancelled."""
        if not self.wins(self):
            await asyncio.Event().wait()


HedgedCall: TypeAlias = Callable[[HedgeBranch], Coroutine[Any, Any, _T | None]]
"""Makes one call: its answer, or None when it failed."""


@dataclass(slots=True)
class HedgeRace(Generic[_T]):
    """Two calls for one request."""

    first: HedgedCall[_T]
    second: HedgedCall[_T]
    after_s: float
    """The second starts so many seconds after the first."""
    may_hedge: Callable[[], bool]
    """Asked when the second would start."""
    _winner: HedgeBranch | None = None
    _running: dict[HedgeBranch, asyncio.Task[_T | None]] = field(default_factory=dict)

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

    def _start(self, call: HedgedCall[_T]) -> asyncio.Task[_T | None]:
        branch = HedgeBranch(self._wins)
        self._running[branch] = asyncio.create_task(call(branch))
        return self._running[branch]

    def _wins(self, branch: HedgeBranch) -> bool:
        """Whether `branch` is the one that is heard; the first to ask is."""
        if self._winner is None:
            self._winner = branch
            for other, task in self._running.items():
                if other is not branch:
                    # said before it is cancelled: its call is recorded as overtaken
                    other.lost_race = True
                    task.cancel()
        return self._winner is branch

    async def _outcome(self) -> _T | None:
        waiting = set(self._running.values())
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for branch, task in self._running.items():
                if task in done and not task.cancelled() and task.result() is not None:
                    self._wins(branch)
                    return task.result()
        return None

    async def _stop_all(self) -> None:
        """Waits for their ends, so that a call cut short is recorded before the race is over."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
