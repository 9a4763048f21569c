"""Contiguous offset watermark of one partition. Up to which offset may be committed?

Records finish out of order; the committed offset is the contiguous one. Offsets are taken as they
are received, not assumed dense: compaction and transactions leave gaps (the idea is
confluentinc/parallel-consumer's). One Watermark lives as long as its partition stays assigned and
its log isn't cut; work is stamped with its Watermark, so what an earlier one's records finish late
never counts for a later one's.
"""

from collections import deque


class Watermark:
    """The offsets received and finished of one partition, for one assignment."""

    def __init__(self) -> None:
        self._waiting: deque[int] = deque()
        self._unfinished: set[int] = set()
        self._next: int | None = None
        self._committed: int | None = None

    def rewound(self, offset: int) -> bool:
        """Whether `offset` lies below all that is tracked.

        Then the log was cut or the group reset: tracking starts over with a new Watermark, because
        to do a record twice is better than not at all.
        """
        return self._next is not None and offset < self._lowest(self._next)

    def received(self, offset: int) -> bool:
        """Whether the record is new; one that is under way or done already is not."""
        if self._next is not None and offset < self._next:
            return False
        self._waiting.append(offset)
        self._unfinished.add(offset)
        self._next = offset + 1
        return True

    def passed(self, offset: int) -> None:
        """The source has read up to `offset`: before it there is nothing more to receive."""
        if not self._waiting:
            self._next = max(offset, self._next or 0)

    def finished(self, offset: int) -> None:
        """The record needs no redelivery."""
        self._unfinished.discard(offset)
        while self._waiting and self._waiting[0] not in self._unfinished:
            self._waiting.popleft()

    def committable(self) -> int | None:
        """The offset to commit (the first not done), or None if that is committed already."""
        if self._next is None:
            return None
        offset = self._lowest(self._next)
        return None if offset == self._committed else offset

    @property
    def reached(self) -> int | None:
        """The first offset that isn't done; None before the first record."""
        return None if self._next is None else self._lowest(self._next)

    def committed(self, offset: int) -> None:
        """The broker has taken `offset`."""
        self._committed = offset

    @property
    def in_flight(self) -> int:
        """Records received and not yet covered by the watermark."""
        return len(self._waiting)

    def _lowest(self, following: int) -> int:
        return self._waiting[0] if self._waiting else following
