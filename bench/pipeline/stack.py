"""Which processes does the pipeline's benchmark run, and how are they reached?"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.pipeline.echo import PARTITIONS
from dev.broker import apache_kafka
from dev.processes import Child
from dev.redis_server import redis_server, url_of
from dev.simulator.process import Running, running

_Child = TypeVar("_Child", bound=Child)


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs. `ours`: the processes whose CPU counts as Switchgear's."""

    kafka: str
    simulator: Running
    ours: tuple[Child, ...]
    servers: tuple[Child, ...]
    """Kafka and Redis."""


@contextmanager
def stack(trace_ratio: float, *, workers: int = 1, partitions: int = PARTITIONS) -> Iterator[Stack]:
    """Apache Kafka, Redis, the simulator, one router, one economy pool, and the raw echo.

    workers: processes of the pool; partitions: of each topic of requests.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as parts:
        data = Path(folder)
        kafka = _start(parts, apache_kafka(data / "kafka"))
        redis = _start(parts, redis_server(data / "redis"))
        simulator = parts.enter_context(running())
        environment = {
            "SWITCHGEAR_KAFKA": kafka.address,
            "SWITCHGEAR_REDIS": url_of(redis),
            "SWITCHGEAR_PARTITIONS": str(partitions),
            "SWITCHGEAR_TRACE_RATIO": str(trace_ratio),
            "SWITCHGEAR_LOG_LEVEL": "WARNING",
            **simulator.environment,
        }
        create = [sys.executable, "-m", "workers", "topics"]
        subprocess.run(create, check=True, capture_output=True, env={**os.environ, **environment})
        names = ("worker", *(f"worker {number}" for number in range(2, workers + 1)))
        pool = (_python(name, data, environment, "workers", "--tier", "economy") for name in names)
        ours = tuple(
            _start(parts, child)
            for child in (_python("router", data, environment, "router"), *pool)
        )
        _start(parts, _python("echo", data, {}, "bench.pipeline.echo", kafka.address))
        yield Stack(kafka.address, simulator, ours, (kafka, redis))


def _python(name: str, data: Path, environment: Mapping[str, str], *module: str) -> Child:
    return Child(name, [sys.executable, "-m", *module], data / f"{name}.log", environment)


def _start(parts: ExitStack, child: _Child) -> _Child:
    child.start()
    parts.callback(child.stop)
    return child
