"""What do the gauges say of each deployment, as this process sees it?"""

import asyncio
from collections.abc import Mapping
from typing import Final

from observability.metrics import Metrics

from .breakers import StateName
from .fleet import Fleet

STATES: Final[Mapping[StateName, int]] = {
    "closed": 0,
    "forced_closed": 0,
    "half_open": 1,
    "open": 2,
    "forced_open": 2,
}
_EVERY_S: Final = 1.0


async def keep_gauges(fleet: Fleet, metrics: Metrics) -> None:
    """Until cancelled."""
    while True:
        for one in fleet.reports():
            metrics.set("switchgear_breaker_state", one.deployment, to=STATES[one.state])
            metrics.set("switchgear_concurrency_limit", one.deployment, to=one.concurrency)
        await asyncio.sleep(_EVERY_S)
