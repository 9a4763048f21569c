"""ASGI application: which path is served by which endpoint."""

import time

from starlette.routing import Route, Router
from starlette.types import ASGIApp

from gateway.openai_chat.dialect import OpenAIChat
from gateway.serve.access_log import AccessLog
from gateway.serve.completions import CompletionEndpoint, GatewayDependencies
from gateway.serve.listing import HealthEndpoint, ModelsEndpoint, UnknownPath
from observability.metrics.registry import MetricsRegistry


def gateway_application(gateway: GatewayDependencies, metrics: MetricsRegistry) -> ASGIApp:
    """Every path of the gateway."""
    chat = OpenAIChat()
    models = ModelsEndpoint(gateway, chat, int(time.time()))
    health = HealthEndpoint(gateway)
    routes = [
        Route("/v1/chat/completions", CompletionEndpoint(gateway, chat)),
        Route("/v1/models", models),
        Route("/v1/models/{model_id:path}", models),
        *(Route(path, health) for path in ("/", "/healthz", "/readyz")),
    ]
    router = Router(routes, redirect_slashes=False, default=UnknownPath(gateway, chat))
    return AccessLog(router, chat, metrics)
