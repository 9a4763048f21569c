"""Server-Sent Events parser: the data of each event, in any chunking.

Only what LLM providers send: `data` lines (several are joined by a newline) and comments. `event`,
`id` and `retry` lines are skipped: every provider repeats the type in its data. Any other line is
taken for data that has lost its mark: as JSON it is read, as damage it is seen, not skipped. Lines
end with LF, CR LF or CR alone, as the standard has it.
"""

from typing import Final

from runtime import limits

END_OF_EVENT: Final = b"\n\n"
"""Fed when a body has ended: the end of an event that the server left out, as some do."""
_BOM: Final = b"\xef\xbb\xbf"
_SKIPPED: Final = (b"event:", b":", b"id:", b"retry:")


class SseParser:
    """Feed it bytes as they arrive; it gives the data of every finished event."""

    __slots__ = ("_after_cr", "_begun", "_data", "_rest")

    def __init__(self) -> None:
        self._begun = False
        self._after_cr = False
        self._rest: list[bytes] = []
        self._data: list[bytes] = []

    def feed(self, received: bytes) -> list[bytes]:
        """The data of each event that `received` finishes. Raises ValueError: one has no end."""
        if not (self._rest or self._data) and (event := _one_event(received)) is not None:
            self._begun, self._after_cr = True, False
            return [event]
        if self._after_cr and received:  # the LF of a CR LF between two chunks ends no other line
            self._after_cr = False
            received = received.removeprefix(b"\n")
        if b"\r" in received:
            self._after_cr = received.endswith(b"\r")
            received = received.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        # pieces of a line are joined once, when it ends: joining them as they come would cost the
        # square of a long line's length
        lines = received.split(b"\n")
        rest = lines.pop()
        if self._rest:
            if not lines:
                self._rest.append(rest)
                return []
            lines[0] = b"".join([*self._rest, lines[0]])
        self._rest = [rest] if rest else []
        if not lines:
            return []
        if not self._begun:
            self._begun = True
            lines[0] = lines[0].removeprefix(_BOM)
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and self._data:
                events.append(b"\n".join(self._data))
                self._data.clear()
            elif line and not _is_skipped(line):
                self._data.append(line)
            if len(self._data) > limits.PROVIDER_LINES.value:
                raise ValueError(limits.PROVIDER_LINES.refusal(len(self._data)))
        return events


def _one_event(received: bytes) -> bytes | None:
    """The data of exactly one event in its ordinary form, as servers send them; else None."""
    if not received.endswith(b"}\n\n"):
        return None
    lines = received.count(b"\n")
    if lines == 2 and received.startswith(b"data: "):  # noqa: PLR2004 - the data's, a blank one
        return received[6:-2]
    if lines != 3 or not received.startswith(b"event: "):  # noqa: PLR2004 - a name before them
        return None
    name, _, data = received.partition(b"\n")
    return data[6:-2] if data.startswith(b"data: ") and b"{" not in name else None


def _is_skipped(line: bytes) -> bool:
    """Comments and fields that no provider needs, unless a lost line end has put data into them."""
    if line.startswith(_SKIPPED):
        return b"{" not in line or line[:1] == b":"
    return line.isspace()
