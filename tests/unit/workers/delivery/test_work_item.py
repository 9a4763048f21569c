from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract import Attempt, Request, Route, TaggedRequest, Usage, codec
from producers.contract.codec import DecodeError
from producers.kafka.broker import Partition, Record
from runtime import limits
from workers.delivery.work_item import read_work_item

MOST = limits.PROVIDER_TOKENS.value
COUNTS = [name for name, field in Usage.model_fields.items() if field.annotation is int]


def record_of(**attempt: Any) -> Record:  # noqa: ANN401 as `Attempt` takes them
    told = Attempt(deployment="d", outcome="RateLimited", **attempt)
    request = Request.model_validate(
        {"id": "r", "tenant": "t", "body": {"messages": [{"role": "user", "content": "hi"}]}}
    )
    route = Route(tier="economy", reasons=("told",), difficulty=0.5)
    value = codec.encode(TaggedRequest(route=route, request=request, attempts=(told,)))
    return Record(Partition("llm.tier.economy", 0), 0, None, value, (), 0)


def test_calls_that_can_have_been_are_read() -> None:
    usage = Usage(**dict.fromkeys(COUNTS, MOST), unlisted={"images": MOST}, served=("eu",))
    record = record_of(usage=usage, cost_micro_usd=Decimal("3.2"), duration_ms=60_000, wait_ms=20)
    assert read_work_item(record).attempts[0].usage == usage


@given(
    st.sampled_from([*COUNTS, "unlisted"]),
    st.one_of(st.integers(max_value=-1), st.integers(MOST + 1, 10**40)),
)
def test_a_record_that_tells_of_tokens_beyond_belief_is_refused(name: str, count: int) -> None:
    usage = Usage.model_validate({name: {"images": count} if name == "unlisted" else count})
    with pytest.raises(DecodeError, match="no call takes so much"):
        read_work_item(record_of(usage=usage))


@pytest.mark.parametrize(
    "told",
    [
        {"cost_micro_usd": Decimal(-1)},
        {"cost_micro_usd": Decimal("1e30")},
        {"started_ms": -1.0},
        {"duration_ms": 1e300},
        {"wait_ms": 10**30},
    ],
)
def test_so_is_one_whose_calls_cost_or_took_what_none_can(told: dict[str, Any]) -> None:
    with pytest.raises(DecodeError, match="no call takes so much"):
        read_work_item(record_of(**told))
