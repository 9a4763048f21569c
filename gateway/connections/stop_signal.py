"""Stop signal: not ready first, then every open response is told to end."""

from collections.abc import Callable


class StopSignal:
    """Where the process is on its way down."""

    def __init__(self) -> None:
        self.draining = False
        self.ending = False
        self._listeners: set[Callable[[], None]] = set()

    def drain(self) -> None:
        """New requests go elsewhere; those that are open go on."""
        self.draining = True

    def end(self) -> None:
        """Every open response ends now."""
        self.draining = self.ending = True
        for wake in tuple(self._listeners):
            wake()

    def listen(self, wake: Callable[[], None]) -> None:
        """`wake` is called when the responses are to end."""
        self._listeners.add(wake)

    def ignore(self, wake: Callable[[], None]) -> None:
        """`wake` is called no more."""
        self._listeners.discard(wake)
