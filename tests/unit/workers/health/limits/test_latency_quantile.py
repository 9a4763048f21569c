import random

from workers.health.limits.latency_quantile import LatencyQuantile, quantile_after


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
