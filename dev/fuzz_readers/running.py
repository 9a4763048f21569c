"""Run of a reader over mutated inputs: what it raised, and what held it up."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from dev.fuzz_readers.mutation import mutated

_FINDINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader of foreign bytes."""

    name: str
    read: Callable[[bytes], object]
    """Reads one input as its process does; what it raises is a crash."""
    seeds: Sequence[bytes]
    most_s: float = 0.05
    """CPU that one input may take."""


@dataclass(slots=True)
class Tally:
    """What came of a reader's inputs."""

    reader: str
    inputs: int = 0
    crashes: int = 0
    stalls: int = 0
    """Inputs that took more CPU than they may, twice."""
    slowest_ms: float = 0.0
    cpu_s: float = 0.0
    findings: list[str] = field(default_factory=list)
    """The first ones: seed and number of the input, and what happened."""

    def add(self, other: "Tally") -> None:
        """The inputs of another part."""
        self.inputs += other.inputs
        self.crashes += other.crashes
        self.stalls += other.stalls
        self.slowest_ms = max(self.slowest_ms, other.slowest_ms)
        self.cpu_s += other.cpu_s
        self.findings = (self.findings + other.findings)[:_FINDINGS]


def input_of(reader: Reader, seed: int, number: int) -> bytes:
    """The seeds themselves come first, then their mutations."""
    if number < len(reader.seeds):
        return reader.seeds[number]
    return mutated(Random((seed << 40) + number), reader.seeds)


def run(reader: Reader, seed: int, numbers: range, *, until: float = float("inf")) -> Tally:
    """Reads the inputs with these numbers. until: monotonic seconds at which it stops."""
    tally, begun = Tally(reader.name), time.process_time()
    for number in numbers:
        if time.monotonic() > until:
            break
        data = input_of(reader, seed, number)
        tally.inputs += 1
        seconds, crash = _attempt(reader, data)
        if seconds > reader.most_s:
            # once more: the garbage collector and a busy machine are no fault of the reader
            seconds, crash = _attempt(reader, data)
        tally.slowest_ms = max(tally.slowest_ms, seconds * 1000)
        if seconds > reader.most_s:
            tally.stalls += 1
            _note(tally, f"{reader.name} {seed} {number}: {seconds * 1000:.0f} ms")
        if crash is not None:
            tally.crashes += 1
            _note(tally, f"{reader.name} {seed} {number}: {type(crash).__name__}: {crash}"[:300])
    tally.cpu_s = time.process_time() - begun
    return tally


def _attempt(reader: Reader, data: bytes) -> tuple[float, Exception | None]:
    crash, begun = None, time.process_time()
    try:
        reader.read(data)
    except Exception as error:  # noqa: BLE001 - what a reader raises is the finding
        crash = error
    return time.process_time() - begun, crash


def _note(tally: Tally, finding: str) -> None:
    if len(tally.findings) < _FINDINGS:
        tally.findings.append(finding)
