"""HTTP protocol: uvicorn's, with limits for what comes before an application is called.

uvicorn reads a request's head for as long and as large as a caller sends it, parses all that has
come in one go, waits for ever for who takes no answer, and tells what is no HTTP in a plain text.
Here a head has a size and a time, much that is small is read in several rounds of the event loop,
whoever begins nothing, sends or takes nothing is closed in time, there are so many connections, and
the answer is an error object. Who serves a request finds its peer in the scope.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

from starlette.types import Scope
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.connections.http_limits import HttpLimits
from gateway.connections.open_connections import OpenConnections
from gateway.connections.peer import BODY_ARRIVED, PEER, Peer
from gateway.endpoints.spoken_dialect import spoken_dialect
from gateway.errors.api_error import ApiError

_MALFORMED: Final = ApiError(
    "invalid_request", "invalid_http", "this is not a request of HTTP/1.1: nothing was read"
)
_CROWDED: Final = ApiError(
    "overloaded",
    "too_many_connections",
    "this gateway has too many callers, and this request took longest to come: try again",
    retry_after_s=1,
)
_REASONS: Final = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Headers Too Large",
    503: b"Service Unavailable",
    529: b"Overloaded",
}
_SLICE: Final = 4_096
"""Bytes that are parsed in one go; more of a body that comes in one piece."""
_LARGEST_SLICE: Final = 32_768
_STEPS: Final = 64
"""Headers and pieces of bodies in a slice, from which on the next one waits for its turn."""
_log: Final = logging.getLogger(__name__)


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection of a caller."""

    def __init__(self, limits: HttpLimits, others: OpenConnections, **parts: Any) -> None:  # noqa: ANN401 uvicorn's
        super().__init__(**parts)
        self._limits = limits
        self._others = others
        self._head_bytes = 0
        self._body_bytes = 0
        self._in_head = False
        self._refusal = _MALFORMED
        self._head_timer: asyncio.TimerHandle | None = None
        self._upload_timer: asyncio.TimerHandle | None = None
        self._slow_timer: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._held = b""
        self._steps = 0
        self._turn: asyncio.Handle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The first head has to come in time."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._flow = self.flow = _HoldingFlow(self.transport)
        self._peer = Peer(self.flow)
        self._head_begins()
        self._others.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._stop_timers()
        for handle in (self._slow_timer, self._turn):
            if handle is not None:
                handle.cancel()
        self._held = b""
        self._others.closed(self)
        super().connection_lost(exc)
        self._peer.leave()

    def data_received(self, data: bytes) -> None:
        """A thousand requests may come at once: others run between them, and none runs ahead."""
        if self._held or self.pipeline:
            self._hold(self._held + data)
        else:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        at, size = 0, _SLICE
        while at < len(data):
            self._steps = 0
            super().data_received(data[at : at + size])
            at += size
            if self.transport.is_closing():
                return
            if at < len(data) and (self.pipeline or self._steps > _STEPS):
                self._hold(data[at:])
                return
            if self._steps == 1:  # a piece of a body, which is only copied
                size = min(2 * size, _LARGEST_SLICE)
        self._watch_idle()

    def _hold(self, rest: bytes) -> None:
        self._held = rest
        self._flow.hold()
        if self._head_timer is not None:  # what is late is here already
            self._head_timer.cancel()
            self._head_timer = None
        if not self.pipeline and self._turn is None:
            self._turn = self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        rest, self._held, self._turn = self._held, b"", None
        if self.transport.is_closing():
            return
        self._flow.held = False
        if self._in_head:
            self._head_begins()
        self._feed(rest)
        if not self._held and not self.pipeline:
            self.flow.resume_reading()

    def _watch_idle(self) -> None:
        """What came ended the time of a connection without a request, and needn't begin another."""
        idle = self.cycle is None or self.cycle.response_complete
        timers = (self._head_timer, self._upload_timer, self.timeout_keep_alive_task)
        if idle and all(timer is None for timer in timers):
            self._head_begins()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._head_bytes = self._body_bytes = 0
        self._in_head = True
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
        self._in_head = False
        self._own_scope[PEER] = self._peer
        super().on_headers_complete()
        # uvicorn's cycle begins in a task of its own, so it writes to this one from the first byte
        self.cycle.transport = cast(
            "asyncio.Transport", _HeldHead(self.transport, self.loop, self._end)
        )

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._steps += 1
        super().on_body(body)
        room = self._limits.body_bytes - self._body_bytes
        if room > 0:  # a larger one is read piece by piece, or refused
            self._body_bytes += len(body)
            self._others.received(self, min(len(body), room))

    def on_message_complete(self) -> None:
        """The body is whole."""
        if self._upload_timer is not None:
            self._upload_timer.cancel()
            self._upload_timer = None
        self._own_scope[BODY_ARRIVED] = True
        super().on_message_complete()
        if self.cycle.response_complete:
            self._others.answered(self)
        else:
            self._others.whole(self)

    def on_response_complete(self) -> None:
        """What is still uploaded is thrown away, but not for ever."""
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self.cycle.more_body:
            self._upload_timer = self.loop.call_later(self._limits.body_timeout_s, self._end)
        if self.cycle.response_complete:
            self._others.answered(self)
        if self._held and not self.pipeline and self._turn is None:
            self._turn = self.loop.call_soon(self._go_on)

    def pause_writing(self) -> None:
        """The caller takes less than is written."""
        super().pause_writing()
        self._watch_slow()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        super().resume_writing()
        if self._slow_timer is not None and not self.transport.is_closing():
            self._slow_timer.cancel()
            self._slow_timer = None

    def timeout_keep_alive_handler(self) -> None:
        """No further request has come."""
        if not self.transport.is_closing():
            self._end()

    def evict(self) -> None:
        """There are too many connections, and this one has waited longest."""
        _log.debug("too many connections: one is closed")
        if self._in_head or (self.cycle is not None and not self.cycle.response_complete):
            self._refuse(_CROWDED)
        else:
            self._end()

    def _end(self) -> None:
        """Closes it; what is written already is sent to whoever takes it in time."""
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self._watch_slow()

    def _watch_slow(self) -> None:
        if self._slow_timer is None:
            self._unsent = self.transport.get_write_buffer_size()
            seconds = self._limits.send_timeout_s
            self._slow_timer = self.loop.call_later(seconds, self._look_at_slow)

    def _look_at_slow(self) -> None:
        self._slow_timer = None
        limits, unsent = self._limits, self.transport.get_write_buffer_size()
        due = limits.slowest_bytes_s * limits.send_timeout_s
        if self._unsent - unsent < min(due, self._unsent):
            self.transport.abort()
        elif unsent:
            self._watch_slow()

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
        self._steps += 1
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
        self._end()

    def _stop_timers(self) -> None:
        for timer in (self._head_timer, self._upload_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._upload_timer = None


class _HoldingFlow(FlowControl):
    """Reading isn't resumed while what was read before still waits for its turn."""

    held = False

    def hold(self) -> None:
        """Nothing is read until `held` is false again."""
        self.held = True
        self.pause_reading()

    def resume_reading(self) -> None:
        """As uvicorn's, but not while something is held."""
        if not self.held:
            super().resume_reading()


class _HeldHead:
    """A transport on which a response's head waits for what follows at once.

    uvicorn writes head and body by themselves, and each write is a call of the kernel that wakes
    the caller. What follows later than in this round of the event loop finds the head written.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        end: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._end = end
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
        self._end()

    def __getattr__(self, name: str) -> object:
        """Everything else is the transport's."""
        return getattr(self._transport, name)


def http_protocol(
    limits: HttpLimits, others: OpenConnections
) -> Callable[..., LimitedHttpProtocol]:
    """What `uvicorn.Config` takes as `http`. others: the process's connections."""
    return partial(LimitedHttpProtocol, limits, others)
