"""A thousand streams at once: whole, in what memory? `python -m bench.gateway.streams`.

The whole stack, with the provider simulator telling each answer word by word, so that all streams
are open at once. Every stream is checked: its numbers of events, its text against the same request
without a stream, its finish, its usage and its end mark. The gateway is one process.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import aiohttp
import uvloop

from bench.machine import description, used
from dev.processes import Server
from dev.simulator.answers import prose
from dev.stack import Ports, Stack, stack

RESULTS: Final = Path("bench/results/gateway_streams.json")
_LOOK_S: Final = 0.2
_PATIENCE_S: Final = 300


@dataclass(frozen=True, slots=True)
class Streamed:
    """What came of one stream."""

    outcome: str
    """`whole`, or what is wrong with it."""
    first_s: float
    total_s: float
    events: int


async def measure(running: Stack, streams: int, pace: float) -> dict[str, Any]:
    """All figures, as they go into the result file. pace: words a second of each stream."""
    (gateway,) = (child for child in running.children if child.name == "gateway")
    (models,) = (
        each for each in running.children if isinstance(each, Server) and each.name == "simulator"
    )
    _control(models.address, {"tokens_per_s": pace})
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        await _stream(session, running, "Warm up.", running.tiers[0])
        idle = used(gateway.pid)
        open_now = Counter[str]()
        looks: list[tuple[int, float]] = []
        watching = asyncio.create_task(_watch(gateway.pid, open_now, looks))
        begun = time.monotonic()
        tiers = cycle(running.tiers)
        done = await asyncio.gather(
            *(
                _stream(session, running, f"Question number {n}.", next(tiers), open_now)
                for n in range(streams)
            )
        )
        took_s, busy = time.monotonic() - begun, used(gateway.pid)
        watching.cancel()
    return _figures(streams, done, looks, (idle.rss_mb, busy.cpu_s - idle.cpu_s, took_s))


async def _stream(
    session: aiohttp.ClientSession,
    running: Stack,
    prompt: str,
    tier: str,
    open_now: Counter[str] | None = None,
) -> Streamed:
    body = {
        "model": tier,
        "messages": [{"role": "user", "content": prompt}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "switchgear": {"cache": {"mode": "no-store"}},
    }
    open_now = Counter() if open_now is None else open_now
    open_now["open"] += 1
    begun, first_s, raw = time.monotonic(), 0.0, b""
    try:
        async with session.post(f"{running.gateway}/v1/chat/completions", json=body) as response:
            if response.status != 200:
                return Streamed(f"status {response.status}", 0, 0, 0)
            async for piece in response.content.iter_any():
                first_s = first_s or time.monotonic() - begun
                raw += piece
    except (aiohttp.ClientError, TimeoutError) as error:
        return Streamed(f"torn: {type(error).__name__}", first_s, 0, 0)
    finally:
        open_now["open"] -= 1
    blocks = raw.decode().split("\n\n")[:-1]
    return Streamed(_verdict(blocks, prompt), first_s, time.monotonic() - begun, len(blocks))


def _verdict(blocks: Sequence[str], prompt: str) -> str:
    """`whole`, or what is wrong."""
    if not blocks or blocks[-1] != "data: [DONE]":
        return "no end mark"
    events = [json.loads(block.removeprefix("data: ")) for block in blocks[:-1]]
    if any("error" in event for event in events):
        return "error event"
    text = "".join(
        choice["delta"].get("content") or "" for event in events for choice in event["choices"]
    )
    if text != prose(prompt, 0):
        return "another text"
    if not events[-1].get("usage") or events[-2]["choices"][0]["finish_reason"] != "stop":
        return "no usage or finish"
    return "whole"


async def _watch(pid: int, open_now: Counter[str], looks: list[tuple[int, float]]) -> None:
    while True:
        looks.append((open_now["open"], used(pid).rss_mb))
        await asyncio.sleep(_LOOK_S)


def _figures(
    streams: int,
    done: Sequence[Streamed],
    looks: Sequence[tuple[int, float]],
    gateway: tuple[float, float, float],
) -> dict[str, Any]:
    idle_mb, cpu_s, took_s = gateway
    firsts = sorted(each.first_s for each in done)
    events = sum(each.events for each in done)
    most_mb = max(mb for _, mb in looks)
    return {
        "machine": description(),
        "streams": streams,
        "open_at_once": max(number for number, _ in looks),
        "outcomes": dict(Counter(each.outcome for each in done)),
        "seconds": round(took_s, 1),
        "events": events,
        "first_event_s": {"p50": round(firsts[streams // 2], 2), "most": round(firsts[-1], 2)},
        "gateway": {
            "rss_mb": {"idle": round(idle_mb, 1), "most": round(most_mb, 1)},
            "kb_a_stream": round((most_mb - idle_mb) * 1000 / streams, 1),
            "cpu_s": round(cpu_s, 2),
            "cpu_us_an_event": round(cpu_s / events * 1e6, 1),
        },
    }


def _control(address: str, told: dict[str, Any]) -> None:
    request = Request(f"http://{address}/control", json.dumps(told).encode())
    with urlopen(request) as answer:  # noqa: S310 our own address
        answer.read()


def main() -> None:
    """Runs the stack, measures, writes the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--pace", type=float, default=5, help="words a second of each stream")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stack(Path(folder), Ports(), {}) as running:
        figures = uvloop.run(measure(running, options.streams, options.pace))
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
