"""Batch gauges: what waits here, and the fleet's open batches by state, age and slack."""

import asyncio
import time
from collections import Counter
from typing import Final

from observability.metrics.series import Labels
from workers.batching.pool.batch_pool import BatchPool

_EVERY_S: Final = 2.0


async def update_batch_gauges(pool: BatchPool) -> None:
    """Keeps the gauges up to date until cancelled."""
    while True:
        show_batches(pool, time.time())
        await asyncio.sleep(_EVERY_S)


def show_batches(pool: BatchPool, now: float) -> None:
    """now: Unix seconds."""
    waiting, states = Counter[Labels](), Counter[Labels]()
    requests = Counter[Labels]()
    ages: dict[Labels, float] = {}
    slack: dict[Labels, float] = {}
    for key, group in pool.groups.items():
        waiting[key.deployment,] += group.count
    for entry in pool.table.entries():
        record = entry.record
        if record.state == "closed":
            continue
        name = (record.deployment,)
        states[record.deployment, record.state] += 1
        requests[name] += record.sent
        ages[name] = max(ages.get(name, 0.0), now - record.formed_ms / 1000)
        if record.deadline_ms is not None and record.returned_ms is None:
            left_s = record.deadline_ms / 1000 - now
            slack[name] = min(slack.get(name, left_s), left_s)
    pool.metrics.replace_series("switchgear_batch_waiting", dict(waiting))
    pool.metrics.replace_series("switchgear_batches_open", dict(states))
    pool.metrics.replace_series("switchgear_batch_requests_open", dict(requests))
    pool.metrics.replace_series("switchgear_batch_oldest_seconds", ages)
    pool.metrics.replace_series("switchgear_batch_slack_seconds", slack)
