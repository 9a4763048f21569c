"""Checking process: a child that runs a sender's patterns and schemas, and can be killed.

A thread can't be stopped, and C code in it may hold the interpreter's lock. One child for each
thread that checks, begun with the first job that isn't small, and again after a kill.
"""

import atexit
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

from observability.child_program import FRAME, framed
from workers.checks import checking_program
from workers.checks.foreign_check import ForeignCheck, encoded, is_small, run_here

_START_S: Final = 30.0
_GRACE_S: Final = 0.2
"""A job ends itself in its time; so much later its process is killed."""
_CHUNK: Final = 65_536
_COMMAND: Final = (sys.executable, "-P", "-m", checking_program.__name__)
_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
"""Of the environment; the others may be keys."""
_LATE: Final = "it can't be checked in time"
_BROKEN: Final = "its check broke off: it took more memory or time than it may"


class CheckingProcess:
    """One child, for one thread at a time."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        atexit.register(self.end)

    def run(self, job: ForeignCheck, seconds: float) -> str | None:
        """What is wrong; a job that takes longer than `seconds` has failed. Never raises."""
        try:
            if self._child is None:
                self._child = self._begun()
            self._write(framed(encoded(job, seconds)), seconds)
            problem: str | None = json.loads(self._read(seconds + _GRACE_S))
        except TimeoutError:
            self.end()
            return _LATE
        except (OSError, EOFError, ValueError):
            self.end()
            return _BROKEN
        return problem

    def end(self) -> None:
        """Kills the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _begun(self) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(each or str(Path.cwd()) for each in sys.path)
        self._child = child = subprocess.Popen(  # noqa: S603 - a command of our own
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        os.set_blocking(_number(child.stdin), False)
        self._read(_START_S)
        return child

    def _write(self, data: bytes, seconds: float) -> None:
        """Raises TimeoutError, OSError."""
        assert self._child is not None  # noqa: S101 begun before
        at, left, ends = 0, memoryview(data), time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(number := _number(self._child.stdin), selectors.EVENT_WRITE)
            while at < len(left):
                if not selector.select(ends - time.monotonic()):
                    raise TimeoutError
                at += os.write(number, left[at : at + _CHUNK])

    def _read(self, seconds: float) -> bytes:
        """One frame. Raises TimeoutError, EOFError."""
        assert self._child is not None  # noqa: S101 begun before
        ends, data = time.monotonic() + seconds, b""
        with selectors.DefaultSelector() as selector:
            selector.register(number := _number(self._child.stdout), selectors.EVENT_READ)
            while len(data) < FRAME.size or len(data) < FRAME.size + FRAME.unpack_from(data)[0]:
                left_s = ends - time.monotonic()
                if left_s <= 0 or not selector.select(left_s):
                    raise TimeoutError
                part = os.read(number, _CHUNK)
                if not part:
                    raise EOFError
                data += part
        return data[FRAME.size :]


_of_thread: Final = threading.local()


def run_contained(job: ForeignCheck, seconds: float) -> str | None:
    """Here if it is small, else in this thread's checking process."""
    if is_small(job):
        return run_here(job, seconds)
    process = getattr(_of_thread, "process", None)
    if process is None:
        process = _of_thread.process = CheckingProcess()
    problem: str | None = process.run(job, seconds)
    return problem


def _number(pipe: object) -> int:
    number: int = pipe.fileno()  # type: ignore[attr-defined]
    return number
