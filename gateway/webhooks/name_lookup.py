"""Name look-ups of webhooks: on threads of their own, so that no slow name holds up another.

A look-up can't be stopped, and the event loop's own have four to six threads, which connections to
Kafka and Redis need too: an endpoint's name whose servers never answer would hold them.
"""

import asyncio
import socket
from threading import Thread
from typing import Any, Final, TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

_MOST: Final = 128
"""At once, those that nobody waits for any more included."""
_Found: TypeAlias = list[Any]


class ThreadedLookup(AbstractResolver):
    """Resolves by the system's resolver."""

    def __init__(self) -> None:
        self._under_way = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError."""
        if self._under_way >= _MOST:
            raise OSError("too many names are being looked up")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Found] = loop.create_future()
        self._under_way += 1

        def end(found: _Found | Exception) -> None:
            self._under_way -= 1
            if future.done():
                return
            if isinstance(found, Exception):
                future.set_exception(OSError(type(found).__name__))
            else:
                future.set_result(found)

        def look_up() -> None:
            found: _Found | Exception
            try:
                kind, flags = socket.SOCK_STREAM, socket.AI_ADDRCONFIG
                found = socket.getaddrinfo(host, port, family, kind, 0, flags)
            except (OSError, ValueError) as error:
                found = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(end, found)

        Thread(target=look_up, name="webhook name look-up", daemon=True).start()
        return [_result(host, entry) for entry in await future]

    async def close(self) -> None:
        """Nothing to do: its threads end with the process."""


def _result(host: str, entry: Any) -> ResolveResult:  # noqa: ANN401 the socket library's tuple
    family, _, protocol, _, address = entry
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(
        hostname=host, host=address[0], port=address[1], family=family, proto=protocol, flags=flags
    )
