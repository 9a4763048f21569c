"""What does a gateway add to a call? `python -m bench.gateway`: ours, Portkey's and LiteLLM's.

All stand before the same simulated provider, in one run, in turns. CPU is that of the gateway's own
process; times are the caller's. Ours stands before a whole flow (Kafka, router, worker): the same
calls by `RouterClient`, without the gateway, show what of that is the gateway's.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import uvloop

from bench.gateway.contenders import NAMES, Contender, all_of, gateway_server
from bench.machine import description, used
from bench.pipeline.stack import Stack, stack
from dev.processes import Child
from producers import ClientSettings, Done, RouterClient, chat

RESULTS: Final = Path("bench/results/gateway.json")
_KINDS: Final = ("json", "stream")
_WARM_UP: Final = 50
_PROMPT: Final = "Answer in one short sentence: what is call number {}?"

Call = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Figures:
    """p50_ms, p99_ms: of a call; cpu_ms: of the measured processes, a call."""

    p50_ms: float
    p99_ms: float
    cpu_ms: float


async def measure(call: Call, processes: Sequence[Child], calls: int, at_once: int) -> Figures:
    """So many calls, so many of them under way at once."""
    for number in range(1, _WARM_UP):
        with contextlib.suppress(RuntimeError):  # some aren't quite there when their port is
            await call(-number)
    before, took = _cpu_s(processes), list[float]()
    numbers = iter(range(calls))

    async def work() -> None:
        for number in numbers:
            begun = time.perf_counter()
            await call(number)
            took.append((time.perf_counter() - begun) * 1000)

    await asyncio.gather(*(work() for _ in range(at_once)))
    cpu_ms = (_cpu_s(processes) - before) * 1000 / calls
    took.sort()
    return Figures(statistics.median(took), took[int(len(took) * 0.99)], cpu_ms)


def _cpu_s(processes: Sequence[Child]) -> float:
    return sum(used(process.pid).cpu_s for process in processes)


def http_call(session: aiohttp.ClientSession, contender: Contender, *, stream: bool) -> Call:
    """A chat completion whose answer is in no cache."""

    async def call(number: int) -> None:
        body: dict[str, Any] = {
            "model": contender.model,
            "messages": [{"role": "user", "content": _PROMPT.format(f"{time.time()} {number}")}],
            "stream": stream,
        }
        if contender.name == "switchgear":
            body["switchgear"] = {"cache": {"mode": "no-store"}, "task": "other"}
        async with session.post(contender.url, json=body, headers=contender.headers) as response:
            text = await response.read()
            if response.status != 200 or (stream and b"[DONE]" not in text):
                raise RuntimeError(
                    f"{contender.name}, call {number}: {response.status} {text[:300]!r}"
                )

    return call


def kafka_call(client: RouterClient, *, stream: bool) -> Call:
    """The same request without the gateway."""
    routing = {"cache": {"mode": "no-store"}, "task": "other"}

    async def call(number: int) -> None:
        prompt = _PROMPT.format(f"{time.time()} {number}")
        fields = {"model": "economy", "stream": stream, "routing": routing}
        request = chat(prompt, tenant="bench", **fields)
        async for part in client.stream(request):
            last = part
        if not isinstance(last, Done):
            raise TypeError(str(last))

    return call


async def compare(
    running: Stack, contenders: list[Contender], calls: int, kinds: Sequence[str]
) -> dict[str, Any]:
    """All figures, as they go into the result file."""
    found: dict[str, Any] = {}
    settings = ClientSettings(kafka=running.kafka, timeout_s=120)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        RouterClient.connect(settings) as client,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        for stream in (kind == "stream" for kind in kinds):
            for at_once in (1, 64):
                case = found[f"{'stream' if stream else 'json'}, {at_once} at once"] = {}
                number = calls if at_once > 1 else max(100, calls // 5)
                flow = kafka_call(client, stream=stream)
                case["flow without gateway"] = await measure(flow, running.ours, number, at_once)
                for contender in contenders:
                    call = http_call(session, contender, stream=stream)
                    try:
                        shown = await measure(call, contender.processes, number, at_once)
                    except RuntimeError as error:
                        print(error)  # the others are measured all the same
                    else:
                        case[contender.name] = shown
                print(_table(case, f"{'stream' if stream else 'json'}, {at_once} at once"))
    return found


def _table(case: dict[str, Figures], title: str) -> str:
    lines = [f"{title:24}     p50 ms     p99 ms     CPU ms"]
    for name, figures in case.items():
        lines.append(
            f"{name:24} {figures.p50_ms:10.1f} {figures.p99_ms:10.1f} {figures.cpu_ms:10.2f}"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Prints the tables and puts the figures into the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--kinds", nargs="+", default=_KINDS, choices=_KINDS)
    parser.add_argument("--of", nargs="+", default=NAMES, choices=NAMES, help="contenders")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as parts:
        folder = Path(name)
        running = parts.enter_context(stack(trace_ratio=0))
        gateway = gateway_server(folder, running.ours[0].env)
        gateway.start()
        parts.callback(gateway.stop)
        contenders = all_of(parts, running.simulator, gateway, folder, options.of)
        found = uvloop.run(compare(running, contenders, options.calls, options.kinds))
    figures = {
        case: {
            who: {name: round(value, 3) for name, value in asdict(shown).items()}
            for who, shown in row.items()
        }
        for case, row in found.items()
    }
    # a run of one kind, or of some contenders, leaves the other figures as they were
    before = json.loads(RESULTS.read_text("utf-8"))["figures"] if RESULTS.exists() else {}
    merged = {case: {**before.get(case, {}), **row} for case, row in figures.items()}
    told = {"machine": description(), "calls": options.calls, "figures": {**before, **merged}}
    RESULTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
