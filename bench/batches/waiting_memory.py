"""How much memory do waiting requests take? The columns themselves, filled with a million."""

import os
import resource
import time
from typing import Any, Final

from bench.machine import used
from workers.batching.gathering.waiting import WaitingRequest, WaitingRequests

_MIB: Final = 1 << 20
_GROUPS: Final = 8


def measure_memory(requests: int) -> dict[str, Any]:
    """Resident memory before and after, and how long the pool's questions to them take."""
    before = used(os.getpid()).rss_mb
    groups = [WaitingRequests() for _ in range(_GROUPS)]
    for number in range(requests):
        groups[number % _GROUPS].add(
            WaitingRequest(
                partition=number % 12,
                offset=number // 12,
                size=1_500,
                prompt=300,
                output=200,
                deadline=1_800_000_000 + number % 90_000,
                arrived=1_790_000_000,
                prefix=number % 1_000,
            )
        )
    after = used(os.getpid()).rss_mb
    begun = time.perf_counter()
    for group in groups:
        assert group.tightest is not None
        assert group.lowest_offsets()
    asked_s = time.perf_counter() - begun
    begun = time.perf_counter()
    taken = groups[0].take(5_000, 1 << 40, 1 << 40)
    took_s = time.perf_counter() - begun
    return {
        "waiting": requests,
        "mb": round(after - before, 1),
        "bytes_a_request": round((after - before) * 1e6 / requests),
        "look_at_all_ms": round(asked_s * 1000, 1),
        "take_a_batch_of": len(taken),
        "take_ms": round(took_s * 1000, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MIB, 1),
    }
