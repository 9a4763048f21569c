"""Which processes does the table of batches run, and how does the pool die?"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from dev.broker import apache_kafka
from dev.processes import Child, free_port
from dev.redis_server import redis_server, url_of
from dev.simulator.process import Running, running

_Child = TypeVar("_Child", bound=Child)
OFFERS: Final = ("openai-gpt-4o-mini", "anthropic-haiku-4.5", "mistral-small-3")
POOLS: Final = 2
FORMING: Final = {"oldest_min": 0.05, "max_requests": 500}
LEAST_DEADLINE_S: Final = 300.0
PACE: Final = {
    "poll_s": 1,
    "submit_s": 10,
    "look_after_s": 2,
    "retry_s": 2,
    "margin_s": 60,
    "cancel_s": 20,
    "tier_tokens_per_min": 20_000_000,
}
"""A day in minutes: the providers are quicker, and so are we."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What runs. pool: the processes of the batch pool, which are killed together."""

    kafka: str
    simulator: Running
    pool: tuple[Child, ...]
    environment: Mapping[str, str]

    def kill_pool(self) -> None:
        """SIGKILL to all of them, and new ones."""
        for child in self.pool:
            child.kill()
        for child in self.pool:
            child.start()


@contextmanager
def installation(
    pools: int = POOLS, offer: Mapping[str, Any] | None = None
) -> Iterator[Installation]:
    """Apache Kafka, Redis, the simulator, the router, a tier's pool, and the batch pool.

    pools: processes of the latter; a single one serves its metrics. offer: of each deployment.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as parts:
        data = Path(folder)
        kafka = _started(parts, apache_kafka(data / "kafka"))
        redis = _started(parts, redis_server(data / "redis"))
        simulator = parts.enter_context(running("--seed", "5"))
        config = data / "switchgear.yaml"
        config.write_text(yaml.safe_dump(_config(offer or FORMING)), encoding="utf-8")
        environment = {
            "SWITCHGEAR_CONFIG": str(config),
            "SWITCHGEAR_KAFKA": kafka.address,
            "SWITCHGEAR_REDIS": url_of(redis),
            "SWITCHGEAR_PARTITIONS": "6",
            "SWITCHGEAR_SESSION_TIMEOUT_S": "6",
            "SWITCHGEAR_TRACE_RATIO": "0",
            "SWITCHGEAR_LOG_LEVEL": "WARNING",
            **simulator.environment,
        }
        metrics = {"SWITCHGEAR_METRICS_PORT": str(free_port())} if pools == 1 else {}
        pool_environment = environment | metrics
        create = [sys.executable, "-m", "switchgear", "topics"]
        subprocess.run(create, check=True, capture_output=True, env={**os.environ, **environment})
        for name, arguments in (
            ("router", ("router",)),
            ("economy", ("worker", "--tier", "economy")),
        ):
            _started(parts, _ours(name, data, environment, *arguments))
        names = [f"batch-{number}" for number in range(pools)]
        pool = [
            _started(parts, _ours(name, data, pool_environment, "worker", "--batch"))
            for name in names
        ]
        yield Installation(kafka.address, simulator, tuple(pool), pool_environment)


def _config(offer: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load(Path("switchgear.yaml").read_text(encoding="utf-8"))
    for name in OFFERS:
        told["deployments"][name]["batch"] = dict(offer)
    told["batches"] = PACE
    hours = LEAST_DEADLINE_S / 3600
    told["policy"] = {"waiting": {"short_deadlines": True, "shortest_h": hours}}
    return told


def _ours(name: str, data: Path, environment: Mapping[str, str], *arguments: str) -> Child:
    command = [sys.executable, "-m", "switchgear", *arguments]
    return Child(name, command, data / f"{name}.log", environment)


def _started(parts: ExitStack, child: _Child) -> _Child:
    child.start()
    parts.callback(child.stop)
    return child
