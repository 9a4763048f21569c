"""The same ledger in every store: what it promises, and that its figures are the same."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.ledger.ledger import Booked, LedgerError, Totals, Unreadable, UsageBatch
from producers.contract import UsageEvent
from tests.contract.ledger.places import Place
from tests.unit.observability.usage_events import usage_event

TOPIC = "llm.usage"


def events(*numbers: int) -> list[UsageEvent]:
    return [usage_event(number) for number in numbers]


def sum_of(booked: list[UsageEvent]) -> Decimal:
    return sum((e.cost_micro_usd for e in booked if e.cost_micro_usd is not None), Decimal(0))


def test_events_and_positions_are_booked_together(place: Place) -> None:
    ledger = place.empty()
    batch = events(*range(100))
    assert ledger.book(UsageBatch(batch, {(TOPIC, 0): 60, (TOPIC, 1): 40})) == Booked(100, 0)
    assert ledger.positions() == {(TOPIC, 0): 60, (TOPIC, 1): 40}
    totals = ledger.totals()
    assert totals.requests == 100
    assert totals.cost == sum_of(batch)


def test_a_position_is_the_last_one_told_even_if_it_is_lower(place: Place) -> None:
    ledger = place.empty()
    ledger.book(UsageBatch(events(1), {(TOPIC, 0): 5000}))
    ledger.book(UsageBatch([], {(TOPIC, 0): 3}))
    assert ledger.positions() == {(TOPIC, 0): 3}


def test_the_same_request_counts_once_within_and_across_batches(place: Place) -> None:
    ledger = place.empty()
    assert ledger.book(UsageBatch(events(1, 2, 2), {(TOPIC, 0): 3})) == Booked(2, 1)
    assert ledger.book(UsageBatch(events(2, 3), {(TOPIC, 0): 5})) == Booked(1, 1)
    assert ledger.totals().cost == sum_of(events(1, 2, 3))


def test_of_two_events_with_one_key_the_first_counts(place: Place) -> None:
    ledger = place.empty()
    first = usage_event(1)
    same = {"id": first.id, "tenant": first.tenant, "at_ms": first.at_ms}
    again = usage_event(2).model_copy(update=same)
    ledger.book(UsageBatch([first, again], {}))
    ledger.book(UsageBatch([again], {}))
    assert ledger.totals().cost == first.cost_micro_usd != again.cost_micro_usd


@settings(
    deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(st.integers(0, 40), max_size=20), max_size=6))
def test_however_events_are_repeated_the_sum_is_that_of_the_set(
    place: Place, batches: list[list[int]]
) -> None:
    ledger = place.empty()
    for numbers in batches:
        ledger.book(UsageBatch(events(*numbers), {}))
    distinct = {number for numbers in batches for number in numbers}
    assert ledger.totals().cost == sum_of(events(*distinct))
    assert ledger.totals().requests == len(distinct)


def test_a_batch_that_fails_at_its_end_is_booked_once_when_it_comes_again(place: Place) -> None:
    ledger = place.empty()
    ledger.book(UsageBatch(events(1), {(TOPIC, 0): 1}))
    batch = events(1, 2, 3)
    with pytest.raises(LedgerError):
        ledger.book(UsageBatch(batch, {(TOPIC, 0): 2**70}))
    assert ledger.positions() == {(TOPIC, 0): 1}
    ledger.book(UsageBatch(batch, {(TOPIC, 0): 4}))
    assert ledger.positions() == {(TOPIC, 0): 4}
    assert ledger.totals().requests == 3
    assert ledger.totals().cost == sum_of(batch)


def test_money_is_exact_to_a_millionth_of_a_micro_dollar(place: Place) -> None:
    ledger = place.empty()
    tiny = [
        usage_event(n).model_copy(update={"cost_micro_usd": Decimal("0.000001")}) for n in range(9)
    ]
    huge = usage_event(10).model_copy(update={"cost_micro_usd": Decimal(10**24)})
    halved = usage_event(11).model_copy(update={"cost_micro_usd": Decimal("0.0000015")})
    ledger.book(UsageBatch([*tiny, huge, halved], {}))
    assert ledger.totals().cost == Decimal("1000000000000000000000000.000011")


def test_an_unpriced_answer_is_not_free(place: Place) -> None:
    ledger = place.empty()
    ledger.book(UsageBatch([usage_event(1).model_copy(update={"cost_micro_usd": None})], {}))
    assert ledger.totals() == Totals(requests=1, cost=Decimal(0), unpriced=1, unreadable=0)


def test_what_cannot_be_read_is_kept_with_its_reason(place: Place) -> None:
    ledger = place.empty()
    bad = Unreadable(TOPIC, 0, 7, "usageevent: id:\0 Field required", b"{\xff\0}")
    ledger.book(UsageBatch([], {(TOPIC, 0): 8}, [bad]))
    ledger.book(UsageBatch([], {(TOPIC, 0): 8}, [bad]))
    assert ledger.totals().unreadable == 1
    with ledger.reading() as db:
        (kept,) = db.rows(
            "SELECT topic, part, record_offset, problem, octet_length(raw) FROM unreadable"
        )
    assert kept == (TOPIC, 0, 7, "usageevent: id:\ufffd Field required", len(bad.raw))


def test_making_it_again_keeps_what_is_there(place: Place) -> None:
    ledger = place.empty()
    ledger.book(UsageBatch(events(1), {}))
    ledger.create()
    assert ledger.totals().requests == 1


def test_text_that_a_store_might_stumble_over_is_kept(place: Place) -> None:
    ledger = place.empty()
    odd = {
        "tags": {"nul\0": "\0", "'\"\\/~%{$": "\t\n%s ${x}'\"\\", "": "empty"},
        "finish_reason": "\0stop",
        "task": None,
    }
    ledger.book(UsageBatch([usage_event(1).model_copy(update=odd)], {}))
    with ledger.reading() as db:
        query = f"SELECT {db.dialect.member('tags', '$key')} FROM usage"  # noqa: S608
        found = [db.rows(query, {"key": key}) for key in ("nul\ufffd", "'\"\\/~%{$", "", "absent")]
    assert found == [[("\ufffd",)], [("\t\n%s ${x}'\"\\",)], [("empty",)], [(None,)]]


@pytest.mark.parametrize("count", [0, 1, 10_000])
def test_batches_of_any_size(place: Place, count: int) -> None:
    ledger = place.empty()
    assert ledger.book(UsageBatch(events(*range(count)), {(TOPIC, 0): count})) == Booked(count, 0)
    assert ledger.book(UsageBatch(events(*range(count)), {(TOPIC, 0): count})) == Booked(0, count)
