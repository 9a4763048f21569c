"""Where do the tests get an Apache Kafka 4.x: named, in a container, or under Java?"""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from dev.broker import IMAGE, apache_kafka
from dev.processes import free_port

_SETTINGS: Final = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_MESSAGE_MAX_BYTES": "10485760",
}


@contextlib.contextmanager
def kafka_bootstrap(scratch: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The host:port of a broker, for as long as the context lasts.

    `NoKafkaError`, which says how to get one, when none can be had.
    """
    if named := environment.get("SWITCHGEAR_KAFKA"):
        yield named
        return
    with contextlib.ExitStack() as stack:
        yield _in_container(stack) or _under_java(stack, scratch)


def _in_container(stack: contextlib.ExitStack) -> str | None:
    """None when no Docker engine answers, or it has no such image and can't pull it."""
    if not _docker("info") or not (_docker("image", "inspect", IMAGE) or _docker("pull", IMAGE)):
        return None
    port = free_port()
    container = DockerContainer(IMAGE).with_bind_ports(9092, port).with_envs(**_SETTINGS)
    container.with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://127.0.0.1:{port}")
    container.waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    stack.enter_context(container)
    return f"127.0.0.1:{port}"


def _docker(*arguments: str) -> bool:
    command = shutil.which("docker")
    return (
        command is not None
        and not subprocess.run([command, *arguments], capture_output=True, check=False).returncode
    )


def _under_java(stack: contextlib.ExitStack, scratch: Path) -> str:
    node = apache_kafka(scratch / "kafka")
    node.start()
    stack.callback(node.stop)
    return node.address
