"""The real router and a real worker pool as processes, for tests of the whole way."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.processes import Child
from dev.simulator.process import Running, running


@dataclass(frozen=True, slots=True)
class FleetProcesses:
    """What runs, and the simulator that stands in for the providers."""

    simulator: Running
    router: Child
    worker: Child


@contextmanager
def fleet_processes(
    folder: Path,
    settings: Mapping[str, str],
    tier: str = "economy",
    *,
    router: Mapping[str, str] | None = None,
    create: bool = True,
) -> Iterator[FleetProcesses]:
    """Router and worker until the context is left. settings: `SWITCHGEAR_…`, Kafka's at least.

    router: what is other for the router; create: also the topics.
    """
    with ExitStack() as parts:
        simulator = parts.enter_context(running())
        environment = {
            **simulator.environment,
            **settings,
        }
        if create:
            command = [sys.executable, "-m", "workers", "topics"]
            environ = {**os.environ, **environment}
            subprocess.run(command, check=True, capture_output=True, env=environ)
        routers = {**environment, **(router or {})}
        routing = Child("router", _module("router"), folder / "router.log", routers)
        pool = _module("workers", "--tier", tier)
        worker = Child("worker", pool, folder / "worker.log", environment)
        for child in (routing, worker):
            child.start()
            parts.callback(child.stop)
        yield FleetProcesses(simulator, routing, worker)


def _module(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]
