"""Does the demo lose nothing, save money, show one whole trace, and stop what it started?"""

import contextlib
import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
RESULT: Final = ROOT / "var" / "demo.json"


def marked_with(mark: str) -> list[str]:
    """The processes that inherited the environment variable `mark` (Linux)."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in environment.read_text(errors="replace"):
                found.append(environment.with_name("cmdline").read_text())
    return found


@pytest.mark.timeout(400)
def test_the_demo_answers_everything_once_and_leaves_nothing_behind() -> None:
    RESULT.unlink(missing_ok=True)
    mark = f"DEMO_MARK={uuid.uuid4()}"
    demo = ["env", mark, sys.executable, "-m", "dev.demo"]
    done = subprocess.run(demo, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(RESULT.read_text())
    assert figures["requests"] == figures["replies"] >= 200
    assert (figures["lost"], figures["failed"], figures["duplicates"]) == (0, 0, 0)
    assert figures["cache_hits"] > 0
    assert 0 < figures["cost_usd"] < figures["baseline_usd"]
    assert set(figures["tiers"]) == {"economy", "standard", "premium"}
    assert figures["trace_spans"] >= 4
    for service in ("switchgear-client", "switchgear-router", "switchgear-workers"):
        assert service in done.stdout
    assert "chat " in done.stdout
    assert marked_with(mark) == []


@pytest.mark.model
@pytest.mark.timeout(400)
def test_with_a_real_model_no_answer_is_simulated() -> None:
    RESULT.unlink(missing_ok=True)
    demo = ["env", "DEMO_MODEL=local", sys.executable, "-m", "dev.demo"]
    done = subprocess.run(demo, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(RESULT.read_text())
    assert figures["requests"] == figures["replies"] == 16
    assert (figures["lost"], figures["failed"], figures["duplicates"]) == (0, 0, 0)
    # the model's own tokens at the price of its machine
    assert figures["cost_usd"] > 0
    assert "SmolLM2" in done.stdout
    assert "simulat" not in done.stdout
