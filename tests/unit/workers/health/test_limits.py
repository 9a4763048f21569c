import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.health.limits import (
    BURST_S,
    BucketLevel,
    Concurrency,
    ConcurrencyRules,
    LatencyQuantile,
    LeaseGrant,
    LeaseRequest,
    Quota,
    brought_forward,
    effective_quota,
    full_buckets,
    grant_lease,
    limit_after_answer,
    limit_after_drop,
    limit_after_recovery,
    quantile_after,
)
from workers.providers.base.call_outcome import RateLimits, RateWindow

QUOTA = Quota(rpm=600, tpm=60_000)
RULES = ConcurrencyRules()


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
        BucketLevel(0, 0, 0), QUOTA, LeaseRequest(tokens=10, back_requests=5, back_tokens=400), 0
    )
    assert level.requests == 5 - 2
    assert level.tokens == 400 - 250


def test_usage_beyond_the_estimate_is_a_debt() -> None:
    level, refused = grant_lease(
        BucketLevel(50, 100, 0), QUOTA, LeaseRequest(tokens=10, back_tokens=-600), 0
    )
    assert level.tokens == -500
    assert refused.wait_s == pytest.approx(0.51)


def test_the_providers_word_only_ever_lowers_the_level() -> None:
    level, _ = grant_lease(
        BucketLevel(50, 5000, 0), QUOTA, LeaseRequest(tokens=10, left_requests=7), 0
    )
    assert level.requests == 7 - 2
    level, _ = grant_lease(
        BucketLevel(50, 5000, 0), QUOTA, LeaseRequest(tokens=10, left_requests=70), 0
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


def test_concurrency_grows_while_it_is_used_and_answers_come_as_usual() -> None:
    c = Concurrency(8)
    for _ in range(100):
        c = limit_after_answer(c, 0.5, in_flight=int(c.limit), r=RULES)
    assert c.limit > 50
    idle = limit_after_answer(c, 0.5, in_flight=1, r=RULES)
    assert idle.limit == c.limit


def test_concurrency_shrinks_when_answers_get_slower() -> None:
    c = Concurrency(100)
    for _ in range(200):
        c = limit_after_answer(c, 0.5, in_flight=100, r=RULES)
    before = c.limit
    for _ in range(20):
        c = limit_after_answer(c, 5, in_flight=100, r=RULES)
    assert c.limit < before / 2


def test_the_drops_of_one_burst_cut_once() -> None:
    c = Concurrency(100)
    for _ in range(50):
        c = limit_after_drop(c, 10, RULES)
    assert c.limit == 70
    assert limit_after_drop(c, 12, RULES).limit == pytest.approx(49)
    low = Concurrency(1)
    assert limit_after_drop(low, 10, RULES).limit == RULES.least


def test_a_recovered_deployment_starts_small() -> None:
    assert limit_after_recovery(Concurrency(100, 1, 9, 5), RULES) == Concurrency(RULES.restart)
    assert limit_after_recovery(Concurrency(3), RULES) == Concurrency(3)


def test_typical_settles_where_one_in_twenty_is_above() -> None:
    draw = random.Random(7)
    latencies = [draw.lognormvariate(0, 0.5) for _ in range(20_000)]
    t = LatencyQuantile()
    for latency in latencies:
        t = quantile_after(t, latency)
    above = sum(latency > (t.known_s or 0) for latency in latencies) / len(latencies)
    assert 0.02 < above < 0.1


def test_typical_is_unknown_at_first() -> None:
    assert LatencyQuantile().known_s is None
    assert quantile_after(LatencyQuantile(), 1).known_s is None
