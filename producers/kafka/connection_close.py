"""Connection close within a limit, in the place of aiokafka's.

Over TLS a connection counts as closed when its peer has taken leave too. A Kafka broker that still
holds a fetch does so when the fetch is over, and one that reads a request and the leave at once
never does: asyncio and uvloop then wait for 30 s, and a client's `stop` with them. Nothing
depends on the peer's leave: what Kafka must have confirmed was awaited before the close, and every
message says its own length.

aiokafka can't be told of asyncio's `ssl_shutdown_timeout`, so this wraps the method `close` of its
connections; tests hold that seam.
"""

import asyncio
from functools import wraps
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection

LEAVE_S: Final = 0.1
"""How long our last bytes may take to go out."""
_SEAM: Final = AIOKafkaConnection.close


def install_limit() -> None:
    """Makes every connection of this process close in time; harmless when repeated."""
    AIOKafkaConnection.close = close_in_time


@wraps(_SEAM)
def close_in_time(self: Any, *reason: object, **details: object) -> "asyncio.Future[None]":  # noqa: ANN401 aiokafka has no types
    """As aiokafka's: the future is done when the transport is closed, by force after LEAVE_S."""
    writer = self._writer
    closed: asyncio.Future[None] = _SEAM(self, *reason, **details)
    if writer is not None and not closed.done():
        force = self._loop.call_later(LEAVE_S, writer.transport.abort)
        closed.add_done_callback(lambda _: force.cancel())
    return closed
