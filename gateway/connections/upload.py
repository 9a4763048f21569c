"""Upload: the fields and the file of a multipart body, piece by piece.

aiohttp's reader splits the parts; what comes faster than it is taken waits with the caller.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiohttp import BodyPartReader, MultipartReader, StreamReader
from aiohttp.base_protocol import BaseProtocol

from gateway.connections.connection import ClientGone
from gateway.connections.http_limits import HttpLimits

_T = TypeVar("_T")
_BUFFER: Final = 1 << 20
_PIECE: Final = 65_536
_LONGEST_FIELD: Final = 4_096
_MOST_FIELDS: Final = 16
_HEAD: Final = 16_384
"""Bytes of a form before its file; what SDKs write there has a few hundred."""
_TURNS: Final = 4
"""Of the event loop: the reader takes all that it has in one."""
_WAIT_S: Final = 0.005


class UploadRefusedError(Exception):
    """The body isn't a multipart form with a file, or is too large."""


class UploadLateError(Exception):
    """The body comes too slowly."""


@dataclass(slots=True)
class Upload:
    """One form: its file is read once, by `content`; the fields before it are known then."""

    fields: dict[str, str]
    filename: str
    part: BodyPartReader

    async def content(self) -> AsyncIterator[bytes]:
        """The bytes of the file. Raises UploadRefusedError, UploadLateError, ClientGone."""
        while piece := await _readable(self.part.read_chunk(_PIECE)):
            yield bytes(piece)


async def read_upload(
    content_type: str,
    receive: Callable[[], Awaitable[dict[str, object]]],
    most: int,
    limits: HttpLimits,
) -> tuple[Upload, "asyncio.Task[None]"]:
    """The form up to its file, and the task that feeds it: cancel it in the end.

    most: bytes of the whole body. Raises UploadRefusedError, UploadLateError, ClientGone.
    """
    loop = asyncio.get_running_loop()
    stream, found = StreamReader(_Connected(loop), _BUFFER, loop=loop), asyncio.Event()
    feeding = asyncio.create_task(_feed(_Feed(stream, found), _Pieces(receive, limits), most))
    try:
        fields: dict[str, str] = {}
        number = 0
        reader = await _readable(_reader(content_type, stream))
        while isinstance(part := await _readable(reader.next()), BodyPartReader):
            if part.name == "file":
                found.set()
                return Upload(fields, part.filename or "file", part), feeding
            number += 1
            if number > _MOST_FIELDS:
                break
            value = await _readable(part.read_chunk(_LONGEST_FIELD))
            fields[part.name or ""] = value.decode(errors="replace")
            await _readable(part.release())
    except BaseException:
        feeding.cancel()
        raise
    feeding.cancel()
    raise UploadRefusedError("file: a multipart field with the file is needed")


async def _reader(content_type: str, stream: StreamReader) -> MultipartReader:
    return MultipartReader({"Content-Type": content_type}, stream)


async def _readable(reading: Coroutine[Any, Any, _T]) -> _T:
    """The result; whatever the reader makes of a malformed form is one refusal."""
    try:
        return await reading
    except (ClientGone, UploadRefusedError, UploadLateError):
        raise
    except Exception as error:
        raise UploadRefusedError("the body is no multipart form") from error


class _Connected(BaseProtocol):
    """The reader asks whether its connection stands: ours is the ASGI server's."""

    @property
    def connected(self) -> bool:
        return True


@dataclass(slots=True)
class _Feed:
    """The way into the reader. Before the file it takes a head's bytes, and no more.

    The reader goes through them line by line, and doesn't let go of the event loop while it has
    some; those of the file it takes in bulk.
    """

    stream: StreamReader
    found: asyncio.Event
    _given: int = 0

    async def give(self, piece: bytes) -> bool:
        """Whether it was taken."""
        if not self.found.is_set():
            head = piece[: _HEAD - self._given]
            self._given += len(head)
            self.stream.feed_data(head)
            piece = piece[len(head) :]
            if not piece:
                return True
            await self._be_read()
            if not self.found.is_set():
                words = f"file: it must begin within the first {_HEAD:,} bytes of the form"
                self.stream.set_exception(UploadRefusedError(words))
                return False
        self.stream.feed_data(piece)
        while _full(self.stream):  # noqa: ASYNC110 nothing tells when it is taken
            await asyncio.sleep(_WAIT_S)
        return True

    async def _be_read(self) -> None:
        """Until the reader has found the file, or needs more than it has."""
        for _ in range(_TURNS):
            if self.found.is_set():
                return
            await asyncio.sleep(0)


@dataclass(slots=True)
class _Pieces:
    """The body's pieces: they may take as long as a small body, and longer the more has come.

    What we take to read them doesn't count.
    """

    receive: Callable[[], Awaitable[dict[str, object]]]
    limits: HttpLimits
    _waited_s: float = 0
    _size: int = 0

    async def next(self) -> dict[str, object] | None:
        """None: it doesn't come in time."""
        begun_s = time.monotonic()
        allowed_s = self.limits.body_timeout_s + self._size / self.limits.slowest_bytes_s
        try:
            async with asyncio.timeout(allowed_s - self._waited_s):
                message = await self.receive()
        except TimeoutError:
            return None
        self._waited_s += time.monotonic() - begun_s
        piece = message.get("body", b"")
        assert isinstance(piece, bytes)  # noqa: S101 ASGI's word
        self._size += len(piece)
        return message


async def _feed(feed: _Feed, pieces: _Pieces, most: int) -> None:
    size, more, stream = 0, True, feed.stream
    with suppress(asyncio.CancelledError):
        while more:
            message = await pieces.next()
            if message is None:
                stream.set_exception(UploadLateError())
                return
            if message["type"] == "http.disconnect":
                stream.set_exception(ClientGone())
                return
            piece = message.get("body", b"")
            assert isinstance(piece, bytes)  # noqa: S101 ASGI's word
            size += len(piece)
            if size > most:
                stream.set_exception(UploadRefusedError(f"at most {most >> 20} MiB"))
                return
            if not await feed.give(piece):
                return
            more = bool(message.get("more_body", False))
        stream.feed_eof()


def _full(stream: StreamReader) -> bool:
    return stream._size > _BUFFER  # noqa: SLF001 no public name tells it
