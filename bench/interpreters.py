"""`python -m bench.interpreters PYTHON...`: what a request takes by interpreter, in turns.

CPU of this process for the path of `bench.request_counts`: no Kafka, a provider that answers from
memory, a real Redis. Each interpreter needs the packages of `requirements/dev.txt`.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

import uvloop
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from bench.request_counts.hot_path import HotPath, hot_path
from bench.request_counts.report import prompt_of, request_config, tagged_records
from dev.redis_server import redis_server, url_of
from observability.logs import start_logging
from producers.kafka.broker import Record
from router.serve.handler import route_record
from workers.request.handler import serve_one

REQUESTS: Final = 400
"""A measurement; as many before it warm everything up."""
ROUNDS: Final = 3
AT_ONCE: Final = 16

Handler = Callable[[Record], Awaitable[None]]
Times = dict[str, float]


async def request_times(redis_url: str, folder: Path) -> Times:
    """Milliseconds of CPU of a decision, a call and a hit. Empties Redis."""
    start_logging("ERROR")
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()  # what another measurement kept would make its calls hits
    async with hot_path(redis_url, request_config(folder)) as path:
        route, serve = partial(route_record, path.router), partial(serve_one, path.pool)
        times: Times = {}
        for turn in range(2):
            seeds = [REQUESTS * turn + number for number in range(REQUESTS)]
            new = [path.asked(prompt_of(Random(seed))) for seed in seeds]
            times["decision"] = await _timed(route, new)
            times["call"] = await _timed(serve, _routed(path))
            known = [path.asked(prompt_of(Random(seed))) for seed in seeds]
            await _timed(route, known)
            times["hit"] = await _timed(serve, _routed(path))
    return times


def _routed(path: HotPath) -> list[Record]:
    return tagged_records(path, REQUESTS)


async def _timed(handle: Handler, records: Sequence[Record]) -> float:
    waiting = iter(records)

    async def one_after_the_other() -> None:
        for record in waiting:
            await handle(record)

    begun = time.process_time()
    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return (time.process_time() - begun) * 1000 / len(records)


def main() -> None:
    """Starts each interpreter in turn, `ROUNDS` times, and shows the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pythons", nargs="*", default=[sys.executable])
    parser.add_argument("--measure", metavar="REDIS", help="one measurement, as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if options.measure is not None:
            print(json.dumps(uvloop.run(request_times(options.measure, folder))))
            return
        server = redis_server(folder / "redis")
        server.start()
        try:
            rounds = [
                {python: _measured(python, url_of(server)) for python in options.pythons}
                for _ in range(ROUNDS)
            ]
        finally:
            server.stop()
    table = Table("interpreter", "decision, ms of CPU", "call", "hit")
    for python in options.pythons:
        mine = [times[python] for times in rounds]
        table.add_row(python, *(f"{median(each[name] for each in mine):.2f}" for name in mine[0]))
    Console().print(table)


def _measured(python: str, redis: str) -> Times:
    """python: its path; what stands before it as NAME=VALUE is set for it."""
    *settings, path = python.split()
    argv = [path, "-m", "bench.interpreters", "--measure", redis]
    own = dict(setting.split("=", 1) for setting in settings)
    done = subprocess.run(argv, env=os.environ | own, capture_output=True, check=True, text=True)
    times: Times = json.loads(done.stdout.splitlines()[-1])
    return times


if __name__ == "__main__":
    main()
