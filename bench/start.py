"""How much memory do router and worker take, and how soon do they answer? `python -m bench.start`.

Processes as an image starts them: from compiled bytecode, which an unmeasured start writes into a
folder of its own. A process is started while the other one runs and a request already waits in
Kafka; the time to its answer is the process's start to first answer. `--source DIR` measures the
packages of other checkouts in the same run, in turns.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

import uvloop

from bench.machine import description, used
from bench.pipeline import loads
from bench.pipeline.echo import PARTITIONS
from dev.broker import apache_kafka
from dev.processes import Child, free_port
from dev.redis_server import redis_server, url_of
from dev.simulator.process import running
from producers import ClientSettings, Done, RouterClient

RESULTS: Final = Path("bench/results/start.json")
_ARGUMENTS: Final = {"router": ("router",), "worker": ("workers", "--tier", "economy")}
_ROOTS: Final = {"router": "router.serve.process", "worker": "workers.process"}
_REQUESTS: Final = 500
_IN_FLIGHT: Final = 64
_READY_WITHIN_S: Final = 60
_POLL_S: Final = 0.01
_IMPORTED: Final = """
import os, sys, time
def megabytes():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
import switchgear.__main__, importlib
importlib.import_module(sys.argv[1])
print(megabytes(), time.process_time(), len(sys.modules))
"""


@dataclass(frozen=True, slots=True)
class Around:
    """What the measured processes need, and where their packages are."""

    kafka: str
    environment: Mapping[str, str]
    source: Path
    data: Path

    def python(self) -> dict[str, str]:
        """Environment of a Python that finds the packages of `source`, compiled."""
        compiled = self.data / "bytecode" / self.source.name
        return {
            "PYTHONPATH": str(self.source),
            "PYTHONPYCACHEPREFIX": str(compiled),
            "PYTHONDONTWRITEBYTECODE": "",
        }

    def process(self, name: str, port: int) -> Child:
        """A router or worker, not started."""
        environment = {**self.environment, **self.python(), "SWITCHGEAR_METRICS_PORT": str(port)}
        command = [sys.executable, "-P", "-m", *_ARGUMENTS[name]]
        return Child(name, command, self.data / f"{name}.log", environment)


async def measure(around: Around) -> dict[str, dict[str, float]]:
    """Figures by process, of one start each."""
    settings = ClientSettings(kafka=around.kafka, timeout_s=120)
    ports = {name: free_port() for name in _ARGUMENTS}
    children = {name: around.process(name, port) for name, port in ports.items()}
    figures = {name: _imports(around, name) for name in _ARGUMENTS}
    async with RouterClient.connect(settings) as client:
        try:
            for child in children.values():
                child.start()
            await _answer(client)
            for name, child in children.items():
                await asyncio.to_thread(child.stop)
                figures[name] |= await _start(client, child, ports[name])
            await loads.submit_all(client, loads.fresh(_REQUESTS), _IN_FLIGHT)
            for name, child in children.items():
                figures[name]["rss_mb"] = used(child.pid).rss_mb
        finally:
            for child in children.values():
                child.stop()
    return figures


def _imports(around: Around, name: str) -> dict[str, float]:
    """Memory and CPU of a Python that only imports the process's composition root."""
    command = [sys.executable, "-P", "-c", _IMPORTED, _ROOTS[name]]
    ran = subprocess.run(command, check=True, capture_output=True, env=_with(around.python()))
    rss_mb, cpu_s, modules = map(float, ran.stdout.split())
    return {"imports_mb": rss_mb, "imports_cpu_s": cpu_s, "modules": modules}


def _with(environment: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **environment}


async def _start(client: RouterClient, child: Child, port: int) -> dict[str, float]:
    """Starts it while a request waits. Seconds; memory after the first answer."""
    answer = asyncio.create_task(_answer(client))
    begun = time.perf_counter()
    child.start()
    await asyncio.to_thread(_wait_until_ready, port)
    ready_s = time.perf_counter() - begun
    await answer
    first = used(child.pid)
    return {
        "ready_s": ready_s,
        "first_answer_s": time.perf_counter() - begun,
        "start_cpu_s": first.cpu_s,
        "start_mb": first.rss_mb,
    }


async def _answer(client: RouterClient) -> None:
    [request] = loads.fresh(1)
    reply = await client.submit(request)
    assert isinstance(reply, Done), reply


def _wait_until_ready(port: int) -> None:
    give_up_at = time.monotonic() + _READY_WITHIN_S
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (URLError, OSError):
            assert time.monotonic() < give_up_at, "the process isn't ready"
            time.sleep(_POLL_S)


def run(sources: Sequence[Path], rounds: int) -> dict[str, Any]:
    """Medians over the rounds, by checkout; the first round of each writes the bytecode."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as parts:
        data = Path(folder)
        kafka, redis = apache_kafka(data / "kafka"), redis_server(data / "redis")
        for server in (kafka, redis):
            server.start()
            parts.callback(server.stop)
        simulator = parts.enter_context(running())
        environment = {
            "SWITCHGEAR_KAFKA": kafka.address,
            "SWITCHGEAR_REDIS": url_of(redis),
            "SWITCHGEAR_PARTITIONS": str(PARTITIONS),
            "SWITCHGEAR_LOG_LEVEL": "WARNING",
            **simulator.environment,
        }
        create = [sys.executable, "-m", "workers", "topics"]
        subprocess.run(create, check=True, capture_output=True, env=_with(environment))
        measured: dict[str, list[dict[str, dict[str, float]]]] = {}
        for number in range(rounds + 1):
            for source in sources:
                around = Around(kafka.address, environment, source, data)
                figures = uvloop.run(measure(around))
                if number:
                    measured.setdefault(source.name, []).append(figures)
    return {name: _medians(figures) for name, figures in measured.items()}


def _medians(rounds: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        process: {
            figure: round(statistics.median(each[process][figure] for each in rounds), 2)
            for figure in rounds[0][process]
        }
        for process in rounds[0]
    }


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--source", type=Path, action="append", help="a checkout; default: this")
    options = parser.parse_args()
    sources = [source.resolve() for source in options.source or [Path()]]
    told = {"machine": description(), **run(sources, options.rounds)}
    text = json.dumps(told, indent=2)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
