"""Waiting requests: offsets and sizes of what lies in the queue until its batch is formed.

A request takes 34 bytes here, whatever its own size: the record stays in Kafka, and is read again
when its batch is built. Blocks are filled in the order of arrival and dropped when they are empty.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

_ROW: Final = np.dtype(
    [
        ("offset", "i8"),
        ("size", "u4"),
        ("prompt", "u4"),
        ("output", "u4"),
        ("deadline", "u4"),
        ("arrived", "u4"),
        ("prefix", "u4"),
        ("partition", "u2"),
    ]
)
_BLOCK: Final = 4_096
_NEVER: Final = 2**32 - 1
"""The deadline of a request that has none, in seconds."""
_TAKEN: Final = -1
Rows: TypeAlias = npt.NDArray[Any]


class WaitingRequest(NamedTuple):
    """One request as it is remembered. Times: Unix seconds."""

    partition: int
    offset: int
    size: int
    """Bytes of its line at the provider."""
    prompt: int
    """Tokens, by the router's estimate; output: as well."""
    output: int
    deadline: int | None
    arrived: int
    prefix: int
    """A hash of the part of its prompt that repeats; 0: none."""


@dataclass(slots=True)
class _Block:
    rows: Rows
    filled: int = 0
    taken: int = 0
    summary: "_Summary | None" = None
    """What is asked of it often; None: it has changed since."""


@dataclass(frozen=True, slots=True)
class _Summary:
    oldest: int
    tightest: int
    lowest: tuple[tuple[int, int], ...]
    """(partition, its lowest offset)"""


class WaitingRequests:
    """The requests of one group that wait, in the order in which they came."""

    def __init__(self) -> None:
        self._blocks: deque[_Block] = deque()
        self.count = 0
        self.size = 0
        self.prompt = 0

    def add(self, request: WaitingRequest) -> None:
        """One more, behind all others."""
        if not self._blocks or self._blocks[-1].filled == _BLOCK:
            self._blocks.append(_Block(np.zeros(_BLOCK, _ROW)))
        block = self._blocks[-1]
        deadline = _NEVER if request.deadline is None else min(request.deadline, _NEVER - 1)
        block.rows[block.filled] = (
            request.offset,
            *(min(number, _NEVER) for number in (request.size, request.prompt, request.output)),
            max(0, deadline),
            request.arrived,
            request.prefix & _NEVER,
            request.partition,
        )
        block.filled += 1
        block.summary = None
        self.count += 1
        self.size += request.size
        self.prompt += request.prompt

    @property
    def oldest(self) -> int | None:
        """When the one in front came; None when nobody waits."""
        first = next(self._summaries(), None)
        return None if first is None else first.oldest

    @property
    def tightest(self) -> int | None:
        """The earliest deadline; None when none has one."""
        earliest = min((each.tightest for each in self._summaries()), default=_NEVER)
        return None if earliest == _NEVER else earliest

    def lowest_offsets(self) -> dict[int, int]:
        """By partition, the lowest offset that waits."""
        lowest: dict[int, int] = {}
        for each in self._summaries():
            for number, first in each.lowest:
                lowest[number] = min(first, lowest.get(number, first))
        return lowest

    def take(self, most: int, most_size: int, most_prompt: int) -> list[WaitingRequest]:
        """The first, up to the limits, at least one; those with the same prefix side by side."""
        taken: list[WaitingRequest] = []
        size = prompt = 0
        for block in self._blocks:
            places = np.flatnonzero(block.rows["offset"][: block.filled] != _TAKEN)
            fitting = 0
            for request in map(_request, block.rows[places].tolist()):
                size, prompt = size + request.size, prompt + request.prompt
                full = len(taken) == most or size > most_size or prompt > most_prompt
                if taken and full:
                    break
                taken.append(request)
                fitting += 1
            self._remove(block, places[:fitting])
            if fitting < len(places):
                break
        self._sweep()
        return _side_by_side(taken)

    def take_before(self, deadline: int, most: int) -> list[WaitingRequest]:
        """Those whose deadline lies before `deadline`, up to `most`."""
        taken: list[WaitingRequest] = []
        for block in self._blocks:
            rows = block.rows[: block.filled]
            due = np.flatnonzero((rows["deadline"] < deadline) & (rows["offset"] != _TAKEN))
            places = due[: most - len(taken)]
            taken += map(_request, rows[places].tolist())
            self._remove(block, places)
        self._sweep()
        return taken

    def drop_partitions(self, kept: frozenset[int]) -> None:
        """Forgets the requests of all other partitions: another member reads them now."""
        for block in self._blocks:
            rows = block.rows[: block.filled]
            theirs = ~np.isin(rows["partition"], list(kept)) & (rows["offset"] != _TAKEN)
            self._remove(block, np.flatnonzero(theirs))
        self._sweep()

    def _remove(self, block: _Block, places: npt.NDArray[np.int64]) -> None:
        rows = block.rows[places]
        self.count -= len(places)
        self.size -= int(rows["size"].sum())
        self.prompt -= int(rows["prompt"].sum())
        block.rows["offset"][places] = _TAKEN
        block.taken += len(places)
        block.summary = None

    def _sweep(self) -> None:
        gone = [block for block in self._blocks if block.taken == block.filled]
        for block in gone:
            self._blocks.remove(block)

    def _summaries(self) -> Iterator[_Summary]:
        for block in self._blocks:
            if block.taken == block.filled:
                continue
            if block.summary is None:
                block.summary = _summary(block.rows[: block.filled])
            yield block.summary


def _summary(rows: Rows) -> _Summary:
    there = rows[rows["offset"] != _TAKEN]
    partitions = there["partition"]
    lowest = [
        (int(number), int(there["offset"][partitions == number].min()))
        for number in np.unique(partitions)
    ]
    return _Summary(int(there["arrived"].min()), int(there["deadline"].min()), tuple(lowest))


def _request(row: tuple[int, ...]) -> WaitingRequest:
    offset, size, prompt, output, deadline, arrived, prefix, partition = row
    due = None if deadline == _NEVER else deadline
    return WaitingRequest(partition, offset, size, prompt, output, due, arrived, prefix)


def _side_by_side(taken: list[WaitingRequest]) -> list[WaitingRequest]:
    """In the order of their prefixes' first comers: a provider's cache meets each prefix once."""
    first: dict[int, int] = {}
    for number, request in enumerate(taken):
        if request.prefix:
            first.setdefault(request.prefix, number)
    places = {
        id(request): first.get(request.prefix, number) for number, request in enumerate(taken)
    }
    return sorted(taken, key=lambda request: places[id(request)])
