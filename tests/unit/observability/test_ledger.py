from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.ledger import Batch, Booked, Ledger, LedgerBusyError, Unreadable
from producers.messages import UsageEvent
from tests.unit.observability.usage_events import usage_event

TOPIC = "llm.usage"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "ledger.duckdb")
    made.create()
    return made


def events(*numbers: int) -> list[UsageEvent]:
    return [usage_event(number) for number in numbers]


def sum_of(booked: list[UsageEvent]) -> Decimal:
    return sum((e.cost_micro_usd for e in booked if e.cost_micro_usd is not None), Decimal(0))


def test_events_and_positions_are_booked_together(ledger: Ledger) -> None:
    batch = events(*range(100))
    assert ledger.book(Batch(batch, {(TOPIC, 0): 60, (TOPIC, 1): 40})) == Booked(100, 0)
    assert ledger.positions() == {(TOPIC, 0): 60, (TOPIC, 1): 40}
    totals = ledger.totals()
    assert totals.requests == 100
    assert totals.cost == sum_of(batch)


def test_the_same_request_counts_once_within_and_across_batches(ledger: Ledger) -> None:
    assert ledger.book(Batch(events(1, 2, 2), {(TOPIC, 0): 3})) == Booked(2, 1)
    assert ledger.book(Batch(events(2, 3), {(TOPIC, 0): 5})) == Booked(1, 1)
    assert ledger.totals().cost == sum_of(events(1, 2, 3))


def test_a_batch_that_fails_leaves_no_trace(ledger: Ledger) -> None:
    broken = usage_event(1).model_copy(update={"at_ms": "not a number"})
    with pytest.raises(duckdb.Error):
        ledger.book(Batch([usage_event(0), broken], {(TOPIC, 0): 2}))
    assert ledger.totals().requests == 0
    assert ledger.positions() == {}


@settings(
    deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(st.integers(0, 40), max_size=20), max_size=6))
def test_however_events_are_repeated_the_sum_is_that_of_the_set(
    tmp_path: Path, batches: list[list[int]]
) -> None:
    path = tmp_path / "ledger.duckdb"
    path.unlink(missing_ok=True)
    ledger = Ledger(path)
    ledger.create()
    for numbers in batches:
        ledger.book(Batch(events(*numbers), {}))
    distinct = {number for numbers in batches for number in numbers}
    assert ledger.totals().cost == sum_of(events(*distinct))
    assert ledger.totals().requests == len(distinct)


def test_money_is_exact_to_a_millionth_of_a_micro_dollar(ledger: Ledger) -> None:
    tiny = [
        usage_event(n).model_copy(update={"cost_micro_usd": Decimal("0.000001")}) for n in range(9)
    ]
    huge = usage_event(10).model_copy(update={"cost_micro_usd": Decimal(10**24)})
    ledger.book(Batch([*tiny, huge], {}))
    assert ledger.totals().cost == Decimal("1000000000000000000000000.000009")


def test_an_unpriced_answer_is_not_free(ledger: Ledger) -> None:
    ledger.book(Batch([usage_event(1).model_copy(update={"cost_micro_usd": None})], {}))
    assert ledger.totals().unpriced == 1


def test_what_cannot_be_read_is_kept_with_its_reason(ledger: Ledger) -> None:
    bad = Unreadable(TOPIC, 0, 7, "usageevent: id: Field required", b"{}")
    ledger.book(Batch([], {(TOPIC, 0): 8}, [bad]))
    ledger.book(Batch([], {(TOPIC, 0): 8}, [bad]))
    assert ledger.totals().unreadable == 1
    with ledger.reading() as db:
        assert db.execute("SELECT raw, problem FROM unreadable").fetchone() == (b"{}", bad.problem)


def test_a_ledger_waits_for_its_turn_and_then_says_who_was_in_the_way(ledger: Ledger) -> None:
    waits: list[float] = []
    impatient = Ledger(ledger.path, wait_s=0, sleep=waits.append)
    with ledger.reading(), pytest.raises(LedgerBusyError, match=r"ledger\.duckdb"):
        impatient.book(Batch(events(1), {}))


def test_making_it_again_keeps_what_is_there(ledger: Ledger) -> None:
    ledger.book(Batch(events(1), {}))
    ledger.create()
    assert ledger.totals().requests == 1
