"""`python -m bench.pipeline`: the pipeline beside its physical limit, alternating in one run.

(a) a raw two-hop echo on the same Kafka; (b) the pipeline on cache hits; (c) the pipeline with a
provider that takes 0 ms and one that takes 200 ms; (d) aiohttp alone to the same provider, and
through Portkey's gateway where npm is there to install it. CPU of a request is that of router,
workers and client; Kafka's and Redis' stand beside it. `--scale`: hits and calls by workers and
partitions in place of all this; `--in-flight`: by requests in flight, which is only printed.
"""

import argparse
import asyncio
import itertools
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import uvloop

from bench.gateway.contenders import Contender, portkey, provider
from bench.machine import description, used
from bench.pipeline import loads
from bench.pipeline.loads import Ran
from bench.pipeline.stack import Stack, stack
from producers import ClientSettings, RouterClient
from producers.kafka.aiokafka_broker import KafkaBroker

RESULTS: Final = Path("bench/results/pipeline.json")
SCALED: Final = Path("bench/results/pipeline_scale.json")
_MANY: Final = 512
_SOME: Final = 64
_SLOW_MS: Final = 200
_WORKERS: Final = (1, 2)
_PARTITIONS: Final = (4, 16, 64)
_IN_FLIGHT: Final = {1: 150, 8: 400, 64: 600, 512: 1500}
"""To how many requests are sent with so many under way."""


