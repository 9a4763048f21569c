"""Which processes does the resilience table run, and how are they reached?"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dev.broker import apache_kafka
from dev.processes import Child, Server
from dev.redis_server import redis_server, url_of
from dev.simulator.process import Running, running

_Child = TypeVar("_Child", bound=Child)


@dataclass(frozen=True, slots=True)
class World:
    """What stays up from scenario to scenario. environment: what our processes are given."""

    kafka: str
    redis: Server
    simulator: Running
    environment: Mapping[str, str]
    folder: Path

    @property
    def redis_url(self) -> str:
        """Where Redis is, or would be."""
        return url_of(self.redis)


@contextmanager
def world() -> Iterator[World]:
    """Apache Kafka, Redis, the simulator and the router."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as parts:
        data = Path(folder)
        kafka = _start(parts, apache_kafka(data / "kafka"))
        redis = _start(parts, redis_server(data / "redis"))
        simulator = parts.enter_context(running())
        config = data / "switchgear.yaml"
        config.write_text(_cheapest_first(Path("switchgear.yaml").read_text(encoding="utf-8")))
        environment = {
            "SWITCHGEAR_CONFIG": str(config),
            "SWITCHGEAR_KAFKA": kafka.address,
            "SWITCHGEAR_REDIS": url_of(redis),
            "SWITCHGEAR_TRACE_RATIO": "0",
            **simulator.environment,
        }
        create = [sys.executable, "-m", "workers", "topics"]
        subprocess.run(create, check=True, capture_output=True, env={**os.environ, **environment})
        _start(parts, _ours("router", data, environment, "router"))
        yield World(kafka.address, redis, simulator, environment, data)


@contextmanager
def pools(there: World, count: int) -> Iterator[None]:
    """`count` fresh worker processes of the economy tier, and one of the tier above."""
    with ExitStack() as parts:
        for number in range(count):
            name = f"economy-{number}"
            tier = ("workers", "--tier", "economy")
            _start(parts, _ours(name, there.folder, there.environment, *tier))
        tier = ("workers", "--tier", "standard")
        _start(parts, _ours("standard", there.folder, there.environment, *tier))
        yield


def _cheapest_first(config: str) -> str:
    """The repository's configuration, but the economy tier's cheapest deployment is its first."""
    listed = "[openai-gpt-4o-mini, mistral-small-3, anthropic-haiku-4.5]"
    assert config.count(listed) == 1, "switchgear.yaml has changed: mend the benchmark"
    return config.replace(listed, "[mistral-small-3, openai-gpt-4o-mini, anthropic-haiku-4.5]")


def _ours(name: str, data: Path, environment: Mapping[str, str], *module: str) -> Child:
    return Child(name, [sys.executable, "-m", *module], data / f"{name}.log", environment)


def _start(parts: ExitStack, child: _Child) -> _Child:
    child.start()
    parts.callback(child.stop)
    return child
