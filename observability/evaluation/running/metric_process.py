"""Metric process: the child that runs the operator's own function, and is killed if it hangs.

What the function does costs the evaluation no more than this answer's grade: a run goes on, and the
answers, which are paid for, are graded again by `switchgear evaluate report` once it is mended.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from observability.child_program import FRAME, framed
from observability.evaluation.running import metric_program

METRIC_S: Final = 60
"""Seconds that the function may take for one answer."""
_LOADS_S: Final = 120.0
_MOST_KILLED: Final = 5
"""After so many answers in a row that ended the process, it isn't begun again."""


class MetricError(ValueError):
    """The metric can't be used; for a person."""


@dataclass(frozen=True, slots=True)
class ScoreFailed:
    """Why the function gave no score for an answer."""

    why: str


Score: TypeAlias = float | ScoreFailed | None


class MetricProcess:
    """One function; one answer at a time."""

    def __init__(self, place: str, seconds: float = METRIC_S) -> None:
        """place: `package.module:function`."""
        self._place = place
        self._seconds = seconds
        self._child: Process | None = None
        self._killed = 0

    async def check(self) -> None:
        """Loads the function. Raises MetricError if it can't be."""
        if self._child is None:
            await self._begin()

    async def score(self, fields: Mapping[str, Any]) -> Score:
        """What the function says of an answer."""
        if self._killed >= _MOST_KILLED:
            return ScoreFailed(f"ended its process {self._killed} times in a row")
        try:
            child = self._child or await self._begin()
        except MetricError:
            return await self._failed("can't be loaded any more")
        try:
            async with asyncio.timeout(self._seconds):
                grade = await _asked(child, fields)
        except TimeoutError:
            return await self._failed(f"took more than {self._seconds:g} seconds")
        except (OSError, EOFError, ValueError):
            return await self._failed("ended its process: it took more memory than it may, or quit")
        self._killed = 0
        failure = grade.get("error")
        return grade.get("score") if failure is None else ScoreFailed(failure)

    async def end(self) -> None:
        """Kills the process, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            # its group: what the function began holds the pipes open, too
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.communicate()

    async def _failed(self, why: str) -> ScoreFailed:
        self._killed += 1
        await self.end()
        return ScoreFailed(why)

    async def _begin(self) -> Process:
        # as the command itself would find it: in the folder that it was called in
        path = os.pathsep.join(each or str(Path.cwd()) for each in ("", *sys.path))
        environment = {**os.environ, "PYTHONPATH": path}
        program = metric_program.__name__
        command = (sys.executable, "-P", "-m", program, self._place, str(self._seconds))
        child = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True
        )
        self._child = child
        try:
            async with asyncio.timeout(_LOADS_S):
                reply = await _read(child)
        except (OSError, EOFError, ValueError):
            reply = {"error": f"{self._place!r} can't be loaded: its module hangs, or quits"}
        if "error" in reply:
            await self.end()
            raise MetricError(reply["error"])
        return child


async def _asked(child: Process, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Raises OSError, EOFError, ValueError."""
    assert child.stdin is not None  # noqa: S101 begun with a pipe
    child.stdin.write(framed(json.dumps(fields).encode()))
    await child.stdin.drain()
    return await _read(child)


async def _read(child: Process) -> dict[str, Any]:
    """Raises EOFError, ValueError."""
    assert child.stdout is not None  # noqa: S101 begun with a pipe
    head = await child.stdout.readexactly(FRAME.size)
    reply: dict[str, Any] = json.loads(await child.stdout.readexactly(*FRAME.unpack(head)))
    return reply
