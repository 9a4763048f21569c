"""How does a service run with a wall clock that the test can step?

`stepped_clock.py FILE MODULE [ARGUMENT ...]` runs `python -m MODULE` with `time.time` off by the
seconds in FILE, eight bytes that the test may change at any moment. The monotonic clock is left
alone, as NTP leaves it. The service needs no seam for this and knows nothing of it.
"""

import mmap
import runpy
import struct
import sys
import time
from pathlib import Path
from typing import Final

_SECONDS: Final = struct.Struct("<d")


def set_step(file: Path, seconds: float) -> None:
    """From now on the clocks that read `file` are off by `seconds`."""
    file.touch()
    with file.open("r+b") as out:
        out.write(_SECONDS.pack(seconds))


def step_clock(file: Path) -> None:
    """This process's wall clock follows `file`, as long as it lives."""
    real, real_ns = time.time, time.time_ns
    with file.open("rb") as opened:
        step = mmap.mmap(opened.fileno(), _SECONDS.size, access=mmap.ACCESS_READ)
    time.time = lambda: real() + _SECONDS.unpack_from(step)[0]
    time.time_ns = lambda: real_ns() + int(_SECONDS.unpack_from(step)[0] * 1e9)


if __name__ == "__main__":
    _, path, module, *arguments = sys.argv
    step_clock(Path(path))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
