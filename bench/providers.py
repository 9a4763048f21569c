"""`python -m bench.providers`: CPU per provider call, our adapters beside the official clients.

One run, one machine, the simulator in a process of its own at 0 ms; rounds of both sides alternate
and the median counts. A stream is 20 chunks of text, sent one by one. Milliseconds of CPU of this
process per call; calls per second are given for orientation.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import anthropic
import openai
import uvloop
from aiobotocore.session import get_session
from aiohttp import ClientSession, TCPConnector
from mistralai.client import Mistral

from bench import machine
from dev.simulator.process import Running, running
from producers.contract import ChatBody
from runtime.config.catalog import Deployment, Model
from workers.providers.base.call_outcome import Completion
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.registry import provider_of

KEY = "bench-key"
SYSTEM = "You answer in one sentence. " * 20
QUESTION = "What is a consumer group, and what is it good for? " * 8
ANSWER = " ".join(f"word{n:02}" for n in range(20))
MESSAGES: Any = [
    {"role": "system", "content": SYSTEM},
    {"role": "user", "content": QUESTION},
]
MODEL = Model(family="any", context_window=200_000)
CLAUDE = "claude-haiku-4-5"
Once: TypeAlias = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Row:
    """One adapter or client. cpu_ms: median over the rounds."""

    dialect: str
    who: str
    mode: str
    cpu_ms: float
    calls_per_s: float


def ours(session: ClientSession, address: str, *, stream: bool) -> dict[str, Once]:
    """Our adapter for each dialect."""
    environment = {"KEY": KEY, "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": KEY}
    told: dict[str, dict[str, Any]] = {
        "openai": {"provider": "openai", "model": "gpt-4o-mini", "path": "/openai/v1"},
        "mistral": {"provider": "mistral", "model": "mistral-small-2501", "path": "/mistral/v1"},
        "anthropic": {"provider": "anthropic", "model": CLAUDE, "path": "/anthropic"},
        "bedrock": {"provider": "aws", "model": CLAUDE, "path": "/bedrock"},
    }
    body = ChatBody.model_validate({"messages": MESSAGES, "max_tokens": 500, "stream": stream})

    def once(name: str) -> Once:
        fields = dict(told[name])
        chosen = Deployment.model_validate(
            {
                "base_url": address + fields.pop("path"),
                "dialect": name if name in {"anthropic", "bedrock"} else "openai",
                "api_key_env": None if name == "bedrock" else "KEY",
                "zone": "eu",
                **fields,
            }
        )
        provider = provider_of(chosen, session, environment)
        call = ProviderRequest(chosen, MODEL, body, 60, 60)

        async def emit(_: dict[str, Any]) -> None:
            """A stream's reader."""

        async def run() -> None:
            outcome = await provider.send(call, emit if stream else None)
            assert isinstance(outcome, Completion), outcome

        return run

    return {name: once(name) for name in told}


async def theirs(parts: AsyncExitStack, address: str, *, stream: bool) -> dict[str, Once]:
    """The official client for each dialect."""
    more: Any = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    asked: Any = {"messages": MESSAGES, "max_tokens": 500}
    gpt = await parts.enter_async_context(
        openai.AsyncOpenAI(api_key=KEY, base_url=f"{address}/openai/v1", max_retries=0)
    )
    small = await parts.enter_async_context(Mistral(api_key=KEY, server_url=f"{address}/mistral"))
    ask_small: Any = small.chat.stream_async if stream else small.chat.complete_async
    claude = await parts.enter_async_context(
        anthropic.AsyncAnthropic(api_key=KEY, base_url=f"{address}/anthropic", max_retries=0)
    )
    user: Any = MESSAGES[1:]
    return {
        "openai": _once(
            lambda: gpt.chat.completions.create(model="gpt-4o-mini", **asked, **more), stream
        ),
        "mistral": _once(lambda: ask_small(model="mistral-small-2501", **asked), stream),
        "anthropic": _once(
            lambda: claude.messages.create(
                model=CLAUDE, system=SYSTEM, messages=user, max_tokens=500, stream=stream
            ),
            stream,
        ),
        "bedrock": await _bedrock(parts, address, stream=stream),
    }


