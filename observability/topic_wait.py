"""Wait for topics: a process that lacks some says which, and begins once they are there.

Without it each client of Kafka would ask for them ten times a second, and log it each time.
"""

import asyncio
import logging
from collections.abc import Collection
from contextlib import AsyncExitStack, suppress
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from observability.health import ProcessHealth
from observability.kafka_wait import once_reachable
from producers.kafka.connection import consuming
from producers.settings import KafkaSettings

_log: Final = logging.getLogger(__name__)
_CLIENT: Final = "switchgear-topic-wait"
_LOOK_S: Final = 1.0


def topics_missing(missing: Collection[str]) -> str | None:
    """What to do about topics that aren't there, for a person; None if all are."""
    if not missing:
        return None
    return (
        f"no such topic, or no right to it: {', '.join(sorted(missing))};"
        " `switchgear topics` creates those of the configuration"
    )


async def topics_exist(
    settings: KafkaSettings, wanted: Collection[str], health: ProcessHealth, stop: asyncio.Event
) -> bool:
    """True once all that are wanted are there; False: the process is to stop before that.

    Until then it isn't ready, and says why once in its log, also while no broker answers.
    """
    told = None
    async with AsyncExitStack() as parts:

        async def connect() -> AIOKafkaConsumer:
            looking = consuming(settings, begin="latest", client_id=_CLIENT)
            return await parts.enter_async_context(looking)

        client = await once_reachable(connect, health, stop)
        while client is not None and not stop.is_set():
            with suppress(KafkaError):  # the broker is away: the next look tells
                missing = set(wanted) - await client.topics()
                problem = topics_missing(missing)
                health.report("topics", problem)
                if problem is None:
                    return True
                if problem != told:
                    _log.warning("waiting: %s", problem)
                    told = problem
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await stop.wait()
    return False
