"""Up to which offset is everything of one partition done, so that it may be committed?

Records finish out of order; the committed offset is the contiguous one. Offsets are taken as they
are received, not assumed dense: compaction and transactions leave gaps (the idea is
confluentinc/parallel-consumer's). One Watermark lives as long as its partition stays assigned.
"""

from collections import deque


class Watermark:
    """The offsets received and finished of one partition, for one assignment."""

    def __init__(self) -> None:
        self._waiting: deque[int] = deque()
        self._finished: set[int] = set()
        self._next: int | None = None
        self._committed: int | None = None

    def received(self, offset: int) -> bool:
        """Whether the record is new; one that is under way or done already is not.

        An offset below all that is tracked means that the log was cut or the group reset: it is
        new, and tracking starts over, because to do it twice is better than not at all.
        """
        if self._next is not None and offset < self._next:
            if offset >= self._lowest(self._next):
                return False
            self._restart()
        self._waiting.append(offset)
        self._next = offset + 1
        return True

    def finished(self, offset: int) -> None:
        """The record needs no redelivery. An offset that isn't tracked (any more) is ignored."""
        if not self._waiting or offset < self._waiting[0]:
            return
        self._finished.add(offset)
        while self._waiting and self._waiting[0] in self._finished:
            self._finished.discard(self._waiting.popleft())

    def forgotten(self, offset: int) -> None:
        """The record will not be handled: everything from it on must be received again."""
        while self._waiting and self._waiting[-1] >= offset:
            self._finished.discard(self._waiting.pop())
        self._next = offset

    def committable(self) -> int | None:
        """The offset to commit (the first not done), or None if that is committed already."""
        if self._next is None:
            return None
        offset = self._lowest(self._next)
        return None if offset == self._committed else offset

    def committed(self, offset: int) -> None:
        """The broker has taken `offset`."""
        self._committed = offset

    @property
    def in_flight(self) -> int:
        """Records received and not yet covered by the watermark."""
        return len(self._waiting)

    def _lowest(self, following: int) -> int:
        return self._waiting[0] if self._waiting else following

    def _restart(self) -> None:
        self._waiting.clear()
        self._finished.clear()
        self._committed = None
