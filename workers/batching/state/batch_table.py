"""Batch table: what `llm.batches` says of all batches, and which requests are in one.

Every process of the pool reads all of the topic. A request whose record comes again after a crash
is in the table if its batch was written, and isn't gathered twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from producers.contract.batch_record import BatchRecord

QueuePartition: TypeAlias = tuple[str, int]
"""A queue and one of its partitions."""


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A batch as it was written last. home: the partition of its record."""

    record: BatchRecord
    home: int


class BatchTable:
    """The newest record of each batch: about 60 bytes for each of its requests."""

    def __init__(self) -> None:
        self._entries: dict[str, TableEntry] = {}
        self._offsets: dict[str, dict[QueuePartition, npt.NDArray[np.int64]]] = {}
        self._highest: dict[QueuePartition, int] = {}

    def write(self, record: BatchRecord, home: int) -> None:
        """A record of the topic, or one that is on its way there."""
        before = self._entries.get(record.key)
        if before is not None and before.record.revision > record.revision:
            return  # what this process wrote itself comes back to it later
        if record.key not in self._offsets:
            self._offsets[record.key] = places = _by_place(record)
            for place, offsets in places.items():
                highest = self._highest.get(place, -1)
                self._highest[place] = max(highest, int(offsets[-1]))
        self._entries[record.key] = TableEntry(record, home)

    def forget(self, key: str) -> None:
        """A tombstone: nothing of the batch can come again."""
        self._entries.pop(key, None)
        self._offsets.pop(key, None)

    def get(self, key: str) -> TableEntry | None:
        """The batch of that key."""
        return self._entries.get(key)

    def entries(self) -> Iterator[TableEntry]:
        """All batches, in the order in which they became known."""
        yield from tuple(self._entries.values())

    def holds(self, queue: str, partition: int, offset: int) -> bool:
        """Whether the request of that record is in a batch."""
        place = queue, partition
        if offset > self._highest.get(place, -1):
            return False
        return any(
            place in places and _contains(places[place], offset)
            for places in self._offsets.values()
        )

    def open_of(self, deployment: str) -> tuple[int, int, int]:
        """(batches, requests, prompt tokens) of the deployment that its provider hasn't ended."""
        records = [
            entry.record
            for entry in self._entries.values()
            if entry.record.deployment == deployment and entry.record.state not in _ENDED
        ]
        tokens = sum(record.prompt_tokens for record in records)
        return len(records), sum(record.sent for record in records), tokens


_ENDED = ("ended", "closed")


def _by_place(record: BatchRecord) -> dict[QueuePartition, npt.NDArray[np.int64]]:
    partitions = np.asarray(record.partitions, np.int64)
    offsets: npt.NDArray[Any] = np.asarray(record.offsets, np.int64)
    return {
        (record.queue, int(number)): np.sort(offsets[partitions == number])
        for number in np.unique(partitions)
    }


def _contains(offsets: npt.NDArray[np.int64], offset: int) -> bool:
    place = int(np.searchsorted(offsets, offset))
    return place < len(offsets) and int(offsets[place]) == offset
