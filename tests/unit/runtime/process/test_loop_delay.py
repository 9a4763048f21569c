"""Does a loop that is held up show it?"""

import asyncio
import time

from observability.metrics.registry import MetricsRegistry
from runtime.process.loop_delay import measure_loop_delay
from tests.waiting import suspended, until


async def test_a_loop_that_is_held_up_shows_it() -> None:
    metrics = MetricsRegistry()
    measuring = asyncio.create_task(measure_loop_delay(metrics))
    await suspended(measuring)  # it has set its timer
    time.sleep(0.3)  # noqa: ASYNC251 what a long calculation does
    await until(lambda: (metrics.value("switchgear_loop_delay_seconds_count") or 0) > 0)
    measuring.cancel()
    assert (metrics.value("switchgear_loop_delay_seconds_sum") or 0) > 0.1
