"""Concurrency slots of a worker pool, shared in turn by its streams."""

from collections import deque
from collections.abc import Callable


class Slots:
    """Concurrency limit that the streams of one pool share: records of all of them run at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._sharers: deque[Callable[[], None]] = deque()

    def join(self, fill: Callable[[], None]) -> None:
        """fill: begins what waits, while there is room; called whenever a slot is free again."""
        self._sharers.append(fill)

    def take(self) -> bool:
        """Whether there was a free one, which is taken now."""
        if self._taken >= self._limit:
            return False
        self._taken += 1
        return True

    def give_back(self) -> None:
        """The one just taken isn't needed: nothing waits."""
        self._taken -= 1

    def release(self) -> None:
        """One is free again: the sharers are asked in turn, so that none takes them all."""
        self._taken -= 1
        self._sharers.rotate(-1)
        for fill in tuple(self._sharers):
            fill()
