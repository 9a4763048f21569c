"""Checking program: runs the checks of its parent one by one, within memory and time.

`python -m workers.checks.checking_program`: length and JSON of a job on standard input, of its
result on standard output. It ends when its input ends, and kills itself when a job takes longer
than its time, so that it never outlives a parent that was killed.
"""

import json
import os
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import BinaryIO, Final

from runtime import limits
from workers.checks.foreign_check import decoded, run_here

FRAME: Final = struct.Struct(">I")
_GRACE_S: Final = 1.0
"""After its parent would have killed it."""


def main() -> None:
    """Serves until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _bound_memory()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    _answer(sink, None)  # ready
    while head := source.read(FRAME.size):
        job, seconds = decoded(source.read(*FRAME.unpack(head)))
        signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE_S)
        try:
            problem = run_here(job, seconds)
        except Exception as error:  # noqa: BLE001 - whatever a check breaks on, the next one is served
            problem = f"its check broke off: {type(error).__name__}"
        signal.setitimer(signal.ITIMER_REAL, 0)
        _answer(sink, problem)


def _answer(sink: BinaryIO, problem: str | None) -> None:
    body = json.dumps(problem).encode()
    sink.write(FRAME.pack(len(body)) + body)
    sink.flush()


def _bound_memory() -> None:
    """So much more than what it has now, or MemoryError."""
    if sys.platform != "linux":
        return
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + limits.CHECK_MEMORY.value
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
