"""Connection loss told as aiokafka tells it: a request over a transport that has closed fails.

uvloop raises RuntimeError when something is written to a transport that its peer has closed, and
asyncio drops it in silence. aiokafka expects an OSError: by the other one its sender, its
coordinators and its look at the metadata end, and the client hangs for as long as its process lives
(its issue 1038); after the silence a request waits for 40 s.

The seam is private to aiokafka, so its version is bounded in pyproject.toml, and tests hold it.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_SEAMS: Final[dict[str, Callable[..., Any]]] = {
    name: getattr(AIOKafkaConnection, name) for name in ("send", "_send_sasl_token")
}


def install_check() -> None:
    """Makes every connection of this process look before it writes; harmless when repeated."""
    for name, write in _SEAMS.items():
        setattr(AIOKafkaConnection, name, _checked(write))


def _checked(write: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(write)
    def checked(self: Any, *arguments: object, **details: object) -> Any:  # noqa: ANN401 aiokafka has no types
        writer = self._writer
        if writer is not None and writer.transport.is_closing():
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} was closed")
        return write(self, *arguments, **details)

    return checked
