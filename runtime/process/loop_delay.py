"""Scheduling delay of the event loop. How long does what is ready wait for its turn?"""

import asyncio
from typing import Final

from observability.metrics.registry import MetricsRegistry

_EVERY_S: Final = 0.1


async def measure_loop_delay(metrics: MetricsRegistry) -> None:
    """Until cancelled: notes how much later than asked for a timer ends."""
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + _EVERY_S
        await asyncio.sleep(_EVERY_S)
        metrics.observe("switchgear_loop_delay_seconds", value=max(0.0, clock() - due))
