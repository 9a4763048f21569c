"""Every process of the product: without its topics, ready, and told to stop."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import yaml

from dev.broker import apache_kafka
from dev.processes import Child, Server, free_port
from dev.simulator.process import running
from switchgear.app import switchgear_app
from tests.readiness import blocking_until_ready, fetched, problems
from tests.waiting import blocking_until

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(420)]

REPLIES = "llm.replies.stepfunctions"
DRAIN_S = 5
COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "router": ("router",),
    "worker": ("worker", "--tier", "economy"),
    "batch pool": ("worker", "--batch"),
    "gateway": ("gateway", "--anonymous", "support", "--drain", str(DRAIN_S)),
    "ledger": ("ledger",),
    "live page": ("serve", "--port", "0"),
    "callbacks": ("callbacks", "stepfunctions", "--endpoint", "http://127.0.0.1:1"),
    "rollouts": ("rollout", "run"),
}
NEEDS: Final[Mapping[str, str]] = {
    "router": "llm.requests",
    "worker": "llm.cancellations",
    "batch pool": "llm.batches",
    "gateway": "llm.jobs",
    "ledger": "llm.usage",
    "live page": "llm.usage",
    "callbacks": REPLIES,
    "rollouts": "llm.rollouts",
}
"""One of the topics that each needs."""
LEAVES_A_GROUP: Final = ("router", "worker", "batch pool")
"""What is ready once it is a member of its groups, and waits for Kafka when it leaves them."""


@dataclass(frozen=True, slots=True)
class Installation:
    """A broker of its own, and what the processes are told."""

    kafka: Server
    environment: Mapping[str, str]


@pytest.fixture
def installation(redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    """A broker without topics that isn't begun, a simulator, a configuration with everything."""
    config = yaml.safe_load(Path("switchgear.yaml").read_text(encoding="utf-8"))
    config["deployments"]["openai-gpt-4o-mini"]["batch"] = {}
    config["tenants"] = {"support": {"reply_topics": ["llm.replies", REPLIES]}}
    written = tmp_path / "switchgear.yaml"
    written.write_text(yaml.safe_dump(config), encoding="utf-8")
    kafka = apache_kafka(tmp_path / "kafka")
    with running() as simulator:
        yield Installation(
            kafka,
            {
                **simulator.environment,
                "SWITCHGEAR_KAFKA": kafka.address,
                "SWITCHGEAR_REDIS": redis_url,
                "SWITCHGEAR_CONFIG": str(written),
                "SWITCHGEAR_LEDGER": str(tmp_path / "ledger.duckdb"),
                "SWITCHGEAR_PARTITIONS": "1",
                "AWS_REGION": "eu-central-1",
                "AWS_ACCESS_KEY_ID": "none",
                "AWS_SECRET_ACCESS_KEY": "none",
            },
        )
    kafka.stop()


@pytest.fixture
def processes(installation: Installation, tmp_path: Path) -> Iterator[Mapping[str, Child]]:
    """All of them, by name, each with a port for metrics in its environment."""
    with ExitStack() as stack:
        children = dict[str, Child]()
        for name, arguments in COMMANDS.items():
            port = ("--port", str(free_port())) if name == "gateway" else ()
            child = children[name] = Child(
                name,
                [sys.executable, "-m", "switchgear", *arguments, *port],
                tmp_path / f"{name}.log",
                {**installation.environment, "SWITCHGEAR_METRICS_PORT": str(free_port())},
            )
            child.start()
            stack.callback(child.kill)
        yield children


def port_of(child: Child) -> int:
    return int(child.env["SWITCHGEAR_METRICS_PORT"])


def says(child: Child, words: str) -> bool:
    assert child.alive, f"{child.name} has ended: {child.tail()}"
    return any(words in problem for problem in problems(port_of(child)))


def test_no_process_is_missing_here() -> None:
    services = {"router", "worker", "gateway", "ledger", "serve"}
    begun = {arguments[0] for arguments in COMMANDS.values()}
    assert begun == services | {"callbacks", "rollout"}
    assert services <= {command.name for command in switchgear_app().registered_commands}


def test_each_waits_for_its_topics_is_ready_and_drains(
    installation: Installation, processes: Mapping[str, Child]
) -> None:
    for child in processes.values():  # all begin at once, which takes its time
        away = partial(says, child, "Kafka doesn't answer")
        blocking_until(away, within_s=180)
        assert fetched(port_of(child), "/healthz")[0] == 200
    # one that is told to stop by then has nothing to end
    assert processes["callbacks"].stop(grace_s=30) == 0
    processes["callbacks"].log.unlink()
    processes["callbacks"].start()
    installation.kafka.start()
    for name, child in processes.items():
        blocking_until(lambda child=child, name=name: says(child, NEEDS[name]))  # type: ignore[misc]
        assert says(child, "`switchgear topics`")
        assert fetched(port_of(child), "/healthz")[0] == 200
        # each is told once, and why Kafka doesn't answer once a minute
        told = [line for line in child.log.read_text().splitlines() if "Unable connect" not in line]
        for words in ("waiting: Kafka doesn't answer", "waiting: no such topic"):
            assert sum(words in line for line in told) == 1, child.tail()
        assert len(told) == 2, child.tail()
    create = [sys.executable, "-m", "switchgear", "topics"]
    subprocess.run(
        create, check=True, capture_output=True, env={**os.environ, **installation.environment}
    )
    for child in processes.values():
        blocking_until_ready(child, port_of(child))
        assert fetched(port_of(child), "/healthz")[0] == 200
        status, metrics = fetched(port_of(child), "/metrics")
        assert status == 200
        assert "# TYPE switchgear_" in metrics
    # whoever leaves a group waits for Kafka, which stands still; the gateway drains its port
    os.kill(installation.kafka.pid, signal.SIGSTOP)
    try:
        for child in processes.values():
            child.terminate()
        for name in (*LEAVES_A_GROUP, "gateway"):
            blocking_until(lambda name=name: says(processes[name], "stopping"))  # type: ignore[misc]
            assert fetched(port_of(processes[name]), "/healthz")[0] == 200
    finally:
        os.kill(installation.kafka.pid, signal.SIGCONT)
    for child in processes.values():
        blocking_until(lambda child=child: not child.alive, unmet=child.tail)  # type: ignore[misc]
    assert {name: child.exit_status for name, child in processes.items()} == dict.fromkeys(
        COMMANDS, 0
    )
