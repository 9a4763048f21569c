"""Counting what the handling of a record takes: calls, memory, Redis, bytes."""

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Final

from hiredis import pack_command
from redis.asyncio import Redis

from bench.request_counts.hot_path import HotPath
from producers.kafka.broker import Record

Handler = Callable[[Record], Awaitable[None]]
_PACKED: Final = "AbstractConnection.pack_command"
"""What the client library packs itself; our lanes pack with `hiredis`."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one record: the least of several, one after the other. Waiting only adds calls."""

    python_calls: float
    """Calls of functions written in Python, all libraries included."""
    c_calls: float
    """Calls of functions written in C from Python."""
    peak_kb: float
    """Memory beyond what was there before, at its highest."""
    redis_commands: float
    redis_trips: float
    """Reads of Redis's socket: commands that leave together are one."""
    published_bytes: float


async def counted(
    path: HotPath, handle: Handler, records: Sequence[Record], redis: Redis
) -> Counts:
    """The counts of `records`, after a few of them have warmed everything up."""
    for record in records[:WARM_UP]:
        await handle(record)
    measured = records[WARM_UP:]
    half = len(measured) * 3 // 4
    calls = [await _calls(path, handle, record, redis) for record in measured[:half]]
    peaks = [await _peak_kb(handle, record) for record in measured[half:]]
    python_calls, c_calls, commands, trips, size = map(min, zip(*calls, strict=True))
    return Counts(python_calls, c_calls, round(min(peaks), 1), commands, trips, size)


WARM_UP: Final = 8
"""Records before the first that counts: caches and connections are filled."""


async def _calls(
    path: HotPath, handle: Handler, record: Record, redis: Redis
) -> tuple[float, float, float, float, float]:
    python, c, commands = 0, 0, 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal python, c, commands
        if event == "call":
            python += 1
            commands += frame.f_code.co_qualname == _PACKED
        elif event == "c_call":
            c += 1
            commands += argument is pack_command

    reads, published = await _reads(redis), len(path.publisher.published)
    sys.setprofile(profile)
    try:
        await handle(record)
    finally:
        sys.setprofile(None)
    trips = await _reads(redis) - reads - 1  # the second look's own
    size = sum(len(each.value) for each in path.publisher.published[published:])
    return python, c, commands, trips, size


async def _peak_kb(handle: Handler, record: Record) -> float:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await handle(record)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (peak - before) / 1024


async def _reads(redis: Redis) -> int:
    # what an earlier record left for later is done by then
    await asyncio.sleep(0.01)
    stats = await redis.info("stats")
    return int(stats["total_reads_processed"])
