"""Background tasks under supervision: restarted with back-off, counted, logged; too many: stop.

A task that ended in silence would leave a process that looks well and no longer knows the fleet's
breakers, or the newest configuration. One that fails again and again at once won't get better by
itself: the process stops in order, and ends with an error, so that whoever runs it starts another.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from observability.health import ProcessHealth
from runtime.process.dead_letters import crash_detail

_log: Final = logging.getLogger(__name__)

Work: TypeAlias = Callable[[], Coroutine[None, None, None]]
"""Begins the work anew: called once, and after each failure."""


class BackgroundFailedError(RuntimeError):
    """A background task failed again and again; the process can't do its work."""


@dataclass(frozen=True, slots=True)
class RestartRules:
    """When a failed task begins again. Times in seconds."""

    pause_s: float = 0.5
    """After the first failure; it doubles with each one that follows soon."""
    longest_pause_s: float = 30
    soon_s: float = 60
    """A failure within this time of the start counts as one of a series."""
    most: int = 6
    """Failures in a series after which the process stops: half a minute, by the defaults."""


@dataclass(frozen=True, slots=True)
class BackgroundTasks:
    """The tasks that go on beside a process's streams."""

    stop: asyncio.Event
    """Set when a task is given up, so that the process ends in order."""
    report_failure: Callable[[str], None]
    """Gets the task's name with each failure. Must not raise."""
    rules: RestartRules = RestartRules()
    health: ProcessHealth = field(default_factory=ProcessHealth)
    """Hears of a task that waits to begin again."""

    @contextmanager
    def running(self, name: str, work: Work) -> Iterator[None]:
        """`work` goes on until the context is left.

        Raises BackgroundFailedError at the end when the task was given up.
        """
        task = asyncio.create_task(self._supervise(name, work))
        try:
            yield
        finally:
            gave_up = task.done() and not task.cancelled() and task.exception() is not None
            task.cancel()
        if gave_up:
            raise BackgroundFailedError(f"the background task {name!r} failed again and again")

    async def _supervise(self, name: str, work: Work) -> None:
        loop, failures, rules = asyncio.get_running_loop(), 0, self.rules
        while True:
            begun = loop.time()
            try:
                await work()
            except Exception as error:
                failures = 1 if loop.time() - begun > rules.soon_s else failures + 1
                self.report_failure(name)
                detail = crash_detail(_cause(error))
                if failures >= rules.most:
                    _log.error("background task %s given up, stopping: %s", name, detail)
                    self.stop.set()
                    raise
                pause_s = min(rules.pause_s * 2 ** (failures - 1), rules.longest_pause_s)
                _log.error("background task %s again in %.1f s: %s", name, pause_s, detail)
                self.health.report(name, f"the background task {name!r} has failed")
                await asyncio.sleep(pause_s)
                self.health.report(name, None)
            else:
                return


def _cause(error: BaseException) -> BaseException:
    """The first failure in a group, which says more than the group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
