"""Model, health and unknown paths: the endpoints that publish nothing."""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from gateway.answers.listed_model import ListedModel, ListedPrice
from gateway.anthropic_messages.models import anthropic_model, anthropic_models
from gateway.connections.connection import Connection
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.endpoints.response_writing import send_error
from gateway.endpoints.spoken_dialect import MESSAGES_DIALECT, spoken_dialect
from gateway.errors.api_error import ApiError, wrong_method
from gateway.openai_chat.models import openai_model, openai_models
from gateway.openapi.document import openapi_document
from producers.contract import Usage
from runtime.config.catalog import Catalog
from runtime.config.pricing import PriceOf

_LONGEST_PATH: Final = 120
_THOUSAND: Final = 1_000
_THOUSAND_TOKENS: Final = (Usage(input_uncached=_THOUSAND), Usage(output=_THOUSAND))
"""Of the input, of the output: so few that no higher rate of long prompts applies."""
_JSON: Final[Mapping[str, str]] = {"cache-control": "no-store"}


def listed_models(catalog: Catalog, price_of: PriceOf) -> list[ListedModel]:
    """What `model` may say: `auto`, the tiers, the models that a tier serves."""
    models = {
        name: [
            tier
            for tier in catalog.tiers
            if any(deployment.model == name for _, deployment in catalog.deployments_of(tier))
        ]
        for name in catalog.models
    }
    return [
        ListedModel("auto", "router"),
        *(ListedModel(tier, "tier") for tier in catalog.tiers),
        *(
            ListedModel(
                name,
                "model",
                tuple(sorted(catalog.models[name].capabilities)),
                catalog.models[name].context_window,
                tuple(tiers),
                _lowest_price(catalog, name, price_of),
            )
            for name, tiers in models.items()
            if tiers
        ),
    ]


def _lowest_price(catalog: Catalog, model: str, price_of: PriceOf) -> ListedPrice | None:
    """Of the deployments that have a price; by a thousand tokens of each kind."""
    prices = []
    for tier in catalog.tiers:
        for _, deployment in catalog.deployments_of(tier):
            if deployment.model == model:
                rates = [price_of(deployment, usage) for usage in _THOUSAND_TOKENS]
                if rates[0] is not None and rates[1] is not None:
                    prices.append((rates[0] / _THOUSAND, rates[1] / _THOUSAND))
    return ListedPrice(*min(prices, key=sum)) if prices else None


class ModelsEndpoint:
    """`/v1/models` and `/v1/models/{id}`."""

    def __init__(self, gateway: GatewayDependencies, created: int) -> None:
        """created: Unix seconds, of every model: the file has no such date."""
        self._gateway = gateway
        self._created = created

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ClientGone."""
        connection = Connection(scope, receive, send, self._gateway.limits)
        connection.info.route = "models"
        answer = await self._answer(connection, scope.get("path_params", {}).get("model_id"))
        if isinstance(answer, ApiError):
            await send_error(connection, spoken_dialect(scope), answer)
        else:
            await connection.respond(200, _JSON, json.dumps(answer).encode())

    async def _answer(
        self, connection: Connection, model_id: str | None
    ) -> dict[str, Any] | ApiError:
        if connection.method not in {"GET", "HEAD"}:
            return wrong_method(connection.path, "GET, HEAD")
        caller = await self._gateway.identify(connection, "models")
        if isinstance(caller, ApiError):
            return caller
        models = listed_models(self._gateway.config(), self._gateway.price_of)
        anthropic = spoken_dialect(connection.scope) is MESSAGES_DIALECT
        if model_id is None:
            listing = anthropic_models if anthropic else openai_models
            return listing(models, self._created)
        for model in models:
            if model.id == model_id:
                one = anthropic_model if anthropic else openai_model
                return one(model, self._created)
        words = "no such model: GET /v1/models lists them"
        return ApiError("not_found", "model_not_found", words, "model")


class HealthEndpoint:
    """`/healthz`: the process lives. `/readyz`: it takes requests. `/`: the probe of some SDKs."""

    def __init__(self, gateway: GatewayDependencies) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ClientGone."""
        connection = Connection(scope, receive, send, self._gateway.limits)
        connection.info.route = "health"
        gateway = self._gateway
        if connection.method not in {"GET", "HEAD"}:
            error = wrong_method(connection.path, "GET, HEAD")
            return await send_error(connection, spoken_dialect(scope), error)
        status, word = 200, "ok"
        if connection.path == "/readyz" and gateway.stop.draining:
            status, word = 503, "stopping"
        elif connection.path == "/readyz" and not gateway.ready():
            status, word = 503, "the queue is away"
        body = json.dumps({"status": word, "service": "switchgear-gateway"}).encode()
        return await connection.respond(status, _JSON, body)


class DocumentEndpoint:
    """`/openapi.json`: every path, what it takes and what it answers."""

    def __init__(self, gateway: GatewayDependencies) -> None:
        self._gateway = gateway
        self._document = to_json(openapi_document())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ClientGone."""
        connection = Connection(scope, receive, send, self._gateway.limits)
        connection.info.route = "models"
        if connection.method not in {"GET", "HEAD"}:
            error = wrong_method(connection.path, "GET, HEAD")
            return await send_error(connection, spoken_dialect(scope), error)
        return await connection.respond(200, {}, self._document)


class UnknownPath:
    """Every other path: an error in the dialect's shape that names the right base address."""

    def __init__(self, gateway: GatewayDependencies) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ClientGone."""
        connection = Connection(scope, receive, send, self._gateway.limits)
        error = ApiError("not_found", "unknown_path", _unknown_path(connection.path))
        await send_error(connection, spoken_dialect(scope), error)


_INSTEAD: Final[Mapping[str, str]] = {
    "/v1/completions": "POST /v1/chat/completions takes `messages` in place of `prompt`",
    "/v1/complete": "POST /v1/messages takes `messages` in place of `prompt`",
    "/v1/messages/batches": "POST /v1/batches takes a file of requests",
    "/v1/conversations": "POST /v1/responses goes on with `previous_response_id`",
}
"""What to ask in place of an interface that clients know from elsewhere."""


def _unknown_path(path: str) -> str:
    """What to do: a base address is wrong, or an interface isn't served."""
    whole = path.removeprefix("/anthropic")
    if whole.startswith("/v1/") and not whole.startswith("/v1/v1"):
        does = _INSTEAD.get(whole.rstrip("/"), "GET /openapi.json lists what is")
        return f"{path[:_LONGEST_PATH]} isn't served here: {does}"
    return (
        "no such path here: an OpenAI client's base_url ends in /v1, an Anthropic client's "
        "base_url has no /v1"
    )
