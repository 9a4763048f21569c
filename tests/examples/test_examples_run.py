"""Each example runs as its docstring says: as a script, against the whole stack."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from dev.simulator.process import Running
from dev.stack import ROOT, Ports, stack

EXAMPLES: Final = ROOT / "examples"
MOST_LINES: Final = 70
GATEWAY: Final = "GATEWAY_BASE_URL"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """What a user's shell has: the broker's address, and the client under its installed name."""
    place = tmp_path_factory.mktemp("installed")
    (place / "switchgear_client").symlink_to(ROOT / "producers")
    with stack(tmp_path_factory.mktemp("stack"), Ports(), {}) as running:
        own = {"PYTHONPATH": f"{place}:{ROOT}", GATEWAY: f"{running.gateway}/v1"}
        yield {**os.environ, **running.environment, **own}


def run(environment: Mapping[str, str], name: str, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    process = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.mark.redis
@pytest.mark.parametrize("name", ["submit.py", "stream.py"])
def test_an_answer_is_printed(environment: Mapping[str, str], name: str) -> None:
    assert run(environment, name, "What is a consumer group?").strip()


@pytest.mark.redis
def test_all_prompts_of_a_file_are_answered(environment: Mapping[str, str], tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("".join(f"What is {n} plus {n}?\n" for n in range(20)), encoding="utf-8")
    assert len(run(environment, "bulk_consumer.py", str(prompts)).splitlines()) == 20


@pytest.mark.redis
def test_a_client_without_our_library_is_answered(environment: Mapping[str, str]) -> None:
    out = run(environment, "plain_kafka_client.py", environment["SWITCHGEAR_KAFKA"], "Hello")
    assert json.loads(out)["type"] == "done"


@pytest.mark.redis
def test_a_job_that_runs_again_gets_the_answers_that_are_there(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    simulator = Running(environment["OPENAI_BASE_URL"].partition("/openai")[0])
    own = {
        **environment,
        "OPENAI_BASE_URL": environment[GATEWAY],
        "OPENAI_API_KEY": "none",
        "JOB_NAME": "sums-1",
    }
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("".join(f"Explain {n} minus {n}.\n" for n in range(20)), encoding="utf-8")
    first = run(own, "kubernetes_job.py", str(prompts))
    paid = len(simulator.calls())
    again = run(own, "kubernetes_job.py", str(prompts))
    assert len(first.splitlines()) == 20
    assert sorted(first.splitlines()) == sorted(again.splitlines())
    assert len(simulator.calls()) == paid


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_says_how_to_run_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    docstring = re.match(r'"""(.*?)"""', text, re.DOTALL)
    assert docstring is not None
    assert re.search(r"python |dialect:", docstring[1])
