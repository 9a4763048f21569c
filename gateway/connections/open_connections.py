"""Connection limit: how many callers may be connected, and who makes room for the next one?

Who has begun a request and doesn't go on, or has none, costs nothing but a place and what it has
sent. Where places or memory are short the one that has waited longest goes; whose request is whole
and waits for its answer stays.
"""

from typing import Final, Protocol


class Evictable(Protocol):
    """A connection."""

    def evict(self) -> None:
        """It is closed; it may be told why."""
        ...


class OpenConnections:
    """The connections of one process. Sizes in bytes."""

    def __init__(self, most: int, most_bytes: int) -> None:
        """most_bytes: of the bodies that aren't whole yet, together."""
        self._most = most
        self._most_bytes = most_bytes
        self._open: Final[set[Evictable]] = set()
        self._waiting: Final[dict[Evictable, int]] = {}
        """Whose request isn't whole, and what of it is here; the oldest first."""
        self.pending_bytes = 0

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, connection: Evictable) -> None:
        """A caller has come."""
        self._open.add(connection)
        self._waiting[connection] = 0
        if len(self._open) > self._most:
            self._evict(next(iter(self._waiting)))

    def received(self, connection: Evictable, size: int) -> None:
        """A piece of its body has come."""
        if connection not in self._waiting:
            return
        self._waiting[connection] += size
        self.pending_bytes += size
        while self.pending_bytes > self._most_bytes:
            self._evict(next(one for one, pending in self._waiting.items() if pending))

    def whole(self, connection: Evictable) -> None:
        """Its request is whole: it is served."""
        self.pending_bytes -= self._waiting.pop(connection, 0)

    def answered(self, connection: Evictable) -> None:
        """Its answer is written: it may begin another request."""
        if connection in self._open:
            self.whole(connection)
            self._waiting[connection] = 0

    def closed(self, connection: Evictable) -> None:
        """The caller is gone."""
        self.whole(connection)
        self._open.discard(connection)

    def _evict(self, connection: Evictable) -> None:
        self.closed(connection)
        connection.evict()
