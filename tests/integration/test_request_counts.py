"""What a request takes, by counts that don't depend on the machine, has not risen unnoticed."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.redis


def test_a_decision_a_call_and_a_hit_take_no_more_than_is_committed() -> None:
    """In a process of its own: what other tests have loaded and remembered is memory, too."""
    command = [sys.executable, "-m", "bench.request_counts"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    advice = "mend it, or commit the new figures: python -m bench.request_counts --write"
    assert done.returncode == 0, f"{done.stdout}{done.stderr}{advice}"
