import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from observability.metrics.otlp_push import metrics_data, push_metrics
from observability.metrics.registry import MetricsRegistry


def counted() -> MetricsRegistry:
    metrics = MetricsRegistry()
    metrics.count("switchgear_tokens_total", "acme", "d", "input", by=120)
    metrics.set("switchgear_in_flight", "economy", to=3)
    for seconds in (0.002, 0.002, 0.2, 99):
        metrics.observe("switchgear_route_seconds", value=seconds)
    return metrics


def by_name(body: bytes) -> dict[str, Metric]:
    (resource,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
    return {metric.name: metric for metric in resource.scope_metrics[0].metrics}


def test_counters_gauges_and_histograms_keep_their_numbers() -> None:
    request = encode_metrics(metrics_data(counted(), "worker", 1, 2))
    (resource,) = request.resource_metrics
    assert {a.key: a.value.string_value for a in resource.resource.attributes} == {
        "service.name": "worker"
    }
    found = by_name(request.SerializeToString())
    (tokens,) = found["switchgear_tokens"].sum.data_points
    assert tokens.as_double == 120
    assert {a.key: a.value.string_value for a in tokens.attributes} == {
        "tenant": "acme",
        "deployment": "d",
        "kind": "input",
    }
    assert found["switchgear_in_flight"].gauge.data_points[0].as_double == 3
    (route,) = found["switchgear_route_seconds"].histogram.data_points
    assert (route.count, route.sum) == (4, pytest.approx(99.204))
    assert not any(map(route.HasField, ("min", "max")))
    assert (route.start_time_unix_nano, route.time_unix_nano) == (1, 2)
    assert sum(route.bucket_counts) == 4
    assert len(route.bucket_counts) == len(route.explicit_bounds) + 1
    assert route.bucket_counts[-1] == 1
    assert route.bucket_counts[list(route.explicit_bounds).index(0.0025)] == 2


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    got: list[tuple[str, bytes]] = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Take) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", got
        server.shutdown()
        thread.join()


def test_leaving_pushes_the_last_numbers(
    collector: tuple[str, list[tuple[str, bytes]]],
) -> None:
    address, got = collector
    metrics = counted()
    with push_metrics(metrics, "worker", address, every_s=60):
        metrics.set("switchgear_in_flight", "economy", to=0)
    ((path, body),) = got
    assert path == "/v1/metrics"
    assert by_name(body)["switchgear_in_flight"].gauge.data_points[0].as_double == 0


def test_a_collector_that_is_away_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with push_metrics(counted(), "worker", "http://127.0.0.1:9", every_s=60):
        pass
    (line,) = caplog.records
    assert line.name == "observability.metrics.otlp_push"
    assert line.getMessage().startswith("metrics not pushed to http://127.0.0.1:9: ")
    assert "no reason given" not in line.getMessage()


def test_the_exporters_own_words_are_heard_again_afterwards(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with push_metrics(MetricsRegistry(), "worker", "http://127.0.0.1:9", every_s=60):
        pass
    logging.getLogger(OTLPMetricExporter.__module__).warning("heard")
    assert caplog.messages[-1] == "heard"
