"""Simulator process: the simulator on a free port, for tests and benchmarks."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that listens at `address`, such as `http://127.0.0.1:40123`."""

    address: str

    @property
    def environment(self) -> dict[str, str]:
        """What sends the deployments of `switchgear.yaml` here, with keys that open nothing."""
        return {
            "OPENAI_BASE_URL": f"{self.address}/openai/v1",
            "ANTHROPIC_BASE_URL": f"{self.address}/anthropic",
            "MISTRAL_BASE_URL": f"{self.address}/mistral/v1",
            "OPENAI_API_KEY": "sk-simulated",
            "ANTHROPIC_API_KEY": "sk-ant-simulated",
            "MISTRAL_API_KEY": "simulated",
        }

    def control(self, **told: Any) -> None:  # noqa: ANN401 - a control message
        """Send one control message; see `conduct.py`."""
        with urlopen(Request(f"{self.address}/control", json.dumps(told).encode())) as answer:  # noqa: S310 - our own address
            answer.read()

    def calls(self) -> list[dict[str, Any]]:
        """Every call since the last reset."""
        with urlopen(f"{self.address}/control/calls") as answer:  # noqa: S310 - our own address
            calls: list[dict[str, Any]] = json.load(answer)["calls"]
            return calls


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    """A simulator on a free port, ended on leaving."""
    command = [sys.executable, "-m", "dev.simulator", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        greeting = process.stdout.readline().split()
        try:
            yield Running(greeting[3].rstrip(":"))
        finally:
            process.terminate()
            process.wait(10)
