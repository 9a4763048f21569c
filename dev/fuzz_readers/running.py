"""Run of a reader over mutated or large inputs: what it raised, and what held it up."""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeAlias

from dev.fuzz_readers.large import grown
from dev.fuzz_readers.mutation import mutated

Steps: TypeAlias = Generator[None, None, None]
"""What a reader does in several goes."""
_FINDINGS: Final = 20
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader of foreign bytes."""

    name: str
    reads: Sequence[Callable[[bytes], object]]
    """Each reads one input as its process does; what it raises is a crash.

    One that yields in between lets its process's loop go on there.
    """
    seeds: Sequence[bytes]
    most_s: float = 0.05
    """CPU that one input may take."""
    most_bytes: int = 1_048_576
    """Of an input; larger ones are refused before this reader gets them."""


@dataclass(slots=True)
class Tally:
    """What came of a reader's inputs."""

    reader: str
    inputs: int = 0
    crashes: int = 0
    stalls: int = 0
    """Inputs that took more CPU than they may, each time."""
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


def input_of(reader: Reader, seed: int, number: int, *, large: bool = False) -> bytes:
    """The seeds themselves come first, then their mutations, or large ones of their kind."""
    if number < len(reader.seeds):
        return reader.seeds[number]
    random = Random((seed << 40) + number)
    if large:
        return grown(random, reader.seeds, reader.most_bytes)
    return mutated(random, reader.seeds)


def run(
    reader: Reader,
    seed: int,
    numbers: range,
    *,
    large: bool = False,
    until: float = float("inf"),
) -> Tally:
    """Reads the inputs with these numbers. until: monotonic seconds at which it stops."""
    tally, begun = Tally(reader.name), time.process_time()
    for number in numbers:
        if time.monotonic() > until:
            break
        data = input_of(reader, seed, number, large=large)
        tally.inputs += 1
        seconds, crash = _attempt(reader, data)
        for _ in range(_ATTEMPTS - 1):
            # the garbage collector and a busy machine are no fault of the reader
            if seconds > reader.most_s:
                seconds = min(seconds, _attempt(reader, data)[0])
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
    """(CPU of the longest step of its reads, what one of them raised)."""
    crash, longest = None, 0.0
    for read in reader.reads:
        begun = time.process_time()
        try:
            steps = read(data)
            while isinstance(steps, Generator):
                next(steps)
                longest, begun = max(longest, time.process_time() - begun), time.process_time()
        except StopIteration:
            pass
        except Exception as error:  # noqa: BLE001 - what a reader raises is the finding
            crash = error
        longest = max(longest, time.process_time() - begun)
    return longest, crash


def _note(tally: Tally, finding: str) -> None:
    if len(tally.findings) < _FINDINGS:
        tally.findings.append(finding)
