"""The processes of the article's test: Kafka, Redis, simulated models, router, a tier, batches."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from dev.broker import apache_kafka
from dev.processes import Child
from dev.redis_server import redis_server, url_of
from dev.simulator.process import Running, running

MODELS: Final = {
    "openai-gpt-4o-mini": "gpt-4o-mini",
    "anthropic-haiku-4.5": "claude-haiku-4-5",
    "mistral-small-3": "mistral-small-3",
    "anthropic-opus-4.6": "claude-opus-4-6",
}
"""By deployment."""
BASELINE: Final = "anthropic-opus-4.6"
"""Who answers live traffic until something is promoted."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What runs, and where it writes."""

    folder: Path
    simulator: Running
    environment: Mapping[str, str]


@contextmanager
def installation() -> Iterator[Installation]:
    """All four models in one tier, each with its provider's batches."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as parts:
        folder = Path(name)
        kafka, redis = apache_kafka(folder / "kafka"), redis_server(folder / "redis")
        for server in (kafka, redis):
            server.start()
            parts.callback(server.stop)
        simulator = parts.enter_context(running("--seed", "5"))
        config = folder / "switchgear.yaml"
        config.write_text(yaml.safe_dump(_config()), encoding="utf-8")
        environment = {
            "SWITCHGEAR_CONFIG": str(config),
            "SWITCHGEAR_KAFKA": kafka.address,
            "SWITCHGEAR_REDIS": url_of(redis),
            "SWITCHGEAR_PARTITIONS": "4",
            "SWITCHGEAR_TRACE_RATIO": "0",
            "SWITCHGEAR_LOG_LEVEL": "WARNING",
            **simulator.environment,
        }
        switchgear(environment, "topics")
        for arguments in (("router",), ("worker", "--tier", "economy"), ("worker", "--batch")):
            service = "-".join(arguments).replace("--", "")
            command = [sys.executable, "-m", "switchgear", *arguments]
            child = Child(service, command, folder / f"{service}.log", environment)
            child.start()
            parts.callback(child.stop)
        yield Installation(folder, simulator, environment)


def switchgear(environment: Mapping[str, str], *arguments: str) -> str:
    """The output of a command; a failure ends the benchmark with its words."""
    command = [sys.executable, "-m", "switchgear", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def _config() -> dict[str, Any]:
    whole: dict[str, Any] = yaml.safe_load(Path("switchgear.yaml").read_text(encoding="utf-8"))
    deployments = {name: whole["deployments"][name] for name in MODELS}
    for deployment in deployments.values():
        deployment["batch"] = {"oldest_min": 0.05, "max_requests": 500}
    others = [name for name in MODELS if name != BASELINE]
    return {
        "default_baseline": BASELINE,
        "deployments": deployments,
        "tiers": {"economy": {"deployments": [BASELINE, *others], "order": "listed"}},
        "batches": {"poll_s": 1, "submit_s": 10, "look_after_s": 2, "retry_s": 2},
    }
