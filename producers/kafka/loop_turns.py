"""Turns of the event loop: whoever reads many records at once lets others run in between."""

import time
from collections.abc import Callable
from typing import Final

_HOLD_S: Final = 0.01


class LoopTurns:
    """One reader's hold of the loop.

    A fetch may have fifty megabytes of records, and a single one may take twenty milliseconds.
    """

    __slots__ = ("_clock", "_since")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()

    def begin(self) -> None:
        """The reader has waited until now."""
        self._since = self._clock()

    def over(self) -> bool:
        """Whether it has held the loop long enough: it is to `sleep(0)` now."""
        now = self._clock()
        if now - self._since <= _HOLD_S:
            return False
        self._since = now
        return True
