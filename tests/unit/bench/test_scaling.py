"""The autoscaler's model against Kubernetes' and KEDA's documented behaviour."""

import pytest

from bench.scaling.autoscaler import (
    AgeTrigger,
    Autoscaler,
    Behavior,
    LagTrigger,
    Policy,
    Rules,
    by_average,
    by_value,
)
from bench.scaling.capacity import needs, worker_rate
from bench.scaling.day import arrivals, simulate
from bench.scaling.settings import BUSY, CLUSTER, GROUP, POD, PROCESS, SETTINGS, TRAFFIC

UP = Behavior(0, (Policy("Percent", 100, 30), Policy("Pods", 4, 30)))
DOWN = Behavior(600, (Policy("Pods", 1, 180),))
RULES = Rules(LagTrigger(100, 12), AgeTrigger(30), 1, 12, UP, DOWN)


def test_a_difference_within_a_tenth_changes_nothing() -> None:
    assert by_average(430, 100, 4) == 4
    assert by_average(450, 100, 4) == 5
    assert by_average(0, 100, 4) == 0
    assert by_value(32, 30, 4) == 4
    assert by_value(60, 30, 4) == 8


def test_no_more_replicas_are_asked_for_than_there_are_partitions() -> None:
    trigger = LagTrigger(100, 12)
    assert trigger.metric(1_250) == 1_250  # 12 and a bit: not over the bound yet
    assert trigger.metric(5_000) == 1_200


def test_growth_is_bounded_by_the_policy_that_allows_the_most() -> None:
    scaler = Autoscaler(RULES)
    assert scaler.decide(0, 1, 10_000, 0) == 5  # 4 pods more than 1
    assert scaler.decide(15, 5, 10_000, 0) == 5  # within the same 30 s
    assert scaler.decide(30, 5, 10_000, 0) == 10  # doubled
    assert scaler.decide(60, 10, 10_000, 0) == 12  # the most there may be


def test_shrinking_waits_for_the_window_and_goes_one_by_one() -> None:
    scaler = Autoscaler(RULES)
    replicas, seen = 12, []
    assert scaler.decide(0, replicas, 1_200, 0) == 12
    for now in range(15, 1_200, 15):
        decided = scaler.decide(now, replicas, 0, 0)
        if decided < replicas:
            seen.append((now, replicas - decided))
        replicas = decided
    assert seen == [(600, 1), (780, 1), (960, 1), (1140, 1)]


def test_old_records_make_it_grow_without_a_lag() -> None:
    assert Autoscaler(RULES).decide(0, 2, 0, 90) == 6


def test_slow_providers_make_records_wait_until_the_pool_has_grown() -> None:
    chart = list(SETTINGS.values())[-1]
    day = simulate(chart, POD, GROUP, 100.0, slowness=5)
    assert 0 < day.late_share < 0.02
    assert day.usd == pytest.approx(day.pod_hours * POD.usd_hour)


def test_what_the_settings_cost() -> None:
    defaults, chart = (simulate(r, POD, GROUP, 1000.0) for r in list(SETTINGS.values())[1::2])
    assert chart.pod_hours < defaults.pod_hours / 2


def test_the_mean_of_the_curve_is_what_the_disk_is_reckoned_with() -> None:
    assert sum(arrivals(1.0)) / 86_400 == pytest.approx(BUSY, abs=0.03)


def test_needs_grow_with_the_load_and_never_below_two_of_each() -> None:
    small, large = (needs(n, PROCESS, TRAFFIC, CLUSTER, busy=BUSY) for n in (1_000, 8_000_000))
    assert (small.routers, small.workers, small.brokers) == (2, 2, 3)
    assert large.workers == -(-8_000_000 // 3600 // worker_rate(PROCESS, TRAFFIC))
    assert large.partitions >= 2 * large.workers
    assert large.disk_tb > small.disk_tb
