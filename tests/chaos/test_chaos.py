from typing import Any

import pytest

from tests.chaos.faults import POISON_RECORDS, brief
from tests.chaos.report import verdict
from tests.chaos.run import Plan, carry_out

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A short run: a restart of everything, a kill, a broker's death, a flush, poison."""
    plan = Plan(brief(), requests=600, rate=10)
    return verdict(carry_out(plan, tmp_path_factory.mktemp("chaos")))


def test_every_promise_is_kept(told: dict[str, Any]) -> None:
    assert told["broken"] == []
    assert told["sent"] >= 600
    assert told["answered"] >= told["accepted_by_kafka"] > 0


def test_every_fault_was_done_and_got_over(told: dict[str, Any]) -> None:
    assert told["injected_faults"] == len(brief())
    assert all(row["well_again"] for row in told["faults"])


def test_poison_is_kept_for_people(told: dict[str, Any]) -> None:
    assert told["poison_records_dead_lettered"] == POISON_RECORDS
