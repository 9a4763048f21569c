"""Queue probe: does Kafka answer?"""

import asyncio
from collections.abc import Awaitable, Callable


class QueueProbe:
    """Asks every few seconds; a process that has just begun is taken for ready."""

    def __init__(self, ask: Callable[[], Awaitable[bool]], every_s: float = 2.0) -> None:
        self._ask = ask
        self._every_s = every_s
        self.reachable = True

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.reachable = await self._ask()
            await asyncio.sleep(self._every_s)
