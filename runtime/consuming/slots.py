"""Concurrency slots of a worker pool, shared in turn by its streams.

What is begun can't be taken back, so batch records leave room for the interactive ones to come: as
many slots as those have held at once lately, and an eighth at least. The rest is idle, and theirs.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

_KEPT_FREE: Final = 8
"""One slot in so many."""
_LATELY_S: Final = 30.0
"""A peak counts for so long at least, and for twice as long at most."""


class Slots:
    """Concurrency limit that the streams of one pool share: records of all of them run at once."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds."""
        self._limit = limit
        self._clock = clock
        self._taken = 0
        self._batch = 0
        self._peak = self._former_peak = 0
        self._since = clock()
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

    def may_be_batch(self) -> bool:
        """Whether the one just taken may be held by a batch record."""
        self._forget()
        kept = max(self._limit // _KEPT_FREE, 1, self._peak, self._former_peak)
        return self._batch < max(1, self._limit - kept)

    def began(self, *, interactive: bool) -> None:
        """Of which class the record is that holds the one just taken."""
        if not interactive:
            self._batch += 1
            return
        held = self._taken - self._batch
        if held > self._peak:
            self._forget()
            self._peak = max(held, self._peak)

    def release(self, *, interactive: bool) -> None:
        """One is free again: the sharers are asked in turn, so that none takes them all."""
        self._taken -= 1
        self._batch -= not interactive
        self._sharers.rotate(-1)
        for fill in tuple(self._sharers):
            fill()

    def _forget(self) -> None:
        passed_s = self._clock() - self._since
        if passed_s >= _LATELY_S:
            self._former_peak = self._peak if passed_s < 2 * _LATELY_S else 0
            self._peak = self._taken - self._batch
            self._since += passed_s
