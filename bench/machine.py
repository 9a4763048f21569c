"""What machine was a figure measured on, and what did a process use meanwhile?"""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def description() -> dict[str, str | int]:
    """For the result files: absolute figures mean nothing without it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
    return {
        "cpu": model or platform.processor(),
        "cores": os.cpu_count() or 0,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }


@dataclass(frozen=True, slots=True)
class Used:
    """cpu_s: user and system time since the process began; rss_mb: resident now."""

    cpu_s: float
    rss_mb: float


def used(pid: int) -> Used:
    """Of a running process, from /proc (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    return Used(cpu_s, int(fields[21]) * _PAGE_BYTES / 1e6)
