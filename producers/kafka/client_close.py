"""Client close that leaves nobody waiting for metadata, in the place of aiokafka's.

aiokafka ends the task that asks for metadata, and whoever waits for what it would have brought
waits for ever: a record that goes through a producer which is replaced meanwhile.

The seam is private to aiokafka, so its version is bounded in pyproject.toml, and tests hold it.
"""

import asyncio
from functools import wraps
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

_CLOSED: Final = "_switchgear_closed"
_close: Final = AIOKafkaClient.close
_force_update: Final = AIOKafkaClient.force_metadata_update


def install_refusal() -> None:
    """Makes every client of this process refuse to wait once it is closed; may be repeated."""
    AIOKafkaClient.close = close_for_all
    AIOKafkaClient.force_metadata_update = update_if_open


@wraps(_close)
async def close_for_all(self: Any) -> None:  # noqa: ANN401 aiokafka has no types
    """As aiokafka's; those who wait for metadata get KafkaConnectionError."""
    setattr(self, _CLOSED, True)
    try:
        await _close(self)
    finally:
        waiting = self._md_update_fut
        if waiting is not None and not waiting.done():
            _refuse(waiting)


@wraps(_force_update)
def update_if_open(self: Any) -> "asyncio.Future[bool]":  # noqa: ANN401 aiokafka has no types
    """As aiokafka's; of a closed client a future that has failed with KafkaConnectionError."""
    if not getattr(self, _CLOSED, False):
        update: asyncio.Future[bool] = _force_update(self)
        return update
    refused: asyncio.Future[bool] = self._loop.create_future()
    _refuse(refused)
    return refused


def _refuse(waiting: "asyncio.Future[Any]") -> None:
    waiting.set_exception(KafkaConnectionError("the client is closed"))
    waiting.exception()  # nobody may be waiting: then it is no line in the log