async def _bedrock(parts: AsyncExitStack, address: str, *, stream: bool) -> Once:
    client = await parts.enter_async_context(
        get_session().create_client(
            "bedrock-runtime",
            region_name="eu-central-1",
            endpoint_url=f"{address}/bedrock",
            aws_access_key_id="A",
            aws_secret_access_key=KEY,
        )
    )
    asked: Any = {
        "modelId": CLAUDE,
        "system": [{"text": SYSTEM}],
        "messages": [{"role": "user", "content": [{"text": QUESTION}]}],
        "inferenceConfig": {"maxTokens": 500},
    }

    async def events() -> Any:  # noqa: ANN401 - made by aiobotocore
        return (await client.converse_stream(**asked))["stream"]

    return _once(events if stream else lambda: client.converse(**asked), stream)


def _once(call: Callable[[], Awaitable[Any]], stream: bool) -> Once:  # noqa: FBT001 - one of two modes
    async def whole() -> None:
        await call()

    async def drained() -> None:
        async for _ in await call():
            pass

    return drained if stream else whole


async def measure(once: Once, calls: int, at_once: int) -> tuple[float, float]:
    """(CPU milliseconds per call, calls per second)."""
    left = iter(range(calls))

    async def work() -> None:
        for _ in left:
            await once()

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu / calls * 1000, calls / wall


async def compare(simulator: Running, rounds: int, calls: int) -> list[Row]:
    """Every dialect, JSON and stream, ours and theirs."""
    rows: list[Row] = []
    async with AsyncExitStack() as parts:
        session = await parts.enter_async_context(ClientSession(connector=TCPConnector(limit=0)))
        for mode in ("json", "stream"):
            stream = mode == "stream"
            sides = {
                "ours": ours(session, simulator.address, stream=stream),
                "official": await theirs(parts, simulator.address, stream=stream),
            }
            for dialect in sides["ours"]:
                rows += await _rounds(
                    {who: side[dialect] for who, side in sides.items()},
                    dialect,
                    mode,
                    rounds,
                    calls,
                )
    return rows


async def _rounds(
    sides: dict[str, Once], dialect: str, mode: str, rounds: int, calls: int
) -> list[Row]:
    found: dict[str, list[tuple[float, float]]] = {who: [] for who in sides}
    for once in sides.values():
        await measure(once, 20, 4)  # imports, connections, caches
    for _ in range(rounds):
        for who, once in sides.items():
            share = calls if who == "ours" else max(20, calls // 4)
            found[who].append(await measure(once, share, 16))
    return [
        Row(
            dialect,
            who,
            mode,
            round(statistics.median(cpu for cpu, _ in each), 3),
            round(statistics.median(rate for _, rate in each)),
        )
        for who, each in found.items()
    ]


def main() -> None:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path("bench/results/providers.json"))
    arguments = parser.parse_args()
    with running() as simulator:
        simulator.control(
            script=[{"prompt": QUESTION, "answer": ANSWER}], tokens_per_s=1_000_000_000
        )
        rows = uvloop.run(compare(simulator, arguments.rounds, arguments.calls))
    print(f"{'dialect':<10} {'mode':<7} {'ours ms':>8} {'official ms':>12} {'ratio':>6}")
    for own, other in zip(rows[::2], rows[1::2], strict=True):
        ratio = other.cpu_ms / own.cpu_ms
        line = f"{own.dialect:<10} {own.mode:<7} {own.cpu_ms:>8.3f} {other.cpu_ms:>12.3f}"
        print(f"{line} {ratio:>5.1f}x")
    clients = ("openai", "mistralai", "anthropic", "aiobotocore")
    told = {
        "machine": machine.description(),
        "official": {name: version(name) for name in clients},
        "unit": "ms of CPU per call; a stream has 20 chunks of text",
        "rows": [asdict(row) for row in rows],
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
