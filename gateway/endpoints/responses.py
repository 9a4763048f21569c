"""Responses endpoint: `POST /v1/responses`, at once, as a stream, or in the background."""

import time
from typing import Any, Final

from pydantic_core import to_json

from gateway.access.api_keys import Caller
from gateway.answers.dialect import AnswerContext, HttpDialect
from gateway.connections.connection import Connection
from gateway.endpoints.completion import CompletionEndpoint
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.endpoints.response_followers import ResponseFollowers, store_away
from gateway.endpoints.response_writing import Response
from gateway.errors.api_error import ApiError
from gateway.exchanges.submissions import Accepted, parse_json
from gateway.openai_responses.call import ResponsesCall, response_id, responses_call
from gateway.openai_responses.dialect import OpenAIResponses
from gateway.openai_responses.keeping import answered_response, queued_response
from gateway.openai_responses.request import ResponseHistory, referenced_responses
from gateway.openai_responses.response import response_object
from gateway.stored_responses.store import ResponseStore, ResponseStoreAwayError
from gateway.stored_responses.stored_response import StoredResponse
from producers.contract import Done

_MOST_REFERENCES: Final = 100
"""Responses whose items one request names."""
_PREVIOUS: Final = "previous_response_id"


class ResponsesEndpoint(CompletionEndpoint):
    """The route."""

    _answers_later = False  # it has `background` for that

    def __init__(self, gateway: GatewayDependencies, followers: ResponseFollowers) -> None:
        super().__init__(gateway, OpenAIResponses())
        self._followers = followers

    async def _dialect_of(
        self,
        connection: Connection,  # noqa: ARG002 the seam's
        caller: Caller,
        raw: bytes,
    ) -> HttpDialect | ApiError:
        return await dialect_with_history(self._gateway.responses, caller.tenant, raw)

    async def _prepare(self, caller: Caller, accepted: Accepted) -> ApiError | None:
        """A response in the background is known before it begins."""
        call = accepted.call
        if not (isinstance(call, ResponsesCall) and call.background):
            return None
        request = accepted.submission.request
        context = AnswerContext(call, request.id, int(time.time()))
        queued = queued_response(context, request, accepted.submission.digest)
        name = response_id(request.id)
        try:
            await self._gateway.responses.put(caller.tenant, name, queued, first=True)
        except ResponseStoreAwayError:
            return store_away()
        return None

    async def _respond(self, caller: Caller, response: Response) -> None:
        call = responses_call(response.context)
        if call.background:
            exchange = response.reader.exchange
            self._followers.follow(caller.tenant, response.context, exchange.reader())
            if not call.stream:
                queued = response_object(response.context, "queued")
                return await response.connection.respond(200, {}, to_json(queued))
        return await response.send()

    async def _keep(self, caller: Caller, context: AnswerContext, done: Done) -> None:
        call = responses_call(context)
        if call.store and not call.background:
            await self._followers.put(caller.tenant, context, answered_response(context, done))


async def dialect_with_history(
    store: ResponseStore, tenant: str, raw: bytes
) -> OpenAIResponses | ApiError:
    """The dialect that knows the tenant's earlier responses, as far as the body may name them."""
    if _PREVIOUS.encode() not in raw and b"item_reference" not in raw:
        return OpenAIResponses()
    body = parse_json(raw)
    if isinstance(body, ApiError):
        return body
    names = referenced_responses(body)
    if len(names) > _MOST_REFERENCES:
        words = f"input: refers to items of {len(names)} responses, at most {_MOST_REFERENCES}"
        return ApiError("invalid_request", "invalid_request", words, "input")
    try:
        known = {name: await store.get(tenant, name) for name in names}
    except ResponseStoreAwayError:
        return store_away()
    previous = body.get(_PREVIOUS)
    if previous is None:
        return OpenAIResponses(_history(known, None, None))
    before = known.get(previous) if isinstance(previous, str) else None
    refusal = _unfit(previous, before)
    return refusal or OpenAIResponses(_history(known, previous, before))


def _unfit(previous: object, before: StoredResponse | None) -> ApiError | None:
    """Why a conversation can't go on from there."""
    if before is None:
        words = f"{_PREVIOUS}: no response {str(previous)[:100]!r}, or none any more"
        return ApiError("not_found", "previous_response_not_found", words, _PREVIOUS)
    if before.response["status"] in ("completed", "incomplete"):
        return None
    words = f"{_PREVIOUS}: that response is {before.response['status']}: it has no answer"
    return ApiError("invalid_request", "invalid_request", words, _PREVIOUS)


def _history(
    known: dict[str, StoredResponse | None], previous: str | None, before: StoredResponse | None
) -> ResponseHistory:
    items: dict[str, Any] = {}
    for stored in known.values():
        if stored is not None:
            items |= {item["id"]: item for item in (*stored.response["output"], *stored.items)}
    return ResponseHistory(() if before is None else before.messages, items, previous)
