"""Time limit with grace for a late event loop. Is the work late, or are we?"""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

GRACE_TURNS: Final = 4
"""Turns of the loop in which an answer that has arrived meanwhile reaches its reader."""

_T = TypeVar("_T")


async def within_time_limit(budget_s: float, work: Awaitable[_T]) -> _T:
    """The result of `work`. Raises TimeoutError when it isn't there in time.

    When the loop itself is behind, its timers end before it has read its sockets: an answer that
    lies there would be thrown away, and a healthy Redis taken for a slow one, just under load.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=budget_s)
        for _ in range(GRACE_TURNS):
            if task.done():
                break
            await asyncio.sleep(0)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()
