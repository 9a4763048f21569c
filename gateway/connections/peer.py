"""Peer: the caller's end of a connection. Is it there, and does it take what is written?

An ASGI application hears its caller leave from `receive` alone, in a task beside the answer, and
learns nothing of the buffers. Both are known to the connection's protocol.
"""

from collections.abc import Callable
from typing import Final, Protocol

PEER: Final = "switchgear.peer"
"""Where a request's scope has it."""
BODY_ARRIVED: Final = "switchgear.body_arrived"
"""In the scope of a request whose whole body is here."""


class FlowControl(Protocol):
    """Which ways of a connection are held up."""

    @property
    def write_paused(self) -> bool:
        """Whether the caller takes less than is written."""
        ...

    def resume_reading(self) -> None:
        """Reads on: reading is paused for a large body, and then the end isn't heard."""
        ...


class Peer:
    """Of one connection, for all the requests on it."""

    def __init__(self, flow: FlowControl) -> None:
        self.gone = False
        self._flow = flow
        self._listeners: set[Callable[[], None]] = set()

    @property
    def congested(self) -> bool:
        """Whether a write has to wait."""
        return self._flow.write_paused

    def listen(self, left: Callable[[], None]) -> None:
        """`left` is called when the caller leaves, at once if it has."""
        self._listeners.add(left)
        if self.gone:
            left()
        else:
            self._flow.resume_reading()

    def ignore(self, left: Callable[[], None]) -> None:
        """`left` is called no more."""
        self._listeners.discard(left)

    def leave(self) -> None:
        """The connection is lost."""
        self.gone = True
        for left in tuple(self._listeners):
            left()
