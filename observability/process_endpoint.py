"""Process endpoint: `/metrics`, `/healthz` and `/readyz` of a process over HTTP.

`/healthz` says 503 when the loop has stood still for half a minute, `/readyz` when no work should
be sent here, with the reasons. Served from a thread, so that it answers while the loop can't.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any, Final, TypeAlias
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from observability.health import ProcessHealth
from observability.metrics.registry import MetricsRegistry

_Environ: TypeAlias = Mapping[str, Any]
_Start: TypeAlias = Callable[[str, list[tuple[str, str]]], Any]
_READY: Final = "200 OK"
_NOT_READY: Final = "503 Service Unavailable"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    timeout = 10
    """Seconds that a connection may say nothing."""

    def log_message(self, *_: object) -> None:
        """A scrape every few seconds is no news."""


@contextmanager
def process_endpoint(
    metrics: MetricsRegistry,
    port: int,
    host: str = "0.0.0.0",  # noqa: S104 (Prometheus is another machine)
    health: ProcessHealth | None = None,
) -> Iterator[int]:
    """Serves from a thread of its own; yields the port, which 0 leaves to the system.

    OSError if the port is taken. Exemplars are shown to scrapers that ask for OpenMetrics. health:
    without it there is nothing but the metrics.
    """
    scraped = make_wsgi_app(metrics.registry)

    def serve(environ: _Environ, start: _Start) -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if health is not None and path == "/healthz":
            return _told(start, () if health.lives() else ("the loop stands still",))
        if health is not None and path == "/readyz":
            return _told(start, health.problems())
        answer: Iterable[bytes] = scraped(environ, start)
        return answer

    with make_server(host, port, serve, _Server, _Silent) as server:
        thread = threading.Thread(target=server.serve_forever, name="process endpoint", daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _told(start: _Start, problems: tuple[str, ...]) -> Iterable[bytes]:
    body = json.dumps({"status": "not ready" if problems else "ok", "problems": problems}).encode()
    headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
    start(_NOT_READY if problems else _READY, headers)
    return [body]
