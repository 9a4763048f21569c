"""Apache Kafka on three nodes of this machine, with TLS and SCRAM for clients and between nodes."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dev.broker import NoKafkaError, jars, java_command, new_cluster_id, run_tool
from dev.processes import Server, free_port

NODES: Final = 3
_BROKERS: Final = "broker"
"""The account that the nodes use among themselves."""
_LOGIN: Final = "org.apache.kafka.common.security.scram.ScramLoginModule required"
# an authority, and a certificate for localhost that serves for both ends of a connection
_OPENSSL: Final = (
    "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca",
    "req -newkey rsa:2048 -nodes -keyout node.key -out node.csr -subj /CN=localhost",
    "x509 -req -in node.csr -CA ca.pem -CAkey ca.key -days 2 -out node.pem -extfile san",
)
_COMMON: Final = """
process.roles=broker,controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENT:SASL_SSL,CONTROLLER:SSL
inter.broker.listener.name=CLIENT
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
ssl.keystore.type=PEM
ssl.truststore.type=PEM
listener.name.controller.ssl.client.auth=required
auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
message.max.bytes=10485760
"""


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """Its nodes, and how a client reaches them."""

    nodes: tuple[Server, ...]
    authority: Path
    user: str
    password: str

    @property
    def settings(self) -> Mapping[str, str]:
        """`SWITCHGEAR_…` of every process and client."""
        return {
            "SWITCHGEAR_KAFKA": ",".join(f"localhost:{node.port}" for node in self.nodes),
            "SWITCHGEAR_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "SWITCHGEAR_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "SWITCHGEAR_KAFKA_SASL_USERNAME": self.user,
            "SWITCHGEAR_KAFKA_SASL_PASSWORD": self.password,
            "SWITCHGEAR_KAFKA_SSL_CA": str(self.authority),
            "SWITCHGEAR_REPLICATION": str(NODES),
        }

    def start(self) -> None:
        """All at once: none is ready before a majority is there."""
        for node in self.nodes:
            node.begin()
        for node in self.nodes:
            node.wait()

    def stop(self) -> None:
        """All of them."""
        for node in self.nodes:
            node.stop()


def kafka_cluster(folder: Path, user: str, password: str) -> KafkaCluster:
    """Three nodes with their data in `folder`, formatted and not started; one account.

    Raises NoKafkaError when Java, the jars or openssl can't be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _make_certificates(folder)
    ports = [(free_port(), free_port()) for _ in range(NODES)]
    voters = ",".join(f"{i}@localhost:{port}" for i, (_, port) in enumerate(ports, start=1))
    cluster, accounts = new_cluster_id(), {_BROKERS: "of the nodes", user: password}
    nodes = []
    for number, (port, controller_port) in enumerate(ports, start=1):
        config = folder / f"node{number}.properties"
        listeners = f"CLIENT://localhost:{port},CONTROLLER://localhost:{controller_port}"
        own = {
            "node.id": str(number),
            "controller.quorum.voters": voters,
            "listeners": listeners,
            "advertised.listeners": f"CLIENT://localhost:{port}",
            "log.dirs": str(folder / f"node{number}"),
            "ssl.keystore.location": str(folder / "node-both.pem"),
            "ssl.truststore.location": str(folder / "ca.pem"),
            "listener.name.client.scram-sha-512.sasl.jaas.config": (
                f'{_LOGIN} username="{_BROKERS}" password="{accounts[_BROKERS]}";'
            ),
        }
        lines = (f"{name}={value}\n" for name, value in own.items())
        config.write_text(_COMMON + "".join(lines))
        nodes.append(_node(number, port, config, cluster, accounts))
    return KafkaCluster(tuple(nodes), folder / "ca.pem", user, password)


def _node(
    number: int, port: int, config: Path, cluster: str, accounts: Mapping[str, str]
) -> Server:
    java = [*java_command(), "-cp", f"{jars()}/*"]
    scram = [
        argument
        for name, secret in accounts.items()
        for argument in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={secret}]")
    ]
    storage = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(config)]
    run_tool([*java, *storage, *scram])
    return Server(
        name=f"kafka-{number}",
        argv=[*java, "-Xms128m", "-Xmx320m", "kafka.Kafka", str(config)],
        log=config.with_suffix(".log"),
        port=port,
        ready_within_s=120,
    )


def _make_certificates(folder: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        raise NoKafkaError("there is no `openssl` to make its certificates")
    (folder / "san").write_text("subjectAltName=DNS:localhost\n")
    for arguments in _OPENSSL:
        subprocess.run([openssl, *arguments.split()], cwd=folder, check=True, capture_output=True)
    both = (folder / "node.key").read_bytes() + (folder / "node.pem").read_bytes()
    (folder / "node-both.pem").write_bytes(both)
