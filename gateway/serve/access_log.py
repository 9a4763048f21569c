"""Access log: a line and two metrics for each request, without prompts, answers and queries."""

import logging
import time
import uuid
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.connections.connection import ClientGone, RequestInfo
from gateway.endpoints.spoken_dialect import spoken_dialect
from gateway.errors.api_error import ApiError
from observability.metrics.registry import MetricsRegistry
from runtime.process.dead_letters import crash_detail

_log: Final = structlog.get_logger(__name__)
_errors: Final = logging.getLogger(__name__)
_CLIENT_CLOSED: Final = 499
_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
)
ROUTE: Final = "switchgear.route"
"""In a request's scope: the template of its path, e.g. `/v1/models/{model_id}`."""
_LONGEST_PATH: Final = 120
_DEFECT: Final = ApiError("internal", "internal_error", "an error of the gateway's own")


class AccessLog:
    """The outermost ASGI application: what leaves `app` as an exception ends here."""

    def __init__(self, app: ASGIApp, metrics: MetricsRegistry) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the server's lifespan."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._metrics.add("switchgear_gateway_in_flight")
        try:
            await self._serve(scope, receive, send)
        finally:
            self._metrics.add("switchgear_gateway_in_flight", by=-1)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, status = time.monotonic(), 0
        info = scope["switchgear"] = RequestInfo(uuid.uuid4().hex)

        async def heard(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, heard)
        except ClientGone:
            status, info.code = _CLIENT_CLOSED, "client_closed_request"
        except Exception as error:
            _errors.error("a request failed: %s", crash_detail(error))
            info.code = _DEFECT.code
            if status:
                raise  # the server cuts the response: its status is out
            await _tell_defect(scope, info, heard)
        self._report(scope, info, status, time.monotonic() - begun)

    def _report(self, scope: Scope, info: RequestInfo, status: int, took_s: float) -> None:
        self._metrics.count("switchgear_gateway_requests_total", info.route, str(status))
        self._metrics.observe(
            "http_server_request_duration_seconds", *_labels(scope, info, status), value=took_s
        )
        if info.route != "health":
            _log.info(
                "http",
                method=scope["method"],
                path=scope["path"][:_LONGEST_PATH],
                status=status,
                ms=round(took_s * 1000, 1),
                request_id=info.request_id,
                tenant=info.tenant,
                key=info.key,
                code=info.code,
            )


def _labels(scope: Scope, info: RequestInfo, status: int) -> tuple[str, str, str, str]:
    """By OpenTelemetry's conventions: method, template of the path, status, type of error.

    What a caller may invent is one series: another method, a path that isn't served.
    """
    method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
    failed = status >= _CLIENT_CLOSED
    return method, scope.get(ROUTE, ""), str(status), (info.code or str(status)) if failed else ""


async def _tell_defect(scope: Scope, info: RequestInfo, send: Send) -> None:
    dialect = spoken_dialect(scope)
    body = dialect.error_body(_DEFECT, info.request_id)
    headers = [
        (b"content-type", b"application/json"),
        (b"x-request-id", info.request_id.encode()),
    ]
    status = dialect.error_status(_DEFECT).status
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
