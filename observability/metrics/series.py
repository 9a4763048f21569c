"""Metric series: what a counter or a histogram has counted, by its labels.

prometheus_client's own take six calls of functions and two locks for a measurement, these one and
none. Counting is for the event loop's thread; a scrape, on another thread, reads what is there.
"""

import math
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from prometheus_client import Metric
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from observability.metrics.names import HistogramSpec, Spec

Labels: TypeAlias = tuple[str, ...]

MAX_SERIES: Final = 2_000
"""Label sets of one metric; what comes after counts as `other`, so that a caller who invents
tenants can't fill our memory or Prometheus'."""

OTHER: Final = "other"


class Total:
    """What one series of a counter has come to."""

    __slots__ = ("created", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self.created = time.time()
        """Unix seconds."""


class Distribution:
    """The measurements of one series of a histogram, by bucket."""

    __slots__ = ("counts", "created", "exemplars", "sum")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        """Of each bucket alone, not of those below it."""
        self.sum = 0.0
        self.exemplars: dict[int, Exemplar] = {}
        """By bucket: the latest."""
        self.created = time.time()

    def add(self, value: float, bounds: Sequence[float], trace_id: str | None) -> None:
        """One measurement. bounds: of the buckets; trace_id: its exemplar."""
        bucket = bisect_left(bounds, value)
        self.sum += value
        self.counts[bucket] += 1
        if trace_id is not None:
            self.exemplars[bucket] = Exemplar({"trace_id": trace_id}, value, time.time())


def series_labels(
    spec: Spec | HistogramSpec, series: Mapping[Labels, object], labels: Labels, reserved: set[str]
) -> Labels:
    """The labels under which a series that isn't there yet is counted.

    reserved: a series with one of these has room always. Raises ValueError for another number of
    labels than the metric has.
    """
    if len(labels) != len(spec.labels):
        message = f"{len(labels)} labels in place of {len(spec.labels)}: {spec.labels}"
        raise ValueError(message)
    full = len(series) >= MAX_SERIES and reserved.isdisjoint(labels)
    return (OTHER,) * len(labels) if full else labels


class CounterFamily:
    """A counter, to be read by a scrape."""

    def __init__(self, name: str, spec: Spec, reserved: set[str]) -> None:
        self.series: Final[dict[Labels, Total]] = {}
        self._name: Final = name.removesuffix("_total")
        self._spec: Final = spec
        self._reserved: Final = reserved
        if not spec.labels:
            self.series[()] = Total()

    def begin(self, labels: Labels) -> Total:
        """The series of labels that haven't one yet. Raises as `series_labels`."""
        under = series_labels(self._spec, self.series, labels, self._reserved)
        return self.series.setdefault(under, Total())

    def describe(self) -> list[Metric]:
        """Without samples: for the registry, so that no two metrics have one name."""
        return [Metric(self._name, self._spec.help, "counter")]

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client shows a counter."""
        (metric,) = self.describe()
        for labels, total in self.series.copy().items():
            named = dict(zip(self._spec.labels, labels, strict=True))
            metric.add_sample(f"{self._name}_total", named, total.value)
            metric.add_sample(f"{self._name}_created", named, total.created)
        yield metric


class HistogramFamily:
    """A histogram, to be read by a scrape."""

    def __init__(self, name: str, spec: HistogramSpec, reserved: set[str]) -> None:
        self.series: Final[dict[Labels, Distribution]] = {}
        self.bounds: Final = (*spec.buckets, math.inf)
        """Of the buckets, each with its bound in it."""
        # as a scrape writes a number; its stub has no types
        self._le: Final = [str(floatToGoString(bound)) for bound in self.bounds]  # type: ignore[no-untyped-call]
        self._name: Final = name
        self._spec: Final = spec
        self._reserved: Final = reserved
        if not spec.labels:
            self.series[()] = Distribution(len(self.bounds))

    def begin(self, labels: Labels) -> Distribution:
        """The series of labels that haven't one yet. Raises as `series_labels`."""
        under = series_labels(self._spec, self.series, labels, self._reserved)
        return self.series.setdefault(under, Distribution(len(self.bounds)))

    def describe(self) -> list[Metric]:
        """As `CounterFamily.describe`."""
        return [Metric(self._name, self._spec.help, "histogram")]

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client shows a histogram: each bucket with those below it."""
        (metric,) = self.describe()
        for labels, entry in self.series.copy().items():
            named, reached = dict(zip(self._spec.labels, labels, strict=True)), 0
            for bucket, (le, count) in enumerate(zip(self._le, entry.counts, strict=True)):
                reached += count
                metric.add_sample(
                    f"{self._name}_bucket",
                    {**named, "le": le},
                    float(reached),
                    None,
                    entry.exemplars.get(bucket),
                )
            metric.add_sample(f"{self._name}_count", named, float(reached))
            metric.add_sample(f"{self._name}_sum", named, entry.sum)
            metric.add_sample(f"{self._name}_created", named, entry.created)
        yield metric
