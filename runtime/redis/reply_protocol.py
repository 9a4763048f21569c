"""RESP protocol of a connection: which answer is whose? In order, each to who waits for it.

redis-py opens the connection: TLS, authentication, database. Then its stream gives the transport
over to this protocol, which takes a call for each piece of bytes in place of sixty for an answer.
A connection that has failed or was cut short is never used again: an answer that is still to come
would be taken for another's.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Self, cast

from hiredis import PushNotification, Reader
from redis.asyncio import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse

_MORE: Final = object()
"""The reader's answer when bytes are missing."""
_NO_ANSWER: Final = (PushNotification, RedisConnectionError)
_FATAL: Final = (InvalidResponse, RedisConnectionError)
_LOST: Final = "Redis has closed the connection"


class ReplyProtocol(asyncio.Protocol):
    """One exchange at a time over one connection."""

    def __init__(self, connection: Connection, on_end: Callable[[Exception | None], None]) -> None:
        """Takes an open connection over, for good. Nothing has been asked on it.

        on_end: called when all of an exchange is answered, or with the error that it ended by.
        """
        writer, parser = cast("Any", connection)._writer, cast("Any", connection)._parser  # noqa: SLF001
        encoder, self._parser = connection.encoder, parser
        self._reader = Reader(
            protocolError=InvalidResponse,
            replyError=parser.parse_error,
            encoding=encoder.encoding if encoder.decode_responses else None,
            errors=encoder.encoding_errors,
            notEnoughData=_MORE,
        )
        self._on_end = on_end
        self._expected: deque[asyncio.Future[Any]] = deque()
        self._pushes: set[asyncio.Task[Any]] = set()
        self._transport: asyncio.Transport = writer.transport
        self._former: asyncio.BaseProtocol = self._transport.get_protocol()
        self.over = self._transport.is_closing()
        """Whether nothing can be asked on it any more."""
        self._transport.set_protocol(self)

    @classmethod
    async def of(cls, connection: Connection, on_end: Callable[[Exception | None], None]) -> Self:
        """As the constructor. Raises REDIS_UNAVAILABLE when Redis has said something unasked."""
        if await connection.can_read():
            raise RedisConnectionError("bytes before the first command")
        return cls(connection, on_end)

    def exchange(self, packed: Sequence[bytes], answers: Sequence["asyncio.Future[Any]"]) -> None:
        """Sends commands; each answer is set in turn, unless nobody waits for it any more."""
        self._expected.extend(answers)
        try:
            self._transport.writelines(packed)
        except (OSError, RuntimeError) as error:  # uvloop's for a transport that is closed
            self._end(RedisConnectionError(f"nothing can be written: {error}"), asked=True)

    def drop(self) -> None:
        """Ends the connection at once; what is still to come reaches nobody."""
        self._expected.clear()
        self.over = True
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """As the transport calls it."""
        if self.over:
            return
        asked = bool(self._expected)
        self._reader.feed(data)
        try:
            self._read()
        except _FATAL as error:
            self._end(error, asked=asked)
        else:
            if asked and not self._expected:
                self._on_end(None)

    def eof_received(self) -> None:
        """As the transport calls it, which then closes itself."""
        self._end(RedisConnectionError(_LOST), asked=bool(self._expected))

    def connection_lost(self, exc: Exception | None) -> None:
        """As the transport calls it."""
        self._former.connection_lost(exc)  # who closes through redis-py waits for this
        error = RedisConnectionError(_LOST if exc is None else f"{_LOST}: {exc}")
        self._end(error, asked=bool(self._expected))

    def _read(self) -> None:
        """Sets the answers that are whole. Raises _FATAL for what ends the connection."""
        reader, expected = self._reader, self._expected
        while True:
            try:
                reply = reader.gets()
            except UnicodeDecodeError as error:
                reply = error  # this one's alone: the reader goes on behind it
            if reply is _MORE:
                return
            if isinstance(reply, _NO_ANSWER):
                self._unasked(reply)
            elif expected:
                _resolve(expected.popleft(), reply)
            else:
                raise InvalidResponse("an answer to nothing")

    def _unasked(self, reply: PushNotification | RedisConnectionError) -> None:
        if isinstance(reply, RedisConnectionError):  # such as that Redis still loads its data
            raise reply
        # what Redis says by itself, such as that it moves, is the client library's to heed
        task = asyncio.ensure_future(self._parser.handle_push_response(reply))
        self._pushes.add(task)
        task.add_done_callback(self._pushes.discard)

    def _end(self, error: Exception, *, asked: bool) -> None:
        """asked: whether an exchange was under way."""
        answered = not self._expected
        if not self.over:
            self.drop()
        if asked:
            self._on_end(None if answered else error)


def _resolve(answer: "asyncio.Future[Any]", reply: object) -> None:
    if answer.done():
        return
    if isinstance(reply, Exception):
        answer.set_exception(reply)
    else:
        answer.set_result(reply)
