"""Feedback endpoint: what a caller says of an answer that it got."""

import json
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.types import Receive, Scope, Send

from gateway.access.api_keys import Caller
from gateway.connections.connection import Connection
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.endpoints.response_writing import send_error
from gateway.endpoints.spoken_dialect import spoken_dialect
from gateway.errors.api_error import ApiError, wrong_method
from gateway.exchanges.submissions import parse_json
from producers.contract import Name
from producers.kafka.broker import PublishFailedError

_AWAY: Final = ApiError(
    "overloaded", "queue_unavailable", "the queue is away: try again in a moment", retry_after_s=2
)


class AnswerFeedback(BaseModel):
    """The body of `POST /v1/feedback`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_id: Name
    """Of the response's `x-request-id`."""
    cached_answer: Literal["wrong"]
    """The cache's answer was none to this request."""


class FeedbackEndpoint:
    """`/v1/feedback`."""

    def __init__(self, gateway: GatewayDependencies) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ClientGone."""
        connection = Connection(scope, receive, send, self._gateway.limits)
        connection.info.route = "feedback"
        error = await self._take(connection)
        if error is not None:
            return await send_error(connection, spoken_dialect(scope), error)
        return await connection.respond(202, {}, json.dumps({"status": "accepted"}).encode())

    async def _take(self, connection: Connection) -> ApiError | None:
        if connection.method != "POST":
            return wrong_method(connection.path, "POST")
        caller = await self._gateway.identify(connection, None)
        if isinstance(caller, ApiError):
            return caller
        raw = await connection.body()
        body = raw if isinstance(raw, ApiError) else parse_json(raw)
        return body if isinstance(body, ApiError) else await self._publish(caller, body)

    async def _publish(self, caller: Caller, body: object) -> ApiError | None:
        try:
            said = AnswerFeedback.model_validate(body)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            param = ".".join(map(str, first["loc"])) or None
            return ApiError("invalid_request", "invalid_request", first["msg"], param=param)
        try:
            await self._gateway.exchanges.report_wrong_hit(caller.tenant, said.request_id)
        except PublishFailedError:
            return _AWAY
        return None
