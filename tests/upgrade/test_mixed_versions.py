"""The last release and this one side by side, in both orders: is every request answered?"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pytest
import yaml

from dev.processes import Child
from dev.release.earlier import ROOT, last_released, unpack
from dev.simulator.process import running
from tests.waiting import blocking_until

pytestmark = [
    pytest.mark.upgrade,
    pytest.mark.kafka,
    pytest.mark.redis,
    pytest.mark.timeout(600),
]
CALLER: Final = Path(__file__).with_name("caller.py")
MORE: Final = 60
"""Answers of each caller that must come before the next step."""
_PATIENCE_S: Final = 150.0
Step = tuple[Literal["router", "workers"], Literal["earlier", "this"]]
UPGRADES: Final[Mapping[str, tuple[Step, ...]]] = {
    "workers first": (("workers", "this"), ("router", "this")),
    "router first": (("router", "this"), ("workers", "this")),
    "and back": (
        ("workers", "this"),
        ("router", "this"),
        ("workers", "earlier"),
        ("router", "earlier"),
    ),
}


def config(simulator: str) -> dict[str, Any]:
    """A configuration that both versions read: one deployment, so that nothing is hedged."""
    place = {
        "model": "small",
        "provider": "self",
        "base_url": f"{simulator}/self/v1",
        "zone": "eu",
        "self_hosted": True,
    }
    return {
        "default_baseline": "only",
        "models": {"small": {"family": "mistral", "context_window": 100_000}},
        "deployments": {"only": place},
        "tiers": {"economy": {"deployments": ["only"]}},
        "tenants": {"*": {}},
    }


@dataclass
class Installation:
    """Router and worker, each of one version at a time, and callers of both."""

    sources: Mapping[str, Path]
    folder: Path
    settings: Mapping[str, str]
    parts: ExitStack
    now: dict[str, Child]
    begun: int = 0

    def child(self, version: str, *arguments: str) -> Child:
        """A process of a version's source."""
        source = self.sources[version]
        self.begun += 1
        child = Child(
            f"{arguments[-1]}-{version}",
            ["env", f"--chdir={source}", sys.executable, *arguments],
            self.folder / f"{self.begun}-{version}.log",
            {**self.settings, "PYTHONPATH": str(source)},
        )
        child.start()
        self.parts.callback(child.stop)
        return child

    def replace(self, role: str, version: str) -> None:
        """The other version joins, then the one that ran leaves: a rolling upgrade."""
        arguments = {"router": ["-m", "router"], "workers": ["-m", "workers", "--tier", "economy"]}
        before = self.now.get(role)
        self.now[role] = self.child(version, *arguments[role])
        if before is not None:
            before.stop()


def answers(caller: Child) -> list[dict[str, Any]]:
    """What it has heard so far."""
    text = caller.log.read_text(encoding="utf-8") if caller.log.exists() else ""
    lines = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]
    return [json.loads(line) for line in lines if line.startswith("{")]


def wait_for_end(caller: Child) -> None:
    blocking_until(lambda: not caller.alive, within_s=_PATIENCE_S, unmet=caller.tail)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("release")
    unpack(last_released(), folder)
    return {"earlier": folder, "this": ROOT}


@pytest.fixture
def installation(
    kafka: str, redis_url: str, sources: Mapping[str, Path], tmp_path: Path
) -> Iterator[Installation]:
    with ExitStack() as parts:
        simulator = parts.enter_context(running())
        simulator.control(latency_ms=30)
        path = tmp_path / "switchgear.yaml"
        path.write_text(yaml.safe_dump(config(simulator.address)), encoding="utf-8")
        settings = {
            "SWITCHGEAR_KAFKA": kafka,
            "SWITCHGEAR_REDIS": redis_url,
            "SWITCHGEAR_CONFIG": str(path),
            "SWITCHGEAR_PARTITIONS": "4",
            "SWITCHGEAR_SESSION_TIMEOUT_S": "6",
            "SWITCHGEAR_LOG_LEVEL": "WARNING",
            # an engine of 0.1 answers on any partition
            "SWITCHGEAR_REPLY_PARTITION": "all",
        }
        topics = [sys.executable, "-m", "workers", "topics"]
        environ = {**os.environ, **settings}
        subprocess.run(topics, check=True, capture_output=True, env=environ, cwd=ROOT)
        yield Installation(sources, tmp_path, settings, parts, {})


@pytest.mark.parametrize("order", sorted(UPGRADES))
def test_every_request_is_answered_while_versions_change(
    installation: Installation, order: str
) -> None:
    for role in ("workers", "router"):
        installation.replace(role, "earlier")
    callers = [
        installation.child(version, str(CALLER), f"{order.replace(' ', '-')}-{version}")
        for version in ("earlier", "this")
    ]

    def more() -> None:
        wanted = [len(answers(caller)) + MORE for caller in callers]
        blocking_until(
            lambda: all(
                len(answers(caller)) >= number
                for caller, number in zip(callers, wanted, strict=True)
            ),
            within_s=_PATIENCE_S,
            pause_s=0.2,
            unmet=lambda: "\n".join(
                child.tail() for child in (*callers, *installation.now.values())
            ),
        )

    more()
    for role, version in UPGRADES[order]:
        installation.replace(role, version)
        more()
    for caller in callers:
        caller.terminate()
    for caller in callers:
        wait_for_end(caller)
        *heard, last = answers(caller)
        assert {line["type"] for line in heard} == {"done"}, [
            line for line in heard if line["type"] != "done"
        ]
        assert len({line["id"] for line in heard}) == last["asked"] == len(heard)
