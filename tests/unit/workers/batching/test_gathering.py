"""Gathering: what waits is small, and a batch is formed when something asks for it."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.batching.gathering.batch_limits import LIMITS, batch_limits_of
from workers.batching.gathering.priming import FEWEST, primed_group
from workers.batching.gathering.submission import (
    FormBatch,
    GroupState,
    KeepGathering,
    SubmissionRules,
    ToTheTier,
    submission_decision,
)
from workers.batching.gathering.turn_back import TurnBackRules, cancel_at, drain_s, return_at
from workers.batching.gathering.waiting import WaitingRequest, WaitingRequests
from workers.batching.pool.group_choice import deadline_class

HOUR = 3600.0
RULES = SubmissionRules(
    most=100,
    most_size=1_000_000,
    fewest=1,
    queued_requests=None,
    queued_tokens=None,
    window_s=24 * HOUR,
    oldest_s=600,
    margin_s=HOUR,
)


def request(offset: int, *, prefix: int = 0, size: int = 10, **more: int) -> WaitingRequest:
    told = {"prompt": 5, "output": 5, "arrived": 1_000, "partition": 0, **more}
    return WaitingRequest(
        offset=offset, size=size, prefix=prefix, deadline=told.pop("deadline", None), **told
    )


def waiting(*requests: WaitingRequest) -> WaitingRequests:
    group = WaitingRequests()
    for each in requests:
        group.add(each)
    return group


def test_requests_leave_in_their_order_up_to_each_limit() -> None:
    group = waiting(*(request(number) for number in range(10)))
    assert [each.offset for each in group.take(3, 10**9, 10**9)] == [0, 1, 2]
    assert [each.offset for each in group.take(99, 25, 10**9)] == [3, 4]
    assert [each.offset for each in group.take(99, 10**9, 11)] == [5, 6]
    assert group.count == 3
    assert (group.size, group.prompt) == (30, 15)


def test_one_that_is_larger_than_the_limit_still_leaves() -> None:
    group = waiting(request(1, size=10**6))
    assert [each.offset for each in group.take(9, 10, 9)] == [1]
    assert group.oldest is None


def test_equal_prefixes_stand_side_by_side() -> None:
    group = waiting(request(0, prefix=7), request(1), request(2, prefix=7), request(3, prefix=9))
    assert [each.offset for each in group.take(9, 10**9, 10**9)] == [0, 2, 1, 3]


def test_what_is_due_leaves_and_the_rest_is_known_by_its_lowest_offset() -> None:
    group = waiting(
        request(5, deadline=100), request(6, deadline=900), request(3, partition=2), request(9)
    )
    assert group.tightest == 100
    assert [each.offset for each in group.take_before(500, 9)] == [5]
    assert group.lowest_offsets() == {0: 6, 2: 3}
    group.drop_partitions(frozenset({2}))
    assert (group.count, group.lowest_offsets()) == (1, {2: 3})


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 7))
def test_no_request_is_lost_or_leaves_twice(prefixes: list[int], most: int) -> None:
    group = waiting(*(request(number, prefix=each) for number, each in enumerate(prefixes)))
    left: list[int] = []
    while group.count:
        left += [each.offset for each in group.take(most, 10**9, 10**9)]
    assert sorted(left) == list(range(len(prefixes)))


def test_twenty_thousand_waiting_requests_take_less_than_a_megabyte() -> None:
    group = waiting(*(request(number) for number in range(20_000)))
    held = sum(sys.getsizeof(block.rows) for block in group._blocks)  # noqa: SLF001 its own size
    assert held < 1_000_000


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, KeepGathering),
        ({"requests": 100}, FormBatch),
        ({"size": 1_000_000}, FormBatch),
        ({"oldest": 300.0}, FormBatch),
        ({"tightest": 1_000 + 25 * HOUR}, KeepGathering),
        ({"tightest": 999 + 25 * HOUR}, FormBatch),
        ({"requests": 0, "oldest": None}, KeepGathering),
    ],
)
def test_a_batch_is_formed_when_full_old_or_pressed(
    changes: dict[str, float], expected: type
) -> None:
    state = {"requests": 5, "size": 50, "prompt_tokens": 9, "oldest": 990.0, "tightest": None}
    decision = submission_decision(GroupState(**{**state, **changes}), RULES, 1_000.0)  # type: ignore[arg-type]
    assert isinstance(decision, expected), decision


def test_a_full_queue_at_the_provider_is_waited_for_and_filled_to_its_brim() -> None:
    rules = SubmissionRules(100, 10**6, 1, 120, 1_000, 24 * HOUR, 600, HOUR)
    state = GroupState(200, 50, 9, 0.0, None, open_requests=50, open_tokens=400)
    assert submission_decision(state, rules, 1_000.0) == FormBatch(70, 10**6, 600, "full")
    full = GroupState(200, 50, 9, 0.0, None, open_requests=120, open_tokens=0)
    assert isinstance(submission_decision(full, rules, 1_000.0), KeepGathering)
    spent = GroupState(200, 50, 9, 0.0, None, open_requests=1, open_tokens=1_000)
    assert isinstance(submission_decision(spent, rules, 1_000.0), KeepGathering)


def test_too_few_for_the_provider_are_called_rather_than_kept() -> None:
    rules = SubmissionRules(100, 10**6, 100, None, None, 24 * HOUR, 600, HOUR)
    few = GroupState(99, 50, 9, 0.0, None)
    assert isinstance(submission_decision(few, rules, 1_000.0), ToTheTier)
    young = GroupState(99, 50, 9, 990.0, None)
    assert isinstance(submission_decision(young, rules, 1_000.0), KeepGathering)


def test_the_way_back_leaves_time_to_cancel_to_drain_and_a_margin() -> None:
    rules = TurnBackRules(margin_s=300, tier_tokens_per_min=1_000, cancel_s=900)
    assert drain_s(10_000, rules) == 600
    assert return_at(10_000, 10_000, rules) == 10_000 - 600 - 300
    assert cancel_at(10_000, 10_000, rules) == 10_000 - 600 - 300 - 900


def test_each_limit_names_its_source_and_day() -> None:
    assert batch_limits_of("self") is None
    for limits in LIMITS.values():
        assert limits.source
        assert limits.as_of.startswith("20")


def test_one_of_each_shared_prefix_goes_ahead() -> None:
    shared = [request(number, prefix=7) for number in range(5)]
    others = [request(10 + number, prefix=8) for number in range(FEWEST - 1)] + [request(20)]
    group = primed_group([*shared, *others])
    assert group is not None
    assert group.ahead == shared[:1]
    assert group.others == [*shared[1:], *others]
    assert group.prefixes == (7,)
    assert primed_group(others) is None


@pytest.mark.parametrize(
    ("left_h", "number"),
    [(-1, 0), (0.1, 0), (0.5, 1), (1, 2), (3, 3), (11.9, 5), (12, 6), (25, 7), (10_000, 65)],
)
def test_deadlines_of_one_batch_are_near_one_another(left_h: float, number: int) -> None:
    assert deadline_class(left_h * HOUR) == number
