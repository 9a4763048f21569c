"""Pace of a chaos run: how long a fault lasts, and how often something is sent."""

import asyncio
import time
from collections.abc import AsyncIterator


def lasts(seconds: float) -> None:
    """A fault that has been injected goes on for so long."""
    time.sleep(seconds)


async def paced(rate: float, stop: asyncio.Event) -> AsyncIterator[int]:
    """The numbers from 0, `rate` of them per second, until `stop`; a delay is caught up with."""
    begun, number = time.monotonic(), 0
    while not stop.is_set():
        yield number
        number += 1
        await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
