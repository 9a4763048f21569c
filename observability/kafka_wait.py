"""Wait for Kafka: a process that begins while no broker answers says so, and begins once one does.

To end would be no better: whoever runs it would begin it again, at longer and longer intervals, and
each start takes seconds.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

from aiokafka.errors import KafkaConnectionError

from observability.health import ProcessHealth

_log: Final = logging.getLogger(__name__)
_LOOK_S: Final = 1.0
_AWAY: Final = "Kafka doesn't answer"
_T = TypeVar("_T")


async def once_reachable(
    connect: Callable[[], Awaitable[_T]], health: ProcessHealth, stop: asyncio.Event
) -> _T | None:
    """What `connect` gives once a broker answers; None: the process is to stop before that.

    connect: raises KafkaConnectionError as long as none does. Until then the process isn't ready,
    and says why once in its log.
    """
    told = False
    while not stop.is_set():
        try:
            connected = await connect()
        except KafkaConnectionError as error:
            health.report("queue", _AWAY)
            if not told:
                _log.warning("waiting: %s: %s", _AWAY, error)
                told = True
        else:
            health.report("queue", None)
            return connected
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await stop.wait()
    return None
