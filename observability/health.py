"""Health of a process: does its loop turn, and may work be sent to it?

Written by the process's loop, read by the thread of its endpoint.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

_BEAT_S: Final = 1.0
_DEAD_AFTER_S: Final = 30.0
"""Seconds without a turn of the loop: whoever runs the process should start another."""

Check = Callable[[], str | None]
"""What keeps the process from working now, for a person; None if nothing does. Must not raise."""


class ProcessHealth:
    """The checks of one process; it starts with the problem `starting`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beaten = clock()
        self._checks: list[Check] = []
        self._problems: dict[str, str] = {"start": "starting"}

    def add(self, check: Check) -> None:
        """One more check, asked at each look."""
        self._checks.append(check)

    def report(self, name: str, problem: str | None) -> None:
        """Sets or clears what `name` has against working."""
        if problem is None:
            self._problems.pop(name, None)
        else:
            self._problems[name] = problem

    def started(self) -> None:
        """All parts are there."""
        self.report("start", None)

    def problems(self) -> tuple[str, ...]:
        """What keeps the process from working; empty: it is ready."""
        checked = [problem for check in self._checks if (problem := check()) is not None]
        return (*list(self._problems.values()), *checked)

    def lives(self) -> bool:
        """Whether the loop has turned lately."""
        return self._clock() - self._beaten < _DEAD_AFTER_S

    async def beat(self) -> None:
        """Until cancelled: shows that the loop turns."""
        while True:
            self._beaten = self._clock()
            await asyncio.sleep(_BEAT_S)
