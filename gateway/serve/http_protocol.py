"""HTTP protocol: uvicorn's, with limits for what comes before an application is called.

uvicorn reads a request's head for as long and as large as a caller sends it, and answers what is
no HTTP with a plain text. Here a head has a size and a time, an upload that nobody reads any more
has a time, and the answer is an error object. Who serves a request finds its peer in the scope.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.connections.http_limits import HttpLimits
from gateway.connections.peer import BODY_ARRIVED, PEER, Peer
from gateway.endpoints.spoken_dialect import spoken_dialect
from gateway.errors.api_error import ApiError

_MALFORMED: Final = ApiError(
    "invalid_request", "invalid_http", "this is not a request of HTTP/1.1: nothing was read"
)
_REASONS: Final = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Headers Too Large"}


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection of a caller."""

    def __init__(self, limits: HttpLimits, **parts: Any) -> None:  # noqa: ANN401 uvicorn's
        super().__init__(**parts)
        self._limits = limits
        self._head_bytes = 0
        self._refusal = _MALFORMED
        self._head_timer: asyncio.TimerHandle | None = None
        self._upload_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The first head has to come in time."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._peer = Peer(self.flow)
        self._head_begins()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._stop_timers()
        super().connection_lost(exc)
        self._peer.leave()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._head_bytes = 0
        if self._head_timer is None:
            self._head_begins()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A piece of the path."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The application is called."""
        self._stop_timers()
        self._own_scope[PEER] = self._peer
        super().on_headers_complete()
        # uvicorn's cycle begins in a task of its own, so it writes to this one from the first byte
        self.cycle.transport = cast("asyncio.Transport", _HeldHead(self.transport, self.loop))

    def on_message_complete(self) -> None:
        """The body is whole."""
        if self._upload_timer is not None:
            self._upload_timer.cancel()
        self._own_scope[BODY_ARRIVED] = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """What is still uploaded is thrown away, but not for ever."""
        super().on_response_complete()
        if self.cycle.more_body and not self.transport.is_closing():
            self._upload_timer = self.loop.call_later(
                self._limits.body_timeout_s, self.transport.close
            )

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 uvicorn's
        """The error object in place of uvicorn's text. It ends the connection."""
        self._refuse(self._refusal)

    @property
    def _own_scope(self) -> Scope:
        """Uvicorn's type knows no keys of others."""
        return cast("Scope", self.scope)

    def _head_begins(self) -> None:
        self._head_timer = self.loop.call_later(self._limits.head_timeout_s, self._head_is_late)

    def _head_is_late(self) -> None:
        words = "the headers didn't come in time"
        self._refuse(ApiError("body_timeout", "request_timeout", words))

    def _count(self, size: int) -> None:
        """Raises ValueError, which ends the parsing."""
        self._head_bytes += size
        # the application refuses what is somewhat too large, in its caller's own dialect
        if self._head_bytes > 2 * self._limits.header_bytes:
            most = self._limits.header_bytes
            words = f"the path and the headers have more than {most:,} bytes"
            self._refusal = ApiError("headers_too_large", "headers_too_large", words)
            raise ValueError(words)

    def _refuse(self, error: ApiError) -> None:
        self._stop_timers()
        if self.transport.is_closing():
            return
        scope = cast("Scope", self.scope or {})
        dialect = spoken_dialect({"path": "", "headers": scope.get("headers", ())})
        status, body = dialect.error_status(error).status, dialect.error_body(error, "none")
        # an answer under way is cut: nothing may be written into it
        cycle = self.cycle
        if cycle is not None and isinstance(cycle.transport, _HeldHead):
            cycle.transport.flush()
        if cycle is None or cycle.response_complete or not cycle.response_started:
            head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\n" % (
                status,
                _REASONS[status],
            )
            length = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            self.transport.write(head + length + body)
        self.transport.close()

    def _stop_timers(self) -> None:
        for timer in (self._head_timer, self._upload_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._upload_timer = None


class _HeldHead:
    """A transport on which a response's head waits for what follows at once.

    uvicorn writes head and body by themselves, and each write is a call of the kernel that wakes
    the caller. What follows later than in this round of the event loop finds the head written.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        """The first one is held, the second one leaves with it."""
        if self._head is None:
            self._head = data
            self._loop.call_soon(self.flush)
        elif self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Writes what is held."""
        if self._head:
            head, self._head = self._head, b""
            if not self._transport.is_closing():
                self._transport.write(head)

    def close(self) -> None:
        """Once all is written."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> object:
        """Everything else is the transport's."""
        return getattr(self._transport, name)


def http_protocol(limits: HttpLimits) -> Callable[..., LimitedHttpProtocol]:
    """What `uvicorn.Config` takes as `http`."""
    return partial(LimitedHttpProtocol, limits)
