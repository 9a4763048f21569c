"""How much memory does a running batch process take, with so many requests waiting in it?

The requests are the router's record of one, written again under other ids. One batch of one request
lies at the provider all the time, and the deployment's queue takes no more: all others wait.
"""

import asyncio
import re
import time
import urllib.request
from collections.abc import Sequence
from typing import Any, Final

from bench.batches.installation import Installation
from bench.machine import used
from producers import ClientSettings, RouterClient, chat
from producers.contract import topics
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, Record

ONE_AT_A_TIME: Final = {"oldest_min": 0, "max_requests": 50_000, "enqueued_tokens": 1}
"""The offer: one request is taken, and then the queue is full."""
_TOGETHER: Final = 2_000
_WITHIN_S: Final = 3_600.0
_SEED: Final = "the-request-that-all-others-are-copies-of"
_WAITING: Final = re.compile(r"^switchgear_batch_waiting\{[^}]*\} (\S+)$", re.MULTILINE)
_STEPS: Final = 4


async def measure_running(running: Installation, requests: int) -> dict[str, Any]:
    """Resident memory of the process, empty and with a quarter, a half … of the requests."""
    running.simulator.control(batches={"seconds": 86_400})
    (child,) = running.pool
    settings = ClientSettings(kafka=running.kafka, timeout_s=60)
    steps: list[dict[str, float]] = []
    async with KafkaBroker(settings, "memory") as broker:
        record = await _routed(broker, settings)
        await _until_waiting(running, 0)
        steps.append({"waiting": 0, "rss_mb": round(used(child.pid).rss_mb, 1)})
        begun = time.monotonic()
        for step in range(_STEPS):
            first, last = (requests * part // _STEPS for part in (step, step + 1))
            for start in range(first, last, _TOGETHER):
                await broker.publish(*_copies(record, range(start, min(last, start + _TOGETHER))))
            await _until_waiting(running, last)
            steps.append({"waiting": last, "rss_mb": round(used(child.pid).rss_mb, 1)})
    return {"steps": steps, "taken_in_per_s": round(requests / (time.monotonic() - begun))}


async def _routed(broker: KafkaBroker, settings: ClientSettings) -> Record:
    """One request as the router puts it on the queue."""
    seen: asyncio.Future[Record] = asyncio.get_running_loop().create_future()

    def receive(record: Record) -> None:
        if not seen.done():
            seen.set_result(record)

    routing = {"latency": "batch", "tier": "economy", "cache": {"mode": "no-store"}}
    request = chat("What is a queue? " * 60, tenant="team", routing=routing, model="gpt-4o-mini")
    async with broker.tail(topics.batch_topic(), receive), asyncio.timeout(120):
        await RouterClient(broker, settings).publish(request.model_copy(update={"id": _SEED}))
        return await seen


def _copies(record: Record, numbers: Sequence[int]) -> list[Outgoing]:
    seed = _SEED.encode()
    return [
        Outgoing(
            record.partition.topic,
            record.value.replace(seed, b"copy-%d" % number),
            b"copy-%d" % number,
            record.headers,
        )
        for number in numbers
    ]


async def _until_waiting(running: Installation, requests: int) -> None:
    """Until the process says that so many wait in it."""
    address = f"http://127.0.0.1:{running.environment['SWITCHGEAR_METRICS_PORT']}/metrics"
    async with asyncio.timeout(_WITHIN_S):
        while await asyncio.to_thread(_waiting, address) < requests:  # noqa: ASYNC110 nothing tells it
            await asyncio.sleep(1)


def _waiting(address: str) -> float:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 the loopback
            return sum(map(float, _WAITING.findall(answer.read().decode())))
    except OSError:
        return -1.0
