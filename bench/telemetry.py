"""What does telemetry cost? `python -m bench.telemetry`: one fleet with and without it, in turns.

off: no exporter, no scrape, no line for a request. on: 10 % of the traces exported over OTLP to a
collector that throws them away, `/metrics` scraped every 5 s, one JSON line a request. Metrics
are counted in both: they can't be switched off. The requests are cache hits, the cheapest there
are, so that the share is the largest there is. CPU is that of router and worker: on a machine that
does other things too, it is the figure to trust, and its ratio bounds the throughput's.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop
from aiohttp import ClientError, ClientSession, web

from bench.machine import description, used
from bench.pipeline import loads
from bench.pipeline.stack import Stack, stack
from dev.processes import free_port
from producers import ClientSettings, RouterClient

RESULTS: Final = Path("bench/results/telemetry.json")
LIMIT: Final = 0.10
_IN_FLIGHT: Final = 256
_SCRAPE_S: Final = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """messages_s: throughput; cpu_ms: of router and worker, a request."""

    messages_s: float
    cpu_ms: float


async def measure(running: Stack, requests: int, rounds: int, ratio: float) -> dict[str, Any]:
    """All figures, as they go into the result file."""
    found: dict[str, list[Measured]] = {"off": [], "on": []}
    async with _collector() as received:
        modes = _modes(received, ratio)
        for number in range(rounds):
            # the other way round each time, so that a drift of the machine hits both
            for mode in sorted(modes, reverse=bool(number % 2)):
                await asyncio.to_thread(_restart, running, modes[mode])
                found[mode].append(await _one(running, requests))
    cpu, speed = _ratio(found, lambda m: m.cpu_ms), _ratio(found, lambda m: m.messages_s)
    return {
        "machine": description(),
        "trace_ratio": ratio,
        "off": _median(found["off"]),
        "on": _median(found["on"]),
        "span_batches_received": received.batches,
        "cpu_on_to_off": round(cpu, 3),
        "throughput_on_to_off": round(speed, 3),
    }


@dataclass(slots=True)
class Collector:
    """A trace collector that throws away what it gets."""

    port: int
    batches: int = 0

    async def take(self, request: web.Request) -> web.Response:
        """One export."""
        await request.read()
        self.batches += 1
        return web.Response(content_type="application/x-protobuf")


@asynccontextmanager
async def _collector() -> AsyncIterator[Collector]:
    collector = Collector(free_port())
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", collector.port).start()
    yield collector
    await runner.cleanup()


def _modes(collector: Collector, ratio: float) -> dict[str, dict[str, str]]:
    on = {
        "SWITCHGEAR_OTLP": f"http://127.0.0.1:{collector.port}",
        "SWITCHGEAR_TRACE_RATIO": str(ratio),
        "SWITCHGEAR_LOG_LEVEL": "INFO",
    }
    return {"off": {"SWITCHGEAR_TRACE_RATIO": "0", "SWITCHGEAR_LOG_LEVEL": "ERROR"}, "on": on}


def _restart(running: Stack, mode: dict[str, str]) -> None:
    for child in running.ours:
        child.stop()
        told = {k: v for k, v in child.env.items() if k != "SWITCHGEAR_OTLP"} | mode
        if "SWITCHGEAR_OTLP" in mode:
            told["SWITCHGEAR_METRICS_PORT"] = str(free_port())
        else:
            told.pop("SWITCHGEAR_METRICS_PORT", None)
        child.env = told
        child.start()


async def _one(running: Stack, requests: int) -> Measured:
    ports = [child.env.get("SWITCHGEAR_METRICS_PORT") for child in running.ours]
    settings = ClientSettings(kafka=running.kafka, timeout_s=120)
    async with RouterClient.connect(settings) as client, _scraping(ports):
        await loads.submit_all(client, loads.cached(500), _IN_FLIGHT)
        before = _cpu_s(running)
        ran = await loads.submit_all(client, loads.cached(requests), _IN_FLIGHT)
        return Measured(ran.messages_s, (_cpu_s(running) - before) * 1000 / requests)


@asynccontextmanager
async def _scraping(ports: list[str | None]) -> AsyncIterator[None]:
    async def scrape(session: ClientSession) -> None:
        while True:
            for port in filter(None, ports):
                with contextlib.suppress(ClientError):
                    async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                        await answer.read()
            await asyncio.sleep(_SCRAPE_S)

    async with ClientSession() as session:
        task = asyncio.create_task(scrape(session))
        yield
        task.cancel()


def _cpu_s(running: Stack) -> float:
    return sum(used(child.pid).cpu_s for child in running.ours)


def _ratio(found: Mapping[str, list[Measured]], of: Callable[[Measured], float]) -> float:
    """The median of the rounds' ratios: on beside off of the same round."""
    pairs = zip(found["on"], found["off"], strict=True)
    return statistics.median(of(on) / of(off) for on, off in pairs)


def _median(measured: list[Measured]) -> dict[str, float]:
    return {
        "messages_s": round(statistics.median(m.messages_s for m in measured)),
        "cpu_ms_per_request": round(statistics.median(m.cpu_ms for m in measured), 3),
    }


def main() -> None:
    """Measure, print, and keep the figures; fail when telemetry costs more than its limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.telemetry", description=__doc__)
    parser.add_argument("--requests", type=int, default=4000, help="in each round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--trace-ratio", type=float, default=0.1)
    options = parser.parse_args()
    with stack(options.trace_ratio) as running:
        told = uvloop.run(measure(running, options.requests, options.rounds, options.trace_ratio))
    text = json.dumps(told, indent=2)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    print(text)
    raise SystemExit(told["cpu_on_to_off"] > 1 / (1 - LIMIT))


if __name__ == "__main__":
    main()
