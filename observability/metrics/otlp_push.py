"""OTLP metrics push: the process's metrics, sent to a collector over HTTP where nobody scrapes.

The same numbers as `/metrics`, cumulative since the process began; what OpenTelemetry's conventions
describe has their names, units and attributes. What is counted stays in
prometheus_client's registry, because a page of it has exemplars and OpenTelemetry's SDK has no
histogram that could be filled from elsewhere; here each push turns the registry into the SDK's data
points, and the SDK's exporter encodes and sends them (its `OTEL_EXPORTER_OTLP_…` variables for
headers, compression and certificates hold).
"""

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import Metric as PrometheusMetric
from prometheus_client.samples import Sample

from observability.metrics.names import OTEL_ATTRIBUTES, OTEL_METRICS
from observability.metrics.registry import MetricsRegistry

_log: Final = logging.getLogger(__name__)
_exporter_log: Final = logging.getLogger(OTLPMetricExporter.__module__)
_TIMEOUT_S: Final = 5
_UNBOUNDED: Final = "+Inf"
_STATUS: Final = "http_response_status_code"
"""The one attribute of ours that is a number by the conventions."""
_SCOPE: Final = InstrumentationScope("switchgear")
_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE


class _ReasonFilter(logging.Filter):
    """Keeps the exporter's last message as the reason of our own line, and drops the record."""

    reason = "no reason given"

    def filter(self, record: logging.LogRecord) -> bool:
        self.reason = record.getMessage()
        return False


@contextmanager
def push_metrics(
    metrics: MetricsRegistry, service: str, endpoint: str, every_s: float = 15
) -> Iterator[None]:
    """Push to `endpoint`/v1/metrics from a thread of its own, and once more at the end.

    A collector that is away costs a warning and that push's resolution, nothing else.
    """
    stop = threading.Event()
    begun_ns = time.time_ns()
    address = f"{endpoint.rstrip('/')}/v1/metrics"
    exporter = OTLPMetricExporter(endpoint=address, timeout=_TIMEOUT_S)
    exporter_words = _ReasonFilter()

    def push() -> None:
        export = exporter.export(metrics_data(metrics, service, begun_ns, time.time_ns()))
        if export is not MetricExportResult.SUCCESS:
            _log.warning("metrics not pushed to %s: %s", endpoint, exporter_words.reason)

    def push_until_stopped() -> None:
        while not stop.wait(every_s):
            push()
        push()

    _exporter_log.addFilter(exporter_words)
    thread = threading.Thread(target=push_until_stopped, name="otlp-metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        # a push under way may need its whole time, and the last one too
        thread.join(_TIMEOUT_S * 2)
        exporter.shutdown()
        _exporter_log.removeFilter(exporter_words)


def metrics_data(metrics: MetricsRegistry, service: str, begun_ns: int, now_ns: int) -> MetricsData:
    """All metrics of the registry as OpenTelemetry's SDK has them. Times: Unix nanoseconds."""
    listed = [_metric(family, begun_ns, now_ns) for family in metrics.registry.collect()]
    resource = Resource({"service.name": service})
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(_SCOPE, listed, "")], "")])


def _metric(family: PrometheusMetric, begun_ns: int, now_ns: int) -> Metric:
    match family.type:
        case "counter":
            # beside each total there is a sample of the time at which it was created
            totals = [s for s in family.samples if s.name.endswith("_total")]
            points = [_point(sample, begun_ns, now_ns) for sample in totals]
            return _named(family, Sum(points, _CUMULATIVE, is_monotonic=True))
        case "histogram":
            points_of_buckets = list(_histograms(family, begun_ns, now_ns))
            return _named(family, Histogram(points_of_buckets, _CUMULATIVE))
        case _:
            return _named(family, Gauge([_point(s, begun_ns, now_ns) for s in family.samples]))


def _named(family: PrometheusMetric, data: Sum | Gauge | Histogram) -> Metric:
    name, unit = OTEL_METRICS.get(family.name, (family.name, ""))
    return Metric(name, family.documentation, unit, data)


def _attributes(labels: Mapping[str, str]) -> dict[str, str | int]:
    """Under OpenTelemetry's names; an empty label is an absent one."""
    return {
        OTEL_ATTRIBUTES.get(name, name): int(value) if name == _STATUS else value
        for name, value in labels.items()
        if value
    }


def _point(sample: Sample, begun_ns: int, now_ns: int) -> NumberDataPoint:
    return NumberDataPoint(sample.labels, begun_ns, now_ns, sample.value)


def _histograms(
    family: PrometheusMetric, begun_ns: int, now_ns: int
) -> Iterator[HistogramDataPoint]:
    series: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in family.samples:
        labels = tuple((k, v) for k, v in sample.labels.items() if k != "le")
        series.setdefault(labels, []).append(sample)
    for labels, samples in series.items():
        yield _histogram(dict(labels), samples, begun_ns, now_ns)


def _histogram(
    labels: Mapping[str, str], samples: Sequence[Sample], begun_ns: int, now_ns: int
) -> HistogramDataPoint:
    # Prometheus' buckets count all that is at most their bound, OTLP's only what is their own
    buckets = [(s.labels["le"], s.value) for s in samples if s.name.endswith("_bucket")]
    cumulative = [0.0, *(value for _, value in buckets)]
    return HistogramDataPoint(
        attributes=_attributes(labels),
        start_time_unix_nano=begun_ns,
        time_unix_nano=now_ns,
        count=int(cumulative[-1]),
        sum=next(s.value for s in samples if s.name.endswith("_sum")),
        explicit_bounds=[float(bound) for bound, _ in buckets if bound != _UNBOUNDED],
        bucket_counts=[int(upper - lower) for lower, upper in pairwise(cumulative)],
        # Prometheus' histograms have neither; in OTLP both are optional
        min=None,  # type: ignore[arg-type]
        max=None,  # type: ignore[arg-type]
    )
