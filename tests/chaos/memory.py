"""Does a process keep its memory, or does it grow?"""

import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

from dev.processes import Child

Sample: TypeAlias = tuple[float, float]
"""Seconds, MB."""

_EVERY_S: Final = 5.0
_WARM_UP_S: Final = 60.0
_LEAST_S: Final = 120.0


class Memory:
    """The resident memory of each process, by name and pid: a restarted one begins anew."""

    def __init__(self) -> None:
        self.samples: dict[tuple[str, int], list[Sample]] = defaultdict(list)

    @contextmanager
    def watching(self, children: Sequence[Child]) -> Iterator[None]:
        """Samples are taken inside, by a thread."""
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(children, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def slopes(self) -> dict[str, tuple[float, float, float]]:
        """By name, of its longest life if that was long enough: minutes, last MB, MB per minute."""
        longest: dict[str, list[Sample]] = {}
        for (name, _), samples in self.samples.items():
            if len(samples) > len(longest.get(name, ())):
                longest[name] = samples
        return {
            name: (_minutes(samples), samples[-1][1], slope(_warm(samples)))
            for name, samples in longest.items()
            if _minutes(samples) * 60 >= _WARM_UP_S + _LEAST_S
        }

    def _watch(self, children: Sequence[Child], over: threading.Event) -> None:
        while not over.wait(_EVERY_S):
            pids = {child.pid: child.name for child in children if child.alive}
            for pid, megabytes in _resident(pids):
                self.samples[pids[pid], pid].append((time.monotonic(), megabytes))


def slope(samples: Sequence[Sample]) -> float:
    """MB per minute, by least squares."""
    mean_at = sum(at for at, _ in samples) / len(samples)
    mean = sum(size for _, size in samples) / len(samples)
    spread = sum((at - mean_at) ** 2 for at, _ in samples)
    return 60 * sum((at - mean_at) * (size - mean) for at, size in samples) / spread


def _minutes(samples: Sequence[Sample]) -> float:
    return (samples[-1][0] - samples[0][0]) / 60


def _warm(samples: Sequence[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample[0] >= samples[0][0] + _WARM_UP_S]


def _resident(pids: Iterable[int]) -> Iterator[tuple[int, float]]:
    """(pid, MB) of those that still live."""
    told = subprocess.run(
        ["ps", "-o", "pid=,rss=", "-p", ",".join(map(str, pids))],  # noqa: S607 wherever it is
        capture_output=True,
        text=True,
        check=False,
    )
    for line in told.stdout.splitlines():
        pid, kilobytes = line.split()
        yield int(pid), int(kilobytes) / 1024
