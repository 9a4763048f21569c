"""Metrics registry: how are the metrics of a process counted cheaply?

Every name is in `metrics.names`; a name or label that isn't there doesn't type-check. Recording is
a dictionary look-up and an addition.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Gauge

from observability.metrics.names import (
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    CounterName,
    GaugeName,
    HistogramName,
)
from observability.metrics.series import (
    CounterFamily,
    HistogramFamily,
    Labels,
    series_labels,
)


class MetricsRegistry:
    """All metrics of a process; make one in `__main__` and pass it on."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._reserved: set[str] = set()
        self._counters = {
            name: CounterFamily(name, spec, self._reserved) for name, spec in COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(name, spec.help, spec.labels, registry=self.registry)
            for name, spec in GAUGES.items()
        }
        self._gauge_series: dict[GaugeName, dict[Labels, Gauge]] = {name: {} for name in GAUGES}
        self._histograms = {
            name: HistogramFamily(name, spec, self._reserved) for name, spec in HISTOGRAMS.items()
        }
        for counter in self._counters.values():
            self.registry.register(counter)
        for histogram in self._histograms.values():
            self.registry.register(histogram)

    def reserve(self, names: Iterable[str]) -> None:
        """Series with one of these labels always have room.

        Such as the tenants of the configuration: whoever invents others can't push them out.
        """
        self._reserved.clear()
        self._reserved.update(names)

    def count(self, name: CounterName, *labels: str, by: float = 1) -> None:
        """Add `by` to a counter; `labels` in the order of its specification.

        Raises ValueError for less than nothing.
        """
        if by < 0:
            message = f"{name} can't fall: {by}"
            raise ValueError(message)
        family = self._counters[name]
        (family.series.get(labels) or family.begin(labels)).value += by

    def set(self, name: GaugeName, *labels: str, to: float) -> None:
        """A gauge is now `to`."""
        self._gauge(name, labels).set(to)

    def replace_series(self, name: GaugeName, series: Mapping[Labels, float]) -> None:
        """A gauge has these series now, and no others: what isn't ours any more must not stay."""
        for gone in self._gauge_series[name].keys() - series.keys():
            self.forget(name, *gone)
        for labels, value in series.items():
            self.set(name, *labels, to=value)

    def add(self, name: GaugeName, *labels: str, by: float = 1) -> None:
        """A gauge rises by `by` (falls, if negative)."""
        self._gauge(name, labels).inc(by)

    def forget(self, name: GaugeName, *labels: str) -> None:
        """Drop a gauge's series, e.g. of a partition that another process has now."""
        if self._gauge_series[name].pop(labels, None) is not None and labels:
            self._gauges[name].remove(*labels)

    def _gauge(self, name: GaugeName, labels: Labels) -> Gauge:
        series = self._gauge_series[name]
        gauge = series.get(labels)
        if gauge is None:
            under = series_labels(GAUGES[name], series, labels, self._reserved)
            gauge = self._gauges[name].labels(*under) if under else self._gauges[name]
            series[under] = gauge
        return gauge

    def observe(
        self, name: HistogramName, *labels: str, value: float, trace_id: str | None = None
    ) -> None:
        """One measurement. trace_id: its exemplar; pass it only if the trace is exported."""
        family = self._histograms[name]
        series = family.series.get(labels) or family.begin(labels)
        series.add(value, family.bounds, trace_id)

    def value(self, name: str, **labels: str) -> float | None:
        """What a scrape would show now; `name` may be any sample's, e.g. `..._seconds_count`."""
        return self.registry.get_sample_value(name, labels)
