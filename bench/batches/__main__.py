"""`make batches`: 20,000 requests, most of which may wait, while providers fail and the pool dies.

Simulated providers, real Kafka and Redis. A fault at each point where a batch can be lost or paid
twice; the exit status is 0 only if none was. `--memory` measures the memory of waiting instead.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import uvloop

from bench.batches.account import Account, Asked
from bench.batches.installation import LEAST_DEADLINE_S, Installation, installation
from bench.batches.running_memory import ONE_AT_A_TIME, measure_running
from bench.batches.waiting_memory import measure_memory
from bench.machine import description
from producers import ClientSettings, RouterClient, chat
from producers.contract import topics
from producers.kafka.aiokafka_broker import KafkaBroker

RESULTS: Final = Path("bench/results/batches.json")
_WITHIN_S: Final = 1_800.0
_OUTAGE_S: Final = 20.0
_WAVES: Final = 5
MODELS: Final = ("gpt-4o-mini", "claude-haiku-4-5", "mistral-small-3")


def main() -> int:
    """Runs it; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.batches", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--memory", action="store_true", help="the memory of waiting requests")
    parser.add_argument("--running", action="store_true", help="the same of a running process")
    arguments = parser.parse_args()
    figures = read_results()
    if arguments.running:
        with installation(pools=1, offer=ONE_AT_A_TIME) as running:
            shown = uvloop.run(measure_running(running, arguments.requests))
        figures["running_memory"] = shown
    elif arguments.memory:
        figures["memory"] = measure_memory(1_000_000)
        shown = figures["memory"]
    else:
        with installation() as running:
            figures["faults"] = shown = uvloop.run(run(running, arguments.requests))
    figures["machine"] = description()
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(shown, indent=2))
    broken = ("lost", "failed", "answered_differently", "deadlines_missed", "batches_paid_twice")
    return int(any(shown.get(name, 0) for name in broken))


def read_results() -> dict[str, Any]:
    """What was measured before."""
    if not RESULTS.exists():
        return {}
    read: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return read


async def run(running: Installation, requests: int) -> dict[str, Any]:
    """All figures."""
    account = Account()
    settings = ClientSettings(kafka=running.kafka, timeout_s=60)
    begun = time.monotonic()
    running.simulator.control(
        batches={"seconds": 4.0, "item_failures": 0.01, "list_lag_s": 1.0, "next": ["expire"]}
    )
    async with KafkaBroker(settings, "batches") as broker:
        client = RouterClient(broker, settings)
        async with (
            broker.tail(topics.REPLIES, account.reply),
            broker.tail(topics.BATCHES, account.batch),
        ):
            faults = asyncio.create_task(_faults(running, account))
            await _send(client, account, requests)
            kills = await faults
            await _until(lambda: account.answered >= requests, _WITHIN_S)
            # what is still on its way would show as answered twice
            await asyncio.sleep(10)
    figures = account.figures(running.simulator.calls(), running.simulator.batches())
    return {**figures, "pool_killed": kills, "seconds": round(time.monotonic() - begun)}


async def _send(client: RouterClient, account: Account, requests: int) -> None:
    """In waves, so that there is work at each fault."""
    chance = random.Random(1)
    for wave in range(_WAVES):
        first = wave * requests // _WAVES
        last = (wave + 1) * requests // _WAVES
        for number in range(first, last):
            asked = _asked(number, chance)
            account.asked[f"r{number}"] = asked
            await client.publish(_request(f"r{number}", asked))
        await _until(lambda done=last: account.answered > done * 0.6, _WITHIN_S)  # type: ignore[misc]


def _asked(number: int, chance: random.Random) -> Asked:
    """A tenth is called at once; of the rest a quarter has no deadline, others far or near ones."""
    question = f"Give a word for the number {number} and nothing else."
    lot = chance.random()
    if lot < 0.1:
        return Asked(question, waits=False, deadline_s=None)
    deadline_s = chance.choice((None, 100_000.0, 900.0, LEAST_DEADLINE_S * 2))
    return Asked(question, waits=True, deadline_s=deadline_s)


def _request(name: str, asked: Asked) -> Any:  # noqa: ANN401 - a Request
    deadline_ms = None if asked.deadline_s is None else int(asked.deadline_s * 1000)
    routing = {
        "latency": "batch" if asked.waits else "interactive",
        "tier": "economy",
        "deadline_ms": deadline_ms,
        "cache": {"mode": "no-store"},
    }
    # the cheapest provider would get them all
    model = MODELS[int(name[1:]) % len(MODELS)]
    request = chat(asked.question, tenant="team", routing=routing, model=model)
    return request.model_copy(update={"id": name})


async def _faults(running: Installation, account: Account) -> list[str]:
    """The pool dies at each of four points; a creation loses its answer; the providers are away."""
    kills: list[str] = []

    async def kill(when: str, happened: Callable[[], bool]) -> None:
        await _until(happened, _WITHIN_S)
        running.kill_pool()
        kills.append(when)

    await kill("before a batch is formed", lambda: len(account.asked) > 500)
    await kill("between formed and submitted", _next(account, "formed"))
    running.simulator.control(batches={"next": ["lost_answer", "error_after", "expire"]})
    await kill("after it was submitted", _next(account, "submitted"))
    reading = account.progress
    await kill("while its results are read", lambda: account.progress > reading)
    running.simulator.control(batches={"down": True})
    await asyncio.sleep(_OUTAGE_S)
    running.simulator.control(batches={"down": False, "next": ["queue_full", "drop_lines"]})
    await kill("while the provider is asked", _next(account, "submitting"))
    return kills


def _next(account: Account, state: str) -> Callable[[], bool]:
    """Whether a batch has come into the state since now."""
    before = len(account.states)
    return lambda: state in account.states[before:]


async def _until(happened: Callable[[], bool], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not happened():  # noqa: ASYNC110 records are told to a callback
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
