"""Connection: one HTTP request as it is served, from its headers to its caller's leaving.

No ASGI server tells `send` that the caller has left. While the body is read `receive` says it, then
the connection's peer: a task that waits for `receive` beside each answer takes a tenth of a call's
time, and leaves all of the call's objects to the garbage collector.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from gateway.connections.http_limits import HttpLimits
from gateway.connections.peer import BODY_ARRIVED, PEER, Peer
from gateway.errors.api_error import ApiError

_DELETE: Final = 0x7F
_PRINTABLE: Final = bytes(
    byte if byte >= ord(" ") and byte != _DELETE else ord("?") for byte in range(256)
)
"""A header's value may repeat what a caller wrote, and no server writes a control character."""


class ClientGone(Exception):  # noqa: N818 it is an outcome, not an error
    """The caller has left, or takes nothing any more."""


@dataclass(slots=True)
class RequestInfo:
    """What the access log and the metrics say of a request; filled in on the way."""

    request_id: str
    route: str = "other"
    tenant: str | None = None
    key: str | None = None
    code: str | None = None
    """The error's code; None for an answer."""


class Connection:
    """Reads the body, hears the caller leave, writes the response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: HttpLimits) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        self.doubled = _doubled(scope) if len(self.headers) < len(scope["headers"]) else frozenset()
        """The headers that came more than once; `headers` has the last of each."""
        self.info: RequestInfo = scope["switchgear"]
        self.gone = False
        self.started = False
        self._receive = receive
        self._send = send
        self._limits = limits
        self._left: Callable[[], None] | None = None

    async def body(self) -> bytes | ApiError:
        """The whole body, within its limits. Raises ClientGone."""
        refusal = self._refused_headers()
        if refusal is not None:
            return refusal
        if BODY_ARRIVED in self.scope:  # nothing is waited for, so no clock is needed
            return await self._read_body()
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                return await self._read_body()
        except TimeoutError:
            return ApiError("body_timeout", "request_timeout", "the body didn't come in time")

    async def _read_body(self) -> bytes | ApiError:
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._limits.body_bytes:
                return self._too_large()
            more = message.get("more_body", False)
        return b"".join(parts)

    def watch(self, left: Callable[[], None]) -> None:
        """From now on `left` is called when the caller leaves; call it once the body is read."""
        self._left = left
        self._peer.listen(self._hear_leaving)

    def unwatch(self) -> None:
        """Nobody listens for the caller's leaving any more."""
        self._peer.ignore(self._hear_leaving)
        self._left = None

    def _hear_leaving(self) -> None:
        self.gone = True
        if self._left is not None:
            self._left()

    @property
    def _peer(self) -> Peer:
        peer: Peer = self.scope[PEER]
        return peer

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """The status and the headers. Raises ClientGone."""
        await self._write(self._head(status, headers))

    async def write(self, body: bytes, *, more: bool) -> None:
        """A part of the body. Raises ClientGone."""
        await self._write(_body(body, more=more))

    async def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A whole response in one go: a body that is cut is not retried by every SDK."""
        if self.method == "HEAD":
            body = b""
        own = {"content-type": "application/json", "content-length": str(len(body))}
        await self._write(self._head(status, {**own, **headers}), _body(body, more=False))

    def _head(self, status: int, headers: Mapping[str, str]) -> Message:
        self.started = True
        raw = [
            (name.encode("latin-1"), value.encode("latin-1", "replace").translate(_PRINTABLE))
            for name, value in {**headers, **self._identity()}.items()
        ]
        return {"type": "http.response.start", "status": status, "headers": raw}

    def _identity(self) -> dict[str, str]:
        """OpenAI's SDKs read the first, Anthropic's the second."""
        request_id = self.info.request_id
        return {"x-request-id": request_id, "request-id": request_id}

    async def _write(self, *messages: Message) -> None:
        if self.gone:
            raise ClientGone
        try:
            for message in messages:
                if not self._peer.congested:
                    await self._send(message)
                    continue
                async with asyncio.timeout(self._limits.send_timeout_s):
                    await self._send(message)
        except OSError:  # a time-out is one
            self.gone = True
            raise ClientGone from None

    def _refused_headers(self) -> ApiError | None:
        size = sum(len(name) + len(value) for name, value in self.scope["headers"])
        if size > self._limits.header_bytes:
            most = self._limits.header_bytes
            words = f"the headers have {size:,} bytes; at most {most:,} are read"
            return ApiError("headers_too_large", "headers_too_large", words)
        encoding = self.headers.get("content-encoding", "identity")
        if encoding != "identity":
            words = "the body is compressed: send it as it is"
            return ApiError("unsupported_media_type", "unsupported_encoding", words)
        length = self.headers.get("content-length", "")
        if length.isdecimal() and int(length[:18]) > self._limits.body_bytes:
            return self._too_large()
        return None

    def _too_large(self) -> ApiError:
        most = self._limits.body_bytes
        words = f"the body is larger than {most:,} bytes: shorten it, or link to what is large"
        return ApiError("request_too_large", "request_too_large", words)


def _doubled(scope: Scope) -> frozenset[str]:
    counts = Counter(name.decode("latin-1").lower() for name, _ in scope["headers"])
    return frozenset(name for name, number in counts.items() if number > 1)


def _body(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
