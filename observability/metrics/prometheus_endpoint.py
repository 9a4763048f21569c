"""Prometheus endpoint: a process's `/metrics` over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server

from observability.metrics.registry import MetricsRegistry


@contextmanager
def scrape_endpoint(metrics: MetricsRegistry, port: int, host: str = "0.0.0.0") -> Iterator[int]:  # noqa: S104 (Prometheus is another machine)
    """Serve `/metrics` from a thread of its own; yields the port, which 0 leaves to the system.

    OSError if the port is taken. Exemplars are shown to scrapers that ask for OpenMetrics.
    """
    server, thread = start_http_server(port, host, metrics.registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
