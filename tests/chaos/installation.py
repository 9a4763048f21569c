"""What runs during a chaos run, and how is each part started, ended and ended badly?

Apache Kafka, Redis, the provider simulator, and two processes of everything that is ours, each with
an API key of its own: so the simulator's ledger tells which process made which call. The one called
`-1` of each pair is the faults' victim; its twin lives on, and shows whether memory stays flat.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dev.broker import Listeners, apache_kafka
from dev.processes import Child, Server, free_port
from dev.redis_server import redis_server
from dev.simulator.process import Running
from dev.tcp_proxy import Network
from observability.ledger.schema import KEY
from observability.ledger.stores.selection import ledger_at
from runtime.config.config_file import parse_config
from runtime.consuming.topics_admin import create_missing_topics
from runtime.process.settings import ServiceSettings
from tests.chaos.callers import TENANT
from tests.chaos.stepped_clock import set_step
from tests.waiting import blocking_until

LEDGER: Final = "ledger"
CONFIG: Final = Path(__file__).with_name("switchgear.yaml")
TIERS: Final = ("economy", "standard")
SESSION_TIMEOUT_S: Final = 6
"""The least that Kafka allows a consumer group by default."""
_PARTITIONS: Final = 6
USUAL_FAULTS: Final = {"garbage": 0.01, "reset": 0.01, "cut_stream": 0.01}
"""Shares of the providers' calls that go wrong at any time."""
_READY_WITHIN_S: Final = 300
"""On a machine that has other work to do, a start may take long; that is no fault."""


@dataclass(frozen=True, slots=True)
class Networks:
    """What lies between the services and what they depend on."""

    redis: Network
    providers: Network
    kafka: Network
    """Everybody's way to Kafka, ours too: it is the address that the broker tells."""


@dataclass(frozen=True, slots=True)
class Installation:
    """All processes of a run, below one folder."""

    folder: Path
    kafka: Server
    redis: Server
    simulator: Server
    services: Mapping[str, Server]
    networks: Networks
    gateways: tuple[str, ...]
    """The addresses of HTTP callers."""

    @property
    def providers(self) -> Running:
        """The simulator's control door."""
        return Running(f"http://{self.simulator.address}")

    def start(self) -> None:
        """Everything, in the order of dependence."""
        for network in (self.networks.kafka, self.networks.redis, self.networks.providers):
            network.start()
        for server in (self.kafka, self.redis, self.simulator):
            server.start()
        asyncio.run(_create_topics(self.kafka.address))
        for service in self.services.values():
            service.start()

    def stop(self) -> None:
        """Everything, in reverse; what doesn't end in time is killed."""
        for service in self.services.values():
            service.kill()
        for server in (self.simulator, self.redis, self.kafka):
            server.stop()
        for network in (self.networks.kafka, self.networks.redis, self.networks.providers):
            network.stop()

    def book_the_rest(self) -> set[tuple[str, ...]]:
        """Ends the ledger's process, books what it hasn't; the keys of all accounts booked."""
        service = self.services[LEDGER]
        service.stop(grace_s=30)
        once = Child("ledger-once", [*service.argv, "--once"], service.log, service.env)
        once.start()
        blocking_until(lambda: not once.alive, within_s=_READY_WITHIN_S)
        with ledger_at(str(ledger_of(self.folder))).reading() as reader:
            return set(reader.rows(f"SELECT {', '.join(KEY)} FROM usage"))  # noqa: S608 our own names

    def set_clock(self, name: str, seconds: float) -> None:
        """Steps the wall clock of one service."""
        set_step(clock_of(self.folder, name), seconds)

    def processes(self) -> Iterator[Child]:
        """Ours and those that we depend on."""
        yield from (self.kafka, self.redis, self.simulator, *self.services.values())


def installation(folder: Path) -> Installation:
    """A new one, not started. Raises NoKafkaError when this machine can't run Apache Kafka."""
    told = free_port()
    advertised = {"advertised.listeners": f"PLAINTEXT://127.0.0.1:{told}"}
    kafka = apache_kafka(folder / "kafka", secure=Listeners(properties=advertised))
    kafka.ready_within_s = _READY_WITHIN_S
    redis = redis_server(folder / "redis")
    port = free_port()
    simulator = Server(
        name="simulator",
        argv=[sys.executable, "-m", "dev.simulator", "--port", str(port)],
        log=folder / "simulator.log",
        port=port,
    )
    networks = Networks(
        Network(redis.port, free_port()),
        Network(port, free_port()),
        Network(kafka.port, told),
    )
    address = f"http://127.0.0.1:{networks.providers.port}"
    environment = {
        "SWITCHGEAR_KAFKA": f"127.0.0.1:{told}",
        "SWITCHGEAR_REDIS": f"redis://127.0.0.1:{networks.redis.port}",
        "SWITCHGEAR_PARTITIONS": str(_PARTITIONS),
        "SWITCHGEAR_SESSION_TIMEOUT_S": str(SESSION_TIMEOUT_S),
        "OPENAI_BASE_URL": f"{address}/openai/v1",
        "ANTHROPIC_BASE_URL": f"{address}/anthropic",
    }
    services = {name: _service(folder, name, module, environment) for name, module in _ours()}
    ports = [free_port() for _ in range(2)]
    for number, gateway_port in enumerate(ports, start=1):
        name, command = f"gateway-{number}", ["--port", str(gateway_port), "--anonymous", TENANT]
        services[name] = _service(folder, name, ["switchgear", "gateway", *command], environment)
    gateways = tuple(f"http://127.0.0.1:{port}" for port in ports)
    return Installation(folder, kafka, redis, simulator, services, networks, gateways)


def freeze(child: Child) -> None:
    """It stands still, as in a long pause of its virtual machine."""
    os.kill(child.pid, signal.SIGSTOP)


def thaw(child: Child) -> None:
    """It goes on, not knowing that time has passed."""
    os.kill(child.pid, signal.SIGCONT)


def ledger_of(folder: Path) -> Path:
    """The file that the ledger books into."""
    return folder / "ledger.duckdb"


def clock_of(folder: Path, name: str) -> Path:
    """Where the step of a service's clock is kept."""
    return folder / f"{name}.clock"


def config_of(folder: Path, name: str) -> Path:
    """The configuration of a service: its own copy."""
    return folder / f"{name}.yaml"


def _ours() -> Iterator[tuple[str, list[str]]]:
    yield LEDGER, ["switchgear", "ledger"]
    for number in (1, 2):
        yield f"router-{number}", ["router"]
        for tier in TIERS:
            yield f"{tier}-{number}", ["workers", "--tier", tier]


def _service(folder: Path, name: str, module: list[str], environment: Mapping[str, str]) -> Server:
    clock = clock_of(folder, name)
    set_step(clock, 0)
    config = config_of(folder, name)
    config.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(CONFIG, config)
    port = free_port()
    launcher = str(Path(__file__).with_name("stepped_clock.py"))
    return Server(
        name=name,
        argv=[sys.executable, launcher, str(clock), *module],
        log=folder / f"{name}.log",
        env={
            **environment,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "SWITCHGEAR_METRICS_PORT": str(port),
            "SWITCHGEAR_CONFIG": str(config),
            "SWITCHGEAR_LEDGER": str(ledger_of(folder)),
            "PROVIDER_KEY": name,
        },
        port=port,
        ready_within_s=_READY_WITHIN_S,
    )


async def _create_topics(kafka: str) -> None:
    catalog = parse_config(CONFIG.read_text("utf-8"))
    settings = ServiceSettings(kafka=kafka)
    await create_missing_topics(settings, catalog, partitions=_PARTITIONS, replication=1)
