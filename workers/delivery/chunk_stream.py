"""Chunk stream: the pieces of a streamed answer, in order and without a flood of records.

One record is under way at a time; what arrives meanwhile is merged into the next. So a slow broker
makes larger chunks, never a longer queue, and a fast one passes every token on by itself.

Words and calls bind: no other answer goes on from them. Thoughts don't, so where a call breaks off
in its thoughts another one answers, under a higher `run`.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from producers.contract import Chunk, codec
from producers.contract.codec import Headers
from producers.contract.reply_address import ReplyAddress
from producers.kafka.broker import Publisher
from runtime.process.reply_records import reply_record

_MERGEABLE: Final = ("content", "reasoning_content")
_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking", "thinking_delta", "signature_delta"})
"""Blocks and pieces of Anthropic's stream that tell thoughts."""


class ChunkPublisher:
    """The chunks of one request on their way to its reply topic."""

    def __init__(
        self,
        publisher: Publisher,
        address: ReplyAddress,
        request_id: str,
        run: int,
        headers: Headers,
    ) -> None:
        """run: as in `Chunk`; headers: those of every chunk's record."""
        self._publisher = publisher
        self._address = address
        self._id = request_id
        self._run = run
        self._headers = headers
        self._seq = 0
        self._pending: list[dict[str, Any]] = []
        self._sending: asyncio.Task[None] | None = None
        self.characters = 0
        self.emitted = False
        """Whether the caller may have seen words or calls of the answer."""

    async def emit(self, delta: dict[str, Any]) -> None:
        """Passes a delta on; a failure to publish an earlier one is raised here."""
        self.characters += len(delta.get("content") or "")
        self.emitted = self.emitted or not _tells_thoughts(delta)
        _append(self._pending, delta)
        if self._sending is None or self._sending.done():
            await self._sent()
            self._sending = asyncio.create_task(self._send())

    async def restart(self) -> None:
        """Another call answers: what was told is void. Raises PublishFailedError."""
        await self.flush()
        if self._seq:
            self._run, self._seq = self._run + 1, 0

    async def flush(self) -> None:
        """Returns once every delta is with the broker. Raises PublishFailedError."""
        await self._sent()
        await self._send()

    async def _sent(self) -> None:
        if self._sending is not None:
            await self._sending

    async def _send(self) -> None:
        while self._pending:
            deltas, self._pending = self._pending, []
            for delta in deltas:
                chunk = Chunk(id=self._id, run=self._run, seq=self._seq, delta=delta)
                self._seq += 1
                record = reply_record(self._address, codec.encode(chunk), self._id, self._headers)
                await self._publisher.publish(record)


def _append(pending: list[dict[str, Any]], delta: dict[str, Any]) -> None:
    """Texts of the same kind are joined; anything else keeps a record of its own."""
    last = pending[-1] if pending else {}
    kind = _text_kind(delta)
    if kind is not None and kind == _text_kind(last):
        pending[-1] = {**last, kind: last[kind] + delta[kind]}
    else:
        pending.append(delta)


def _tells_thoughts(delta: Mapping[str, Any]) -> bool:
    """Whether all that it tells are thoughts."""
    for name, value in delta.items():
        if name == "anthropic":
            parts = value.values() if isinstance(value, Mapping) else [value]
            if not all(isinstance(p, Mapping) and p.get("type") in _THOUGHTS for p in parts):
                return False
        elif value and name not in ("role", "reasoning_content"):  # an empty text tells nothing
            return False
    return True


def _text_kind(delta: Mapping[str, Any]) -> str | None:
    fields = [name for name, value in delta.items() if value is not None and name != "role"]
    if len(fields) == 1 and fields[0] in _MERGEABLE and isinstance(delta[fields[0]], str):
        return fields[0]
    return None
