"""What booking a trickle of usage events costs, with rests between bookings and without.

    python -m bench.ledger_feed [--rate 30] [--seconds 20] [--rows 20000]

A DuckDB file with `rows` requests gets `rate` more a second; one after the other, in one run.
Writes bench/results/ledger_feed.json.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

from aiokafka import ConsumerRecord, TopicPartition

from bench.machine import description
from observability.ledger import ingest
from observability.ledger.ingest import Feed
from observability.ledger.ledger import Ledger, UsageBatch
from observability.ledger.stores.duckdb_file import DuckDbFile
from observability.metrics.registry import MetricsRegistry
from producers.contract import codec
from tests.unit.observability.usage_events import usage_event

RESULTS: Final = Path(__file__).with_name("results") / "ledger_feed.json"
USAGE: Final = TopicPartition("llm.usage", 0)


class _Trickle:
    """A consumer: `rate` events a second from its first poll on."""

    def __init__(self, rate: float, begin: int) -> None:
        self._rate, self._begin = rate, begin
        self._at, self._since_s = begin, time.monotonic()

    def assignment(self) -> set[TopicPartition]:
        return {USAGE}

    def seek(self, _place: TopicPartition, offset: int) -> None:
        self._at = offset

    async def getmany(self, timeout_ms: int, **_: int) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(1 / self._rate)
        end = self._begin + int((time.monotonic() - self._since_s) * self._rate)
        records = list(self._records(end)) if timeout_ms else []
        self._at = max(self._at, end)
        return {USAGE: records} if records else {}

    async def beginning_offsets(self, _: object) -> dict[TopicPartition, int]:
        return {USAGE: 0}

    async def end_offsets(self, _: object) -> dict[TopicPartition, int]:
        return {USAGE: self._at}

    def _records(self, end: int) -> Iterator[Any]:
        for number in range(self._at, end):
            value = codec.encode(usage_event(number))
            yield ConsumerRecord("llm.usage", 0, number, 0, 0, b"t", value, None, 1, len(value), ())


async def spent(rests: float, options: argparse.Namespace) -> dict[str, float]:
    """CPU of this process, as a share of a core, and what was booked."""
    setattr(ingest, "_RESTS", rests)  # noqa: B010 - what is compared is no part of its interface
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(DuckDbFile(Path(folder) / "ledger.duckdb"))
        ledger.create()
        kept = [usage_event(number) for number in range(options.rows)]
        ledger.book(UsageBatch(kept, {("llm.usage", 0): options.rows}, []))
        consumer = cast("Any", _Trickle(options.rate, options.rows))
        feed = Feed(consumer, ledger, MetricsRegistry())
        stop = asyncio.Event()
        running = asyncio.create_task(feed.run(stop))
        cpu_s = time.process_time()
        await asyncio.sleep(options.seconds)
        cpu_s = time.process_time() - cpu_s
        stop.set()
        await running
        booked = feed.booked[USAGE] - options.rows
    return {"share_of_a_core": round(cpu_s / options.seconds, 3), "booked": booked}


def main() -> None:
    """Measures both, in turns, and writes the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=float, default=30)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args()
    usual = ingest._RESTS  # noqa: SLF001 - what is compared
    table = [
        {"rests": rests} | asyncio.run(spent(rests, options))
        for _ in range(2)
        for rests in (0, usual)
    ]
    result = {"machine": description(), "rate": options.rate, "rounds": table}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
