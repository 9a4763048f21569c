import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.health.limits.rate_budget import (
    BURST_S,
    BucketLevel,
    LeaseGrant,
    LeaseRequest,
    Quota,
    brought_forward,
    effective_quota,
    full_buckets,
    grant_lease,
)
from workers.providers.base.call_outcome import RateLimits, RateWindow

QUOTA = Quota(rpm=600, tpm=60_000)


def test_a_lease_is_a_quarter_second_of_the_rate() -> None:
    level, leased = grant_lease(full_buckets(QUOTA, 0), QUOTA, LeaseRequest(tokens=50), 0)
    assert leased == LeaseGrant(2, 250)
    assert level == BucketLevel(100 - 2, 10_000 - 250, 0)


def test_a_slow_rate_leases_one_call_at_a_time() -> None:
    slow = Quota(rpm=6, tpm=600)
    level, leased = grant_lease(full_buckets(slow, 0), slow, LeaseRequest(tokens=80), 0)
    assert leased == LeaseGrant(1, 80)
    refused = grant_lease(level, slow, LeaseRequest(tokens=80), 0)[1]
    assert refused == LeaseGrant(0, 0, 10)


def test_a_refusal_says_when_it_is_worth_asking_again() -> None:
    level = BucketLevel(0.5, 30, 0)
    _, refused = grant_lease(level, QUOTA, LeaseRequest(tokens=1030), 0)
    assert refused.wait_s == pytest.approx(1.0)
    assert grant_lease(level, QUOTA, LeaseRequest(tokens=1030), 1.0)[1].requests >= 1


def test_what_is_given_back_is_there_for_others() -> None:
    level, _ = grant_lease(
        BucketLevel(0, 0, 0),
        QUOTA,
        LeaseRequest(tokens=10, returned_requests=5, returned_tokens=400),
        0,
    )
    assert level.requests == 5 - 2
    assert level.tokens == 400 - 250


def test_usage_beyond_the_estimate_is_a_debt() -> None:
    level, refused = grant_lease(
        BucketLevel(50, 100, 0), QUOTA, LeaseRequest(tokens=10, returned_tokens=-600), 0
    )
    assert level.tokens == -500
    assert refused.wait_s == pytest.approx(0.51)


def test_the_providers_word_only_ever_lowers_the_level() -> None:
    level, _ = grant_lease(
        BucketLevel(50, 5000, 0), QUOTA, LeaseRequest(tokens=10, remaining_requests=7), 0
    )
    assert level.requests == 7 - 2
    level, _ = grant_lease(
        BucketLevel(50, 5000, 0), QUOTA, LeaseRequest(tokens=10, remaining_requests=70), 0
    )
    assert level.requests == 50 - 2


def test_a_call_larger_than_the_whole_bucket_passes_when_it_is_full() -> None:
    level, leased = grant_lease(full_buckets(QUOTA, 0), QUOTA, LeaseRequest(tokens=25_000), 0)
    assert leased.tokens == 25_000
    assert level.tokens == -15_000


def test_an_unlimited_dimension_is_leased_without_end() -> None:
    only_tokens = Quota(tpm=60_000)
    level, leased = grant_lease(
        full_buckets(only_tokens, 0), only_tokens, LeaseRequest(tokens=10), 0
    )
    assert math.isinf(leased.requests)
    assert math.isinf(level.requests)
    assert leased.tokens == 250


ASKS = st.tuples(st.floats(0, 2), st.integers(1, 3000))


@settings(deadline=None)  # a busy machine is no bug
@given(st.lists(ASKS, max_size=60))
def test_whatever_is_asked_the_rate_is_kept(asks: list[tuple[float, int]]) -> None:
    now, level = 0.0, full_buckets(QUOTA, 0)
    requests = tokens = 0.0
    for pause_s, wanted in asks:
        now += pause_s
        level, leased = grant_lease(level, QUOTA, LeaseRequest(tokens=wanted), now)
        requests, tokens = requests + leased.requests, tokens + leased.tokens
        assert requests <= 10 * (BURST_S + now) + 1e-6
        assert tokens <= 1000 * (BURST_S + now) + 1e-6
        assert (leased.wait_s > 0) == (leased.requests == 0)


def test_limits_are_learned_from_headers_and_bounded_by_the_configuration() -> None:
    told = RateLimits(requests=RateWindow(limit=100), tokens=RateWindow(limit=9_000))
    assert effective_quota(Quota(), Quota(), told) == Quota(100, 9_000)
    assert effective_quota(Quota(rpm=50), Quota(50), told) == Quota(50, 9_000)
    assert effective_quota(Quota(rpm=500), Quota(500), told) == Quota(100, 9_000)
    assert effective_quota(Quota(), Quota(100, 9_000), RateLimits()) == Quota(100, 9_000)


def test_a_daily_limit_is_spread_over_what_is_left_of_the_day() -> None:
    told = RateLimits(requests=RateWindow(limit=200, remaining=120, reset_s=7200))
    assert effective_quota(Quota(), Quota(), told) == Quota(rpm=1)


def test_a_remainder_grows_while_it_travels() -> None:
    assert brought_forward(0, 60, 2) == 2
    assert math.isinf(brought_forward(0, None, 2))
