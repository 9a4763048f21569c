"""Token count endpoints: an estimate, without asking a provider."""

from collections.abc import Mapping
from typing import Final

from starlette.types import Receive, Scope, Send

from gateway.access.api_keys import Caller
from gateway.answers.dialect import DialectCall, HttpDialect
from gateway.answers.token_estimate import estimated_tokens
from gateway.anthropic_messages.dialect import AnthropicMessages
from gateway.anthropic_messages.request import read_messages_request
from gateway.connections.connection import Connection
from gateway.endpoints.completion import CompletionEndpoint
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.endpoints.response_writing import send_error
from gateway.endpoints.responses import dialect_with_history
from gateway.endpoints.spoken_dialect import MESSAGES_DIALECT
from gateway.errors.api_error import ApiError, wrong_method
from gateway.exchanges.submissions import parse_json
from gateway.openai_responses.dialect import OpenAIResponses

_ESTIMATE: Final[Mapping[str, str]] = {"x-switchgear-estimate": "true"}


class MessagesEndpoint(CompletionEndpoint):
    """`/v1/messages`."""

    async def _dialect_of(
        self,
        connection: Connection,
        caller: Caller,  # noqa: ARG002 the seam's
        raw: bytes,  # noqa: ARG002
    ) -> HttpDialect | ApiError:
        betas = connection.headers.get("anthropic-beta")
        return MESSAGES_DIALECT if betas is None else AnthropicMessages(betas)


class TokenCountEndpoint:
    """`/v1/messages/count_tokens`."""

    def __init__(self, gateway: GatewayDependencies) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ClientGone."""
        connection = Connection(scope, receive, send, self._gateway.limits)
        connection.info.route = "messages"
        call = await self._call(connection)
        if isinstance(call, ApiError):
            return await send_error(connection, MESSAGES_DIALECT, call)
        body = b'{"input_tokens":%d}' % call.input_tokens
        return await connection.respond(200, _ESTIMATE, body)

    async def _call(self, connection: Connection) -> DialectCall | ApiError:
        if connection.method != "POST":
            return wrong_method(connection.path, "POST")
        caller = await self._gateway.identify(connection, "messages")
        if isinstance(caller, ApiError):
            return caller
        raw = await connection.body()
        body = raw if isinstance(raw, ApiError) else parse_json(raw)
        return body if isinstance(body, ApiError) else read_messages_request(body, counting=True)


class ResponseTokenCountEndpoint:
    """`/v1/responses/input_tokens`."""

    def __init__(self, gateway: GatewayDependencies) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ClientGone."""
        connection = Connection(scope, receive, send, self._gateway.limits)
        connection.info.route = "responses"
        tokens = await self._tokens(connection)
        if isinstance(tokens, ApiError):
            return await send_error(connection, OpenAIResponses(), tokens)
        body = b'{"object":"response.input_tokens","input_tokens":%d}' % tokens
        return await connection.respond(200, _ESTIMATE, body)

    async def _tokens(self, connection: Connection) -> int | ApiError:
        caller = await self._gateway.admit_post(connection, "responses")
        if isinstance(caller, ApiError):
            return caller
        raw = await connection.body()
        if isinstance(raw, ApiError):
            return raw
        body = parse_json(raw)
        if isinstance(body, ApiError):
            return body
        dialect = await dialect_with_history(self._gateway.responses, caller.tenant, raw)
        call = dialect if isinstance(dialect, ApiError) else dialect.read(body)
        return call if isinstance(call, ApiError) else estimated_tokens(call.body)
