"""Child program: does its parent's jobs one by one, within memory and time.

A job is its length and JSON on standard input, its result the same on standard output; what else is
printed goes to the errors' stream. The program ends when its input ends, and is killed by its own
alarm when a job takes too long, so that it never outlives a parent that was killed.
"""

import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

FRAME: Final = struct.Struct(">I")
"""Before each job and each result: its length in bytes."""


class ParentPipes:
    """The program's way to its parent; made before anything is printed."""

    def __init__(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a person's Ctrl-C is for the parent
        self._source, self._sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)

    def jobs(self) -> Iterator[bytes]:
        """Until the input ends."""
        while head := self._source.read(FRAME.size):
            yield self._source.read(*FRAME.unpack(head))

    def answer(self, result: Any) -> None:  # noqa: ANN401 - any JSON
        """Sends a result, or that the program is ready."""
        self._sink.write(framed(json.dumps(result).encode()))
        self._sink.flush()


def framed(body: bytes) -> bytes:
    """With its length before it."""
    return FRAME.pack(len(body)) + body


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Kills this process if what is within takes longer."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def bound_memory(further: int) -> None:
    """So many bytes more than what the process has now, or MemoryError. Only Linux tells it."""
    if sys.platform != "linux":
        return
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + further
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
