from decimal import Decimal

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from observability.ledger.ingest import batch_of
from observability.ledger.ledger import Unreadable
from observability.ledger.schema import exact, problem_of
from producers.contract import Attempt, Usage, UsageEvent
from producers.contract.codec import encode
from tests.unit.observability.usage_events import usage_event


def record(event: UsageEvent, offset: int) -> ConsumerRecord:
    return ConsumerRecord(
        topic="llm.usage", partition=0, offset=offset, timestamp=0, timestamp_type=0, key=None,
        value=encode(event), checksum=None, serialized_key_size=0, serialized_value_size=0,
        headers=(),
    )  # fmt: skip


def answered_for(cost: Decimal) -> Attempt:
    return Attempt(deployment="d", outcome="ok", cost_micro_usd=cost)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"at_ms": 10**30}, "at_ms"),
        ({"usage": Usage(output=2**53)}, "output"),
        ({"cost_micro_usd": Decimal(10) ** 25}, "cost"),
        ({"attempts": (answered_for(Decimal(10) ** 25),)}, "attempts"),
    ],
)
def test_a_number_that_no_store_can_hold_stops_no_ledger(
    changes: dict[str, object], named: str
) -> None:
    absurd = usage_event(1).model_copy(update=changes)
    polled = {TopicPartition("llm.usage", 0): [record(usage_event(0), 7), record(absurd, 8)]}
    batch = batch_of(polled)
    assert batch.events == [usage_event(0)]
    problem = f"usageevent: {named}: too large a number for the ledger"
    assert batch.unreadable == [Unreadable("llm.usage", 0, 8, problem, encode(absurd))]
    assert batch.positions == {("llm.usage", 0): 9}


def test_the_largest_numbers_fit() -> None:
    largest = {
        "usage": Usage(output=2**53 - 1),
        "cost_micro_usd": Decimal("9" * 25 + ".999999"),
    }
    assert problem_of(usage_event(1).model_copy(update=largest)) is None


def test_money_is_rounded_half_away_from_zero() -> None:
    assert exact(Decimal("0.0000005")) == Decimal("0.000001")
    assert exact(Decimal("-0.0000005")) == Decimal("-0.000001")
    assert str(exact(Decimal("1E-20"))) == "0.000000"
