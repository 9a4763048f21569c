"""Waiting: has a condition come true that nobody tells of? Never longer than a limit."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Final

PATIENCE_S: Final = 60.0
"""So long that a busy machine is no failure."""


async def until(
    condition: Callable[[], object], *, within_s: float = PATIENCE_S, pause_s: float = 0.01
) -> None:
    """Returns once the condition, which may be async, gives something true.

    Raises TimeoutError.
    """
    async with asyncio.timeout(within_s):
        while True:
            given = condition()
            if await given if inspect.isawaitable(given) else given:
                return
            await asyncio.sleep(pause_s)
