"""Simulator process: the simulator on a free port, for tests and benchmarks."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.request import Request, urlopen

_PROVIDERS: Final[Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]] = {
    "OPENAI_API_KEY": ({"OPENAI_BASE_URL": "openai/v1"}, {"OPENAI_API_KEY": "sk-simulated"}),
    "ANTHROPIC_API_KEY": (
        {"ANTHROPIC_BASE_URL": "anthropic"},
        {"ANTHROPIC_API_KEY": "sk-ant-simulated"},
    ),
    "MISTRAL_API_KEY": ({"MISTRAL_BASE_URL": "mistral/v1"}, {"MISTRAL_API_KEY": "simulated"}),
    "AZURE_OPENAI_API_KEY": (
        {"AZURE_OPENAI_BASE_URL": "azure/openai/v1"},
        {"AZURE_OPENAI_API_KEY": "simulated"},
    ),
    "AZURE_FOUNDRY_API_KEY": (
        {
            "AZURE_FOUNDRY_BASE_URL": "azure/openai/v1",
            "AZURE_FOUNDRY_ANTHROPIC_BASE_URL": "azure/anthropic",
        },
        {"AZURE_FOUNDRY_API_KEY": "simulated"},
    ),
    "AWS_ACCESS_KEY_ID": (
        {"BEDROCK_BASE_URL": "bedrock"},
        {"AWS_ACCESS_KEY_ID": "AKIASIMULATED", "AWS_SECRET_ACCESS_KEY": "simulated"},
    ),
    "VLLM_BASE_URL": ({"VLLM_BASE_URL": "self/v1"}, {}),
}
"""By the variable that says that the operator has the real one: addresses here, and keys."""


def simulated_providers(
    simulator: str, own: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """What sends the deployments of `switchgear.yaml` to a simulator, with keys that open nothing.

    own: an environment. A provider that it has the key of is left to it.
    """
    environment: dict[str, str] = {}
    for variable, (paths, keys) in _PROVIDERS.items():
        if not own.get(variable):
            environment |= {name: f"{simulator}/{path}" for name, path in paths.items()}
            environment |= keys
    return environment


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that listens at `address`, such as `http://127.0.0.1:40123`."""

    address: str

    @property
    def environment(self) -> dict[str, str]:
        """What sends the deployments of `switchgear.yaml` here, with keys that open nothing."""
        return simulated_providers(self.address)

    def control(self, **told: Any) -> None:  # noqa: ANN401 - a control message
        """Send one control message; see `conduct.py`."""
        with urlopen(Request(f"{self.address}/control", json.dumps(told).encode())) as answer:  # noqa: S310 - our own address
            answer.read()

    def calls(self) -> list[dict[str, Any]]:
        """Every call since the last reset."""
        with urlopen(f"{self.address}/control/calls") as answer:  # noqa: S310 - our own address
            calls: list[dict[str, Any]] = json.load(answer)["calls"]
            return calls

    def batches(self) -> list[dict[str, Any]]:
        """Every batch since the last reset, with the ids of its lines."""
        with urlopen(f"{self.address}/control/batches") as answer:  # noqa: S310 - our own address
            batches: list[dict[str, Any]] = json.load(answer)
            return batches


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
