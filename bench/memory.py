"""Does the memory of router and worker grow with what they have served? `python -m bench.memory`.

A steady load, half of it new prompts and half repeated ones; resident memory is read every ten
seconds. The slope is that of a straight line through the second half of the run, when caches and
pools have filled.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import time
from pathlib import Path
from typing import Any, Final

import uvloop

from bench.machine import description, used
from bench.pipeline import loads
from bench.pipeline.stack import Stack, stack
from producers import ClientSettings, Done, Request, RouterClient

RESULTS: Final = Path("bench/results/memory.json")
_LOOK_S: Final = 10.0


async def measure(running: Stack, minutes: float, rate: float) -> dict[str, Any]:
    """All figures, as they go into the result file. rate: requests a second."""
    settings = ClientSettings(kafka=running.kafka, timeout_s=120)
    async with RouterClient.connect(settings) as client:
        load = asyncio.create_task(_load(client, minutes * 60, rate))
        seen = await _watch(running, load)
        served = await load
    return {
        "machine": description(),
        "minutes": minutes,
        "requests": served,
        "rss_mb": {name: [round(mb, 1) for _, mb in points[::6]] for name, points in seen.items()},
        "slope_mb_an_hour": {name: round(_slope(points), 1) for name, points in seen.items()},
    }


async def _load(client: RouterClient, seconds: float, rate: float) -> int:
    """Sends at its pace, whatever the replies take; how many were answered."""
    begun = time.monotonic()
    sent: list[asyncio.Task[Done]] = []
    served = 0
    for number in itertools.count():
        if time.monotonic() - begun > seconds:
            break
        [request] = loads.fresh(1) if number % 2 else loads.cached(1)
        sent.append(asyncio.create_task(_done(client, request)))
        if len(sent) >= rate:
            served += len(await asyncio.gather(*sent))
            sent.clear()
        await asyncio.sleep(max(0.0, begun + (number + 1) / rate - time.monotonic()))
    return served + len(await asyncio.gather(*sent))


async def _done(client: RouterClient, request: Request) -> Done:
    reply = await client.submit(request)
    assert isinstance(reply, Done), reply
    return reply


async def _watch(running: Stack, load: "asyncio.Task[int]") -> dict[str, list[tuple[float, float]]]:
    """(seconds, megabytes) of each of our processes, until the load ends."""
    seen: dict[str, list[tuple[float, float]]] = {child.name: [] for child in running.ours}
    begun = time.monotonic()
    while not load.done():
        for child in running.ours:
            seen[child.name].append((time.monotonic() - begun, used(child.pid).rss_mb))
        await asyncio.wait({load}, timeout=_LOOK_S)
    return seen


def _slope(points: list[tuple[float, float]]) -> float:
    """Megabytes an hour over the second half."""
    half = points[len(points) // 2 :]
    slope, _ = statistics.linear_regression([at for at, _ in half], [mb for _, mb in half])
    return slope * 3600


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=60, help="requests a second")
    options = parser.parse_args()
    with stack(0.1) as running:
        told = uvloop.run(measure(running, options.minutes, options.rate))
    text = json.dumps(told, indent=2)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
