"""Our counters and histograms show what prometheus_client's own would."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric

from observability.metrics.names import HistogramSpec, Spec
from observability.metrics.series import CounterFamily, HistogramFamily

_BOUNDS = (0.1, 0.5, 2.0)
_LABELS = st.sampled_from([("a", "x"), ("a", "y"), ("b", "x")])
_VALUES = st.sampled_from([0.0, 0.05, *_BOUNDS, 0.50001, 3.0, math.inf])


def _shown(metric: Metric) -> list[tuple[object, ...]]:
    """Without the times at which the series began."""
    return sorted(
        (s.name, sorted(s.labels.items()), s.value, s.exemplar and (s.exemplar[0], s.exemplar[1]))
        for s in metric.samples
        if not s.name.endswith("_created")
    )


@given(st.lists(st.tuples(_LABELS, _VALUES, st.booleans())))
def test_a_histogram_is_shown_as_prometheus_client_shows_it(
    measured: list[tuple[tuple[str, str], float, bool]],
) -> None:
    spec = HistogramSpec("Its help.", ("one", "two"), _BOUNDS)
    ours = HistogramFamily("a_seconds", spec, set())
    theirs = Histogram("a_seconds", spec.help, spec.labels, registry=None, buckets=_BOUNDS)
    for labels, value, exported in measured:
        series = ours.series.get(labels) or ours.begin(labels)
        series.add(value, ours.bounds, "ab" * 16 if exported else None)
        exemplar = {"trace_id": "ab" * 16} if exported else None
        theirs.labels(*labels).observe(value, exemplar)
    (mine,), (expected,) = ours.collect(), theirs.collect()
    assert (mine.name, mine.type, mine.documentation) == (
        expected.name,
        expected.type,
        expected.documentation,
    )
    assert _shown(mine) == _shown(expected)
    assert [s.name for s in mine.samples] == [s.name for s in expected.samples]


@given(st.lists(st.tuples(_LABELS, st.floats(0, 1e6))))
def test_a_counter_is_shown_as_prometheus_client_shows_it(
    counted: list[tuple[tuple[str, str], float]],
) -> None:
    spec = Spec("Its help.", ("one", "two"))
    ours = CounterFamily("a_total", spec, set())
    theirs = Counter("a_total", spec.help, spec.labels, registry=None)
    for labels, by in counted:
        (ours.series.get(labels) or ours.begin(labels)).value += by
        theirs.labels(*labels).inc(by)
    (mine,), (expected,) = ours.collect(), theirs.collect()
    assert (mine.name, mine.type) == (expected.name, expected.type)
    assert _shown(mine) == _shown(expected)


def test_what_has_no_labels_is_shown_from_the_start() -> None:
    registry = CollectorRegistry()
    registry.register(CounterFamily("a_total", Spec("Its help."), set()))
    registry.register(HistogramFamily("b_seconds", HistogramSpec("Help.", (), _BOUNDS), set()))
    assert registry.get_sample_value("a_total") == 0
    assert registry.get_sample_value("b_seconds_count") == 0


def test_two_metrics_of_one_name_are_refused() -> None:
    registry = CollectorRegistry()
    registry.register(CounterFamily("a_total", Spec("Its help."), set()))
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(CounterFamily("a_total", Spec("Its help."), set()))