async def measure(
    running: Stack, anchors: Sequence[Contender], requests: int, rounds: int
) -> dict[str, Any]:
    """All figures, as they go into the result file."""
    settings = ClientSettings(kafka=running.kafka, timeout_s=120)
    async with RouterClient.connect(settings) as client, KafkaBroker(settings, "bench") as broker:
        await loads.submit_all(client, loads.cached(100), _SOME)
        await loads.echo_all(broker, 100, _SOME)
        echo, hits, calls = [], [], []
        for _ in range(rounds):
            echo.append(await loads.echo_all(broker, requests, _MANY))
            hits.append(await _counted(running, client, loads.cached(requests), _MANY))
            calls.append(await _counted(running, client, loads.fresh(requests // 2), _MANY))
        latency = await _latencies(running, client) | await _echo_latencies(broker)
        latency |= await _anchor_latencies(running, anchors)
    return {
        "machine": description(),
        "echo": _summary(echo),
        "cache_hits": _summary(ran for ran, _ in hits) | _cpu(running, hits),
        "provider_0_ms": _summary(ran for ran, _ in calls) | _cpu(running, calls),
        "latency": latency,
        "hits_to_echo": round(_rate(ran for ran, _ in hits) / _rate(echo), 3),
        "rss_mb": {child.name: round(used(child.pid).rss_mb) for child in running.ours},
    }


async def _latencies(running: Stack, client: RouterClient) -> dict[str, Any]:
    """Added latency: what a request takes beyond its provider, at 1 and at 64 in flight."""
    told: dict[str, Any] = {}
    for provider_ms in (0, _SLOW_MS):
        await asyncio.to_thread(running.simulator.control, latency_ms=provider_ms)
        for in_flight, number in ((1, 60), (_SOME, 640)):
            ran = await loads.submit_all(client, loads.fresh(number), in_flight)
            told[f"added_ms_provider_{provider_ms}_ms_{in_flight}_in_flight"] = {
                "p50": round(ran.percentile(0.5) - provider_ms, 2),
                "p99": round(ran.percentile(0.99) - provider_ms, 2),
            }
    ran = await loads.submit_all(client, loads.cached(100), 1)
    told["hit_ms_1_in_flight"] = {"p50": ran.percentile(0.5), "p99": ran.percentile(0.99)}
    return told


async def _echo_latencies(broker: KafkaBroker) -> dict[str, Any]:
    """What Kafka alone takes for the same hops: no added latency can be less."""
    told: dict[str, Any] = {}
    for in_flight, number in ((1, 100), (_SOME, 640)):
        ran = await loads.echo_all(broker, number, in_flight)
        told[f"echo_ms_{in_flight}_in_flight"] = {
            "p50": round(ran.percentile(0.5), 2),
            "p99": round(ran.percentile(0.99), 2),
        }
    return told


async def _anchor_latencies(running: Stack, anchors: Sequence[Contender]) -> dict[str, Any]:
    """What aiohttp alone adds to the provider's 200 ms: to itself, and through another gateway."""
    await asyncio.to_thread(running.simulator.control, latency_ms=_SLOW_MS)
    told: dict[str, Any] = {}
    for anchor, (in_flight, number) in itertools.product(anchors, ((1, 30), (_SOME, 640))):
        await loads.post_all(anchor, in_flight, in_flight)
        ran = await loads.post_all(anchor, number, in_flight)
        told[f"aiohttp_to_{anchor.name}_added_ms_{in_flight}_in_flight"] = {
            "p50": round(ran.percentile(0.5) - _SLOW_MS, 2),
            "p99": round(ran.percentile(0.99) - _SLOW_MS, 2),
        }
    return told


async def _counted(
    running: Stack, client: RouterClient, requests: list[Any], in_flight: int
) -> tuple[Ran, dict[str, float]]:
    """What ran, and the CPU milliseconds a request took of each process."""
    children = (*running.ours, *running.servers)
    pids = {"client": os.getpid()} | {child.name: child.pid for child in children}
    before = {name: used(pid).cpu_s for name, pid in pids.items()}
    ran = await loads.submit_all(client, requests, in_flight)
    return ran, {
        name: (used(pid).cpu_s - before[name]) * 1000 / len(requests) for name, pid in pids.items()
    }


def _summary(runs: Iterable[Ran]) -> dict[str, float]:
    runs = list(runs)
    return {
        "messages_s": round(_rate(runs)),
        "p50_ms": round(statistics.median(run.percentile(0.5) for run in runs), 1),
        "p99_ms": round(statistics.median(run.percentile(0.99) for run in runs), 1),
    }


def _rate(runs: Iterable[Ran]) -> float:
    return statistics.median(run.messages_s for run in runs)


def _cpu(running: Stack, counted: list[tuple[Ran, dict[str, float]]]) -> dict[str, Any]:
    names = counted[0][1]
    of = {name: statistics.median(cpu[name] for _, cpu in counted) for name in names}
    ours = ("client", *(child.name for child in running.ours))
    return {
        "cpu_ms_per_request": round(sum(of[name] for name in ours), 3),
        "cpu_ms_by_process": {name: round(ms, 3) for name, ms in of.items()},
    }


async def _scaled(running: Stack, requests: int) -> dict[str, Any]:
    settings = ClientSettings(kafka=running.kafka, timeout_s=120)
    async with RouterClient.connect(settings) as client:
        await loads.submit_all(client, loads.cached(100), _SOME)
        hits = [await _counted(running, client, loads.cached(requests), _MANY)]
        calls = [await _counted(running, client, loads.fresh(requests // 2), _MANY)]
    return {
        "cache_hits": _summary(ran for ran, _ in hits) | _cpu(running, hits),
        "provider_0_ms": _summary(ran for ran, _ in calls) | _cpu(running, calls),
    }


async def by_in_flight(running: Stack) -> dict[str, Any]:
    """Hits and calls: what a request costs alone, and what in a crowd."""
    rows: dict[str, Any] = {}
    settings = ClientSettings(kafka=running.kafka, timeout_s=120)
    async with RouterClient.connect(settings) as client:
        await loads.submit_all(client, loads.cached(100), _SOME)
        await loads.submit_all(client, loads.fresh(200), _SOME)
        for name, prompts in (("hits", loads.cached), ("calls", loads.fresh)):
            for in_flight, number in _IN_FLIGHT.items():
                counted = [await _counted(running, client, prompts(number), in_flight)]
                figures = _summary(ran for ran, _ in counted) | _cpu(running, counted)
                rows[f"{name}, {in_flight} in flight"] = figures
    return {"machine": description(), **rows}


def scale(requests: int, trace_ratio: float) -> dict[str, Any]:
    """Hits and calls for each number of workers and of partitions, one stack after the other."""
    rows = {}
    for workers, partitions in itertools.product(_WORKERS, _PARTITIONS):
        with stack(trace_ratio, workers=workers, partitions=partitions) as running:
            figures = uvloop.run(_scaled(running, requests))
        rows[f"{workers} workers, {partitions} partitions"] = figures
    return {"machine": description(), **rows}


def _anchors(running: Stack, parts: ExitStack) -> Iterator[Contender]:
    """Other ways to the same provider."""
    yield provider(running.simulator)
    if shutil.which("npm") is None:
        print("no npm: Portkey's gateway isn't measured")
        return
    folder = Path(parts.enter_context(tempfile.TemporaryDirectory()))
    yield parts.enter_context(portkey(running.simulator, folder))


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=__doc__)
    parser.add_argument("--requests", type=int, default=4000, help="in each round of (a) and (b)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trace-ratio", type=float, default=0.1)
    parser.add_argument("--scale", action="store_true", help="by workers and partitions")
    parser.add_argument("--in-flight", action="store_true", help="by requests in flight")
    options = parser.parse_args()
    if options.in_flight:
        with stack(options.trace_ratio) as running:
            print(json.dumps(uvloop.run(by_in_flight(running)), indent=2))
        return
    if options.scale:
        told = scale(options.requests, options.trace_ratio)
    else:
        with stack(options.trace_ratio) as running, ExitStack() as parts:
            anchors = list(_anchors(running, parts))
            told = uvloop.run(measure(running, anchors, options.requests, options.rounds))
    text = json.dumps(told, indent=2)
    results = SCALED if options.scale else RESULTS
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
