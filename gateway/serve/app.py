"""ASGI application: which path is served by which endpoint."""

import time
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Scope

from gateway.demands.outcome import OUTCOME_HEADERS
from gateway.endpoints.batches import BatchesEndpoint
from gateway.endpoints.completion import CompletionEndpoint
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.endpoints.embeddings import EmbeddingsEndpoint
from gateway.endpoints.feedback import FeedbackEndpoint
from gateway.endpoints.files import FilesEndpoint
from gateway.endpoints.listing import (
    DocumentEndpoint,
    HealthEndpoint,
    ModelsEndpoint,
    UnknownPath,
)
from gateway.endpoints.response_followers import ResponseFollowers
from gateway.endpoints.responses import ResponsesEndpoint
from gateway.endpoints.spoken_dialect import CHAT_DIALECT, MESSAGES_DIALECT
from gateway.endpoints.stored_request import StoredRequestEndpoint
from gateway.endpoints.stored_response import StoredResponseEndpoint
from gateway.endpoints.token_count import (
    MessagesEndpoint,
    ResponseTokenCountEndpoint,
    TokenCountEndpoint,
)
from gateway.serve.access_log import ROUTE, AccessLog
from observability.metrics.registry import MetricsRegistry

_FILE: Final = "/{file_id}"
_BATCH: Final = "/{batch_id}"
_METHODS: Final = ("GET", "POST", "DELETE")
_SHOWN: Final = ("x-request-id", "request-id", "location", "retry-after", *OUTCOME_HEADERS)
"""Response headers that a page's scripts may read."""


class _Template(Route):
    """A route that leaves its path's template in the scope, for the metrics."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Starlette's."""
        match, found = super().matches(scope)
        return match, {**found, ROUTE: self.path.replace(":path}", "}")}


def gateway_routes(gateway: GatewayDependencies) -> list[Route]:
    """Every path of the gateway."""
    models = ModelsEndpoint(gateway, int(time.time()))
    messages, count = MessagesEndpoint(gateway, MESSAGES_DIALECT), TokenCountEndpoint(gateway)
    followers = ResponseFollowers(gateway)
    stored = StoredResponseEndpoint(gateway, followers)
    health, files, batches = (
        HealthEndpoint(gateway),
        FilesEndpoint(gateway),
        BatchesEndpoint(gateway),
    )
    return [
        _Template("/v1/chat/completions", CompletionEndpoint(gateway, CHAT_DIALECT)),
        _Template("/v1/embeddings", EmbeddingsEndpoint(gateway)),
        _Template("/v1/responses", ResponsesEndpoint(gateway, followers)),
        _Template("/v1/responses/input_tokens", ResponseTokenCountEndpoint(gateway)),
        _Template("/v1/responses/{response_id}", stored),
        _Template("/v1/responses/{response_id}/{part}", stored),
        # some point Anthropic's clients at a folder of its own
        *(_Template(f"{base}/v1/messages", messages) for base in ("", "/anthropic")),
        *(_Template(f"{base}/v1/messages/count_tokens", count) for base in ("", "/anthropic")),
        _Template("/v1/requests/{request_id}", StoredRequestEndpoint(gateway)),
        _Template("/v1/feedback", FeedbackEndpoint(gateway)),
        _Template("/openapi.json", DocumentEndpoint(gateway)),
        *(_Template(f"/v1/files{below}", files) for below in ("", _FILE, f"{_FILE}/content")),
        *(_Template(f"/v1/batches{below}", batches) for below in ("", _BATCH, f"{_BATCH}/cancel")),
        _Template("/v1/models", models),
        _Template("/v1/models/{model_id:path}", models),
        *(_Template(path, health) for path in ("/", "/healthz", "/readyz")),
    ]


def gateway_application(gateway: GatewayDependencies, metrics: MetricsRegistry) -> ASGIApp:
    """The routes, and what every other path gets."""
    router = Router(gateway_routes(gateway), redirect_slashes=False, default=UnknownPath(gateway))
    app: ASGIApp = router
    origins = gateway.config().gateway.cors_origins
    if origins:
        app = CORSMiddleware(
            *(router, origins), allow_methods=_METHODS, allow_headers=["*"], expose_headers=_SHOWN
        )
    return AccessLog(app, metrics)
