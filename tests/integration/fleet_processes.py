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
    folder: Path, settings: Mapping[str, str], tier: str = "economy"
) -> Iterator[FleetProcesses]:
    """Router and worker until the context is left. settings: `SWITCHGEAR_…`, Kafka's at least."""
    with ExitStack() as parts:
        simulator = parts.enter_context(running())
        environment = {
            **simulator.environment,
            **settings,
        }
        create = [sys.executable, "-m", "workers", "topics"]
        subprocess.run(create, check=True, capture_output=True, env={**os.environ, **environment})
        router = Child("router", _module("router"), folder / "router.log", environment)
        pool = _module("workers", "--tier", tier)
        worker = Child("worker", pool, folder / "worker.log", environment)
        for child in (router, worker):
            child.start()
            parts.callback(child.stop)
        yield FleetProcesses(simulator, router, worker)


def _module(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]
