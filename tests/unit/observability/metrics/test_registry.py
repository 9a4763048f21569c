from typing import get_args
from urllib.request import Request, urlopen

import pytest

from observability.metrics.names import (
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    CounterName,
    GaugeName,
    HistogramName,
)
from observability.metrics.registry import MetricsRegistry
from observability.metrics.series import MAX_SERIES
from observability.process_endpoint import process_endpoint


def test_every_name_has_its_specification() -> None:
    assert set(get_args(CounterName)) == set(COUNTERS)
    assert set(get_args(GaugeName)) == set(GAUGES)
    assert set(get_args(HistogramName)) == set(HISTOGRAMS)


def test_names_follow_prometheus_practice() -> None:
    assert all(name.endswith("_total") for name in COUNTERS)
    # tokens have the name that the GenAI conventions give them
    assert all(name.endswith(("_seconds", "gen_ai_client_token_usage")) for name in HISTOGRAMS)
    assert not any(name.endswith("_total") for name in GAUGES)
    for histogram in HISTOGRAMS.values():
        assert list(histogram.buckets) == sorted(histogram.buckets)


def test_counts_gauges_and_histograms_are_read_back() -> None:
    metrics = MetricsRegistry()
    metrics.count("switchgear_tokens_total", "acme", "d", "input", by=120)
    metrics.count("switchgear_tokens_total", "acme", "d", "input", by=30)
    metrics.set("switchgear_in_flight", "economy", to=3)
    metrics.add("switchgear_in_flight", "economy", by=-1)
    metrics.observe("switchgear_route_seconds", value=0.002)
    tokens = {"tenant": "acme", "deployment": "d", "kind": "input"}
    assert metrics.value("switchgear_tokens_total", **tokens) == 150
    assert metrics.value("switchgear_in_flight", tier="economy") == 2
    assert metrics.value("switchgear_route_seconds_count") == 1


def test_a_wrong_number_of_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="label"):
        MetricsRegistry().count("switchgear_requests_total", "acme")


def test_invented_tenants_cannot_fill_the_memory() -> None:
    metrics = MetricsRegistry()
    for number in range(MAX_SERIES + 50):
        metrics.count("switchgear_rejected_total", f"tenant-{number}", "overloaded")
    assert metrics.value("switchgear_rejected_total", tenant="other", code="other") == 50
    families = [f for f in metrics.registry.collect() if f.name == "switchgear_rejected"]
    series = [s for f in families for s in f.samples if s.name == "switchgear_rejected_total"]
    assert len(series) == MAX_SERIES + 1


def test_invented_tenants_push_no_configured_one_out() -> None:
    metrics = MetricsRegistry()
    metrics.reserve(["acme"])
    for number in range(MAX_SERIES + 50):
        metrics.count("switchgear_rejected_total", f"tenant-{number}", "overloaded")
    metrics.count("switchgear_rejected_total", "acme", "overloaded")
    metrics.count("switchgear_rejected_total", "globex", "overloaded")
    assert metrics.value("switchgear_rejected_total", tenant="acme", code="overloaded") == 1
    assert metrics.value("switchgear_rejected_total", tenant="globex", code="overloaded") is None


def test_a_gauge_can_be_forgotten() -> None:
    metrics = MetricsRegistry()
    labels = ("workers", "llm.requests", "0")
    metrics.set("switchgear_consumer_lag", *labels, to=9)
    named = dict(zip(("group", "topic", "partition"), labels, strict=True))
    assert metrics.value("switchgear_consumer_lag", **named) == 9
    metrics.forget("switchgear_consumer_lag", *labels)
    assert metrics.value("switchgear_consumer_lag", **named) is None


def test_what_a_process_has_no_longer_is_not_shown() -> None:
    metrics = MetricsRegistry()
    lag: GaugeName = "switchgear_consumer_lag"
    for partitions in ({"0": 7.0, "1": 3.0}, {"1": 4.0}):
        metrics.replace_series(
            lag, {("g", "t", number): behind for number, behind in partitions.items()}
        )
    assert metrics.value(lag, group="g", topic="t", partition="0") is None
    assert metrics.value(lag, group="g", topic="t", partition="1") == 4


def test_a_scrape_shows_values_and_exemplars() -> None:
    metrics = MetricsRegistry()
    metrics.observe("switchgear_route_seconds", value=0.002, trace_id="ab" * 16)
    openmetrics = {"Accept": "application/openmetrics-text; version=1.0.0"}
    with process_endpoint(metrics, 0, "127.0.0.1") as port:
        address = f"http://127.0.0.1:{port}/metrics"
        with urlopen(address) as plain, urlopen(Request(address, headers=openmetrics)) as rich:
            assert "switchgear_route_seconds_count 1.0" in plain.read().decode()
            assert f'trace_id="{"ab" * 16}"' in rich.read().decode()


def test_a_counter_that_should_fall_is_refused() -> None:
    with pytest.raises(ValueError, match="fall"):
        MetricsRegistry().count("switchgear_routed_total", "economy", by=-1)
