"""How is a steady load offered, whatever the answers take? Standard library only: peers run it too.

An open loop: the next request is sent when its time has come, not when the last one is answered.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypedDict

Ask: TypeAlias = Callable[[int, float], Awaitable[str]]
"""Asks request number `n` and waits at most so many seconds: `ok`, or what went wrong."""


class Asked(TypedDict):
    """One request. Times: Unix seconds."""

    sent: float
    ended: float
    outcome: str


async def offer(ask: Ask, per_s: float, seconds: float, deadline_s: float) -> list[Asked]:
    """Every request of `seconds` seconds of load, in the order they were sent."""
    begun = time.monotonic()
    tasks = []
    for number in range(int(per_s * seconds)):
        await asyncio.sleep(max(0.0, begun + number / per_s - time.monotonic()))
        tasks.append(asyncio.create_task(_one(ask, number, deadline_s)))
    return list(await asyncio.gather(*tasks))


async def _one(ask: Ask, number: int, deadline_s: float) -> Asked:
    sent = time.time()
    try:
        outcome = await asyncio.wait_for(ask(number, deadline_s), deadline_s)
    except asyncio.TimeoutError:  # noqa: UP041 -- the peers' Python may be older than ours
        outcome = "late"
    except Exception as error:  # noqa: BLE001 -- whatever a peer raises is a failed request
        outcome = type(error).__name__
    return {"sent": sent, "ended": time.time(), "outcome": outcome}
