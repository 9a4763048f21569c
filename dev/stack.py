"""How does all of Switchgear run on this machine, each part a process of its own?

`python -m dev.stack` (`make up`) runs it until Ctrl-C, on the usual ports.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dev import llama_server
from dev.broker import apache_kafka, embedded
from dev.processes import Child, Server, StartFailedError, free_port
from dev.redis_server import redis_server, url_of
from dev.simulator.process import simulated_providers
from runtime.config.catalog import Catalog
from runtime.config.config_file import parse_config
from runtime.consuming.topics_admin import create_missing_topics
from runtime.process.settings import ServiceSettings

ROOT: Final = Path(__file__).parents[1]
EMBEDDED: Final = {
    # it knows no idempotent producer, and looks for new records only when a fetch ends
    "SWITCHGEAR_KAFKA_IDEMPOTENCE": "false",
    "SWITCHGEAR_KAFKA_FETCH_MAX_WAIT_MS": "10",
}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the stack listens; by default on whatever is free."""

    broker: int | None = None
    redis: int | None = None
    simulator: int | None = None
    gateway: int | None = None


USUAL: Final = Ports(9092, 6379, 8900, 8080)
LEDGER: Final = "ledger.duckdb"
ANONYMOUS: Final = "demo"
"""The tenant of HTTP callers: the gateway listens on this machine alone."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the stack isn't as usual."""

    kafka: bool = False
    """Apache Kafka in place of the embedded broker."""
    local: bool = False
    """A real small model in place of the simulator."""
    observed: bool = False
    """The ledger and the live page too."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs. environment: what a client, or one more service, needs to take part."""

    environment: Mapping[str, str]
    children: tuple[Child, ...]
    tiers: tuple[str, ...]
    gateway: str
    """The base address of HTTP clients, without `/v1`."""

    def check(self) -> None:
        """`StartFailedError` with the end of its log, if one of the processes has ended."""
        for child in self.children:
            if not child.alive:
                raise StartFailedError(
                    f"{child.name} ended; the end of {child.log}:\n{child.tail()}"
                )


@contextlib.contextmanager
def stack(
    folder: Path,
    ports: Ports,
    settings: Mapping[str, str],
    choice: Choice | None = None,
) -> Iterator[Stack]:
    """Broker, Redis, simulator, router and a pool for each tier, until the context is left.

    folder: for logs and data; `settings` are added to the environment of all of ours.
    """
    choice = choice or Choice()
    with contextlib.ExitStack() as running:
        broker = (
            apache_kafka(folder / "kafka", ports.broker)
            if choice.kafka
            else embedded(folder, ports.broker)
        )
        redis = redis_server(folder / "redis", ports.redis)
        models = (
            llama_server.server(folder) if choice.local else _simulator(folder, ports.simulator)
        )
        environment = _environment(broker, redis) | ({} if choice.kafka else EMBEDDED)
        environment |= _local_model(models) if choice.local else _simulated(models)
        environment |= settings
        catalog = _catalog(environment)
        _start(running, redis, models, broker)
        _create_topics(environment, catalog)
        services = _services(folder, environment, catalog)
        services += _observers(folder, environment) if choice.observed else []
        gateway = _gateway(folder, environment, ports.gateway)
        _start(running, *services, gateway)
        children = (broker, redis, models, *services, gateway)
        yield Stack(environment, children, tuple(catalog.tiers), f"http://{gateway.address}")


def _environment(broker: Server, redis: Server) -> dict[str, str]:
    return {
        "SWITCHGEAR_KAFKA": broker.address,
        "SWITCHGEAR_REDIS": url_of(redis),
        "SWITCHGEAR_PARTITIONS": "4",
    }


def _simulated(simulator: Server) -> dict[str, str]:
    """The operator's own file and keys, and the simulator for every provider without a key."""
    config = os.environ.get("SWITCHGEAR_CONFIG") or str(ROOT / "switchgear.yaml")
    providers = simulated_providers(f"http://{simulator.address}", os.environ)
    return {"SWITCHGEAR_CONFIG": config} | providers


