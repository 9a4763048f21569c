"""Which events do the bytes of a Server-Sent Events stream hold?

Only what LLM providers send: `data` lines (several are joined by a newline) and comments, in any
chunking. `event`, `id` and `retry` lines are skipped: every provider repeats the type in its data.
"""


class SseParser:
    """Feed it bytes as they arrive; it gives the data of every finished event."""

    __slots__ = ("_data", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, received: bytes) -> list[bytes]:
        """The data of each event that `received` finishes."""
        lines = (self._rest + received).split(b"\n")
        self._rest = lines.pop()
        events = []
        for raw in lines:
            line = raw.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and self._data:
                events.append(b"\n".join(self._data))
                self._data.clear()
        return events
