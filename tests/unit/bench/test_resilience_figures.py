from typing import Any

import pytest

from bench.resilience.figures import Run, figures
from bench.resilience.load import Asked
from bench.resilience.scenario import PRIMARY, SECONDARY, Scenario

DEAD = Scenario("dead", ({"target": PRIMARY, "faults": {"reset": 1.0}},), fault_s=10)
PRICES = {PRIMARY: 1.0, SECONDARY: 3.0}


def price(model: str, _prompt: int, _answer: int) -> float:
    return PRICES[model]


def call(at: float, model: str, status: int = 200) -> dict[str, Any]:
    return {"at": at, "model": model, "status": status, "input_tokens": 5, "output_tokens": 5}


def asked(sent: float, took: float = 0.3, outcome: str = "ok") -> Asked:
    return {"sent": sent, "ended": sent + took, "outcome": outcome}


def test_one_outage_second_by_second() -> None:
    requests = [asked(float(second)) for second in range(30)]
    before = [call(float(second), PRIMARY) for second in range(10)]
    meanwhile = [call(second + 0.2, SECONDARY) for second in range(10, 20)]
    tries = [call(10.1, PRIMARY, 0), call(14.1, PRIMARY, 0), call(18.1, PRIMARY, 0)]
    still_away = [call(20.0, SECONDARY), call(21.0, SECONDARY)]
    after = [call(float(second), PRIMARY) for second in range(22, 30)]
    calls = sorted([*before, *meanwhile, *tries, *still_away, *after], key=lambda one: one["at"])
    row = figures(Run("ours", DEAD, requests, calls, fault_at=10, undone_at=20), price)
    assert (row.answered, row.requests) == (1.0, 30)
    assert row.wasted == pytest.approx(2 / 30)  # the first failure is how it is found out
    assert row.reroute_s == pytest.approx(0.2)
    assert row.return_s == pytest.approx(2.0)
    assert row.cost == pytest.approx((18 * 1 + 12 * 3) / (20 * 1 + 10 * 3))


def test_what_comes_after_the_deadline_is_no_answer() -> None:
    requests = [
        asked(0),
        asked(1, took=9),
        asked(2, outcome="late"),
        asked(3, outcome="overloaded"),
    ]
    calls = [call(0, PRIMARY)]
    row = figures(Run("ours", DEAD, requests, calls, fault_at=50, undone_at=60), price)
    assert row.answered == 0.25
    assert row.outcomes == {"ok": 2, "late": 1, "overloaded": 1}
    assert (row.reroute_s, row.return_s) == (None, None)
