"""How do a process's metrics reach a collector that wants them pushed, over OTLP/HTTP?

For where nobody scrapes. The same numbers as `/metrics`, cumulative since the process began.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Final
from urllib.error import URLError
from urllib.request import Request, urlopen

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)
from prometheus_client import Metric as Family
from prometheus_client.samples import Sample

from observability.metrics.registry import MetricsRegistry

_log: Final = logging.getLogger(__name__)
_TIMEOUT_S: Final = 5
_UNBOUNDED: Final = "+Inf"


@contextmanager
def pushed(
    metrics: MetricsRegistry, service: str, endpoint: str, every_s: float = 15
) -> Iterator[None]:
    """Push to `endpoint`/v1/metrics from a thread of its own, and once more at the end.

    A collector that is away costs a warning and that push's resolution, nothing else.
    """
    stop = threading.Event()
    begun_ns = time.time_ns()

    def push() -> None:
        while not stop.wait(every_s):
            send(metrics, service, endpoint, begun_ns)
        send(metrics, service, endpoint, begun_ns)

    thread = threading.Thread(target=push, name="otlp-metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_TIMEOUT_S * 2)


def send(metrics: MetricsRegistry, service: str, endpoint: str, begun_ns: int) -> None:
    """One push."""
    body = encode_metrics(metrics, service, begun_ns, time.time_ns())
    headers = {"Content-Type": "application/x-protobuf"}
    request = Request(f"{endpoint.rstrip('/')}/v1/metrics", body, headers)  # noqa: S310 (operator's)
    try:
        with urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310 (as above)
            pass
    except (URLError, TimeoutError, ConnectionError) as error:
        _log.warning("metrics not pushed to %s: %s", endpoint, error)


def encode_metrics(metrics: MetricsRegistry, service: str, begun_ns: int, now_ns: int) -> bytes:
    """All metrics as an OTLP export request."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.append(_attribute("service.name", service))
    scope = resource.scope_metrics.add()
    scope.scope.name = "switchgear"
    for family in metrics.registry.collect():
        scope.metrics.append(_metric(family, begun_ns, now_ns))
    body: bytes = request.SerializeToString()
    return body


def _metric(family: Family, begun_ns: int, now_ns: int) -> Metric:
    metric = Metric(name=family.name, description=family.documentation)
    match family.type:
        case "counter":
            metric.sum.is_monotonic = True
            metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
            totals = [s for s in family.samples if s.name.endswith("_total")]
            metric.sum.data_points.extend(_point(s, begun_ns, now_ns) for s in totals)
        case "histogram":
            metric.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
            points = _histograms(family, begun_ns, now_ns)
            metric.histogram.data_points.extend(points)
        case _:
            points_now = (_point(sample, begun_ns, now_ns) for sample in family.samples)
            metric.gauge.data_points.extend(points_now)
    return metric


def _point(sample: Sample, begun_ns: int, now_ns: int) -> NumberDataPoint:
    return NumberDataPoint(
        attributes=[_attribute(k, v) for k, v in sample.labels.items()],
        start_time_unix_nano=begun_ns,
        time_unix_nano=now_ns,
        as_double=sample.value,
    )


def _histograms(family: Family, begun_ns: int, now_ns: int) -> Iterator[HistogramDataPoint]:
    series: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in family.samples:
        labels = tuple((k, v) for k, v in sample.labels.items() if k != "le")
        series.setdefault(labels, []).append(sample)
    for labels, samples in series.items():
        yield _histogram(labels, samples, begun_ns, now_ns)


def _histogram(
    labels: tuple[tuple[str, str], ...], samples: Sequence[Sample], begun_ns: int, now_ns: int
) -> HistogramDataPoint:
    """Prometheus' buckets hold all that is at most their bound, OTLP's only what is their own."""
    buckets = [(s.labels["le"], s.value) for s in samples if s.name.endswith("_bucket")]
    upto = [0.0, *(value for _, value in buckets)]
    return HistogramDataPoint(
        attributes=[_attribute(k, v) for k, v in labels],
        start_time_unix_nano=begun_ns,
        time_unix_nano=now_ns,
        count=int(upto[-1]),
        sum=next(s.value for s in samples if s.name.endswith("_sum")),
        explicit_bounds=[float(bound) for bound, _ in buckets if bound != _UNBOUNDED],
        bucket_counts=[int(b - a) for a, b in pairwise(upto)],
    )


def _attribute(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