def _local_model(server: Server) -> dict[str, str]:
    config = str(ROOT / "dev" / "local_model.yaml")
    return {"SWITCHGEAR_CONFIG": config, "LLAMACPP_BASE_URL": f"http://{server.address}/v1"}


def _simulator(folder: Path, port: int | None) -> Server:
    port = port or free_port()
    argv = [sys.executable, "-m", "dev.simulator", "--port", str(port)]
    return Server("simulator", argv, folder / "simulator.log", port=port)


def _services(folder: Path, environment: Mapping[str, str], catalog: Catalog) -> list[Child]:
    commands = {"router": ["router"]} | {
        f"pool-{tier}": ["workers", "--tier", tier] for tier in catalog.tiers
    }
    return [
        Child(name, [sys.executable, "-m", *command], folder / f"{name}.log", environment)
        for name, command in commands.items()
    ]


def _observers(folder: Path, environment: Mapping[str, str]) -> list[Child]:
    """The ledger, in a file of this stack's own, and the live page on its usual port."""
    own = {**environment, "SWITCHGEAR_LEDGER": str(folder / LEDGER)}
    commands = {"ledger": ["ledger"], "live page": ["serve"]}
    return [
        Child(name, [sys.executable, "-m", "switchgear", *command], folder / f"{name}.log", own)
        for name, command in commands.items()
    ]


def _gateway(folder: Path, environment: Mapping[str, str], port: int | None) -> Server:
    port = port or free_port()
    command = ["gateway", "--port", str(port), "--anonymous", ANONYMOUS]
    argv = [sys.executable, "-m", "switchgear", *command]
    return Server("gateway", argv, folder / "gateway.log", environment, port=port)


def _create_topics(environment: Mapping[str, str], catalog: Catalog) -> None:
    settings = ServiceSettings.model_validate(settings_of(environment))
    wanted = create_missing_topics(settings, catalog, partitions=settings.partitions, replication=1)
    asyncio.run(wanted)


def settings_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The `SWITCHGEAR_…` variables as the fields of our settings classes."""
    prefix = "SWITCHGEAR_"
    return {
        name.removeprefix(prefix).lower(): value
        for name, value in environment.items()
        if name.startswith(prefix)
    }


def _catalog(environment: Mapping[str, str]) -> Catalog:
    file = Path(environment["SWITCHGEAR_CONFIG"])
    return parse_config(file.read_text(encoding="utf-8"), file)


def _start(running: contextlib.ExitStack, *children: Child) -> None:
    for child in children:
        child.start()
        running.callback(child.stop)


def stop_on_signals() -> None:
    """SIGTERM and Ctrl-C end this process alike: the contexts are left, everything is stopped."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)


def main() -> int:
    """Runs the stack on the usual ports until Ctrl-C."""
    stop_on_signals()
    folder = ROOT / "var" / "stack"
    kafka = os.environ.get("DEMO_BROKER") == "kafka"
    try:
        with stack(folder, USUAL, {}, Choice(kafka=kafka, observed=True)) as running:
            _greet(running, folder)
            while True:
                running.check()
                time.sleep(0.5)
    except StartFailedError as error:
        print(f"make up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped")
    return 0


def _greet(running: Stack, folder: Path) -> None:
    told = {k: v for k, v in running.environment.items() if k.startswith("SWITCHGEAR_KAFKA")}
    setting = " ".join(f"{name}={value}" for name, value in told.items())
    print(f"Running: {', '.join(child.name for child in running.children)}. Logs: {folder}")
    print(f"Ask it: {setting} .venv/bin/python -m producers 'What is Kafka?'")
    print(f"Over HTTP: base_url={running.gateway}/v1, any api_key")
    print(f"Live page: http://127.0.0.1:8090. Cost: switchgear report --ledger {folder}/{LEDGER}")
    print("Ctrl-C stops everything.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
