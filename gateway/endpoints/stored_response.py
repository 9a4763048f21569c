"""Stored response endpoint: `/v1/responses/{id}`: read, stream again, cancel, delete, its input."""

import time
from collections.abc import Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from gateway.access.api_keys import Caller
from gateway.connections.connection import Connection
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.endpoints.response_followers import ResponseFollowers, store_away
from gateway.endpoints.response_writing import STREAM_HEADERS, Response, send_error
from gateway.errors.api_error import ApiError, wrong_method
from gateway.openai_responses.call import request_id_of
from gateway.openai_responses.dialect import OpenAIResponses
from gateway.openai_responses.keeping import kept_context
from gateway.openai_responses.response import failed_response
from gateway.openai_responses.stream import ResponsesStream
from gateway.stored_responses.store import ResponseStoreAwayError
from gateway.stored_responses.stored_response import StoredResponse
from producers.contract import Done, codec
from producers.kafka.broker import PublishFailedError

_CANCELLED: Final = ApiError("cancelled", "cancelled", "the caller cancelled the response")
_MOST_ITEMS: Final = 100
_USUAL_ITEMS: Final = 20
_MOST_DIGITS: Final = 9
_LONGEST_ID: Final = 200
_COMPACT: Final = "compact"
_NOT_COMPACTED: Final = (
    "/v1/responses/compact isn't served here: send the items that the conversation still needs, or "
    "a summary of the others"
)
_PARTS: Final[Mapping[str | None, str]] = {
    None: "GET, HEAD, DELETE",
    "cancel": "POST",
    "input_items": "GET, HEAD",
}
"""What is behind a response's id, with the methods that it takes."""
_Answer: TypeAlias = Mapping[str, Any]


class StoredResponseEndpoint:
    """Everything about a response that was asked for before."""

    def __init__(self, gateway: GatewayDependencies, followers: ResponseFollowers) -> None:
        self._gateway = gateway
        self._followers = followers
        self._dialect = OpenAIResponses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ClientGone."""
        connection = Connection(scope, receive, send, self._gateway.limits)
        connection.info.route = "responses"
        try:
            answer = await self._answer(connection, scope["path_params"])
        except ResponseStoreAwayError:
            answer = store_away()
        except PublishFailedError:
            words = "the queue doesn't take the cancellation now: try again in a moment"
            answer = ApiError("overloaded", "queue_unavailable", words, retry_after_s=2)
        if isinstance(answer, ApiError):
            await send_error(connection, self._dialect, answer)
        elif answer is not None:
            await connection.respond(200, {}, to_json(answer))

    async def _answer(
        self, connection: Connection, params: Mapping[str, str]
    ) -> _Answer | ApiError | None:
        """None: it is written already."""
        name, part = params["response_id"], params.get("part")
        if name == _COMPACT:
            return ApiError("not_found", "unknown_path", _NOT_COMPACTED)
        allowed = _PARTS.get(part)
        if allowed is None:
            words = f"a response has no part {part!r}"[:_LONGEST_ID]
            return ApiError("not_found", "unknown_path", words)
        if connection.method not in allowed.split(", "):
            return wrong_method(connection.path, allowed)
        caller = await self._gateway.identify(connection, "responses")
        if isinstance(caller, ApiError):
            return caller
        stored = await self._gateway.responses.get(caller.tenant, name)
        if stored is None or request_id_of(name) is None:
            words = f"no response {name[:_LONGEST_ID]!r}, or none any more"
            return ApiError("not_found", "response_not_found", words)
        return await self._of_stored(connection, caller, stored, part)

    async def _of_stored(
        self, connection: Connection, caller: Caller, stored: StoredResponse, part: str | None
    ) -> _Answer | ApiError | None:
        match connection.method, part:
            case "DELETE", _:
                return await self._delete(caller, stored)
            case _, "cancel":
                return await self._cancel(caller, stored)
            case _, "input_items":
                return _listed(stored, connection)
            case _:
                return await self._read(connection, caller, stored)

    async def _read(
        self, connection: Connection, caller: Caller, stored: StoredResponse
    ) -> _Answer | ApiError | None:
        query = _query(connection)
        if query.get("stream") == "true":
            after = query.get("starting_after", "-1")
            if not after.removeprefix("-").isdecimal() or len(after) > _MOST_DIGITS:
                return _wrong("starting_after", "must be the number of an event")
            return await self._stream(connection, caller, stored, int(after))
        if not stored.pending:
            return stored.response
        await self._followers.resume(caller.tenant, stored)
        return {**stored.response, "status": "in_progress"}

    async def _stream(
        self, connection: Connection, caller: Caller, stored: StoredResponse, after: int
    ) -> ApiError | None:
        """The events of a response in the background, from behind the one that the caller has."""
        if not stored.background:
            return _wrong("stream", "only a response with background: true is told again")
        if not stored.pending:
            await _replay(connection, stored, after)
            return None
        context = await self._followers.resume(caller.tenant, stored)
        reader = self._gateway.exchanges.reader_of(context.request_id)
        if reader is None:  # it has ended just now
            changed = await self._gateway.responses.get(caller.tenant, stored.response["id"])
            await _replay(connection, changed or stored, after)
            return None
        gateway = self._gateway
        dialect = OpenAIResponses(after=after)
        response = Response(
            connection, dialect, context, reader, gateway.stop, gateway.limits, time.monotonic()
        )
        try:
            await response.send()
        finally:
            gateway.exchanges.leave(reader, delivered=True)
        return None

    async def _delete(self, caller: Caller, stored: StoredResponse) -> _Answer:
        name = stored.response["id"]
        if stored.pending:
            await self._gateway.exchanges.cancel(caller.tenant, request_id_of(name) or "")
        await self._gateway.responses.delete(caller.tenant, name)
        return {"id": name, "object": "response", "deleted": True}

    async def _cancel(self, caller: Caller, stored: StoredResponse) -> _Answer | ApiError:
        """What has ended stays as it is, however often it is cancelled."""
        name = stored.response["id"]
        if not stored.background:
            return _wrong("background", "only a response with background: true can be cancelled")
        if not stored.pending:
            return stored.response
        request_id = request_id_of(name) or ""
        context = kept_context(stored, request_id)
        cancelled = StoredResponse(
            failed_response(context, _CANCELLED), stored.items, stored.messages, stored.call
        )
        await self._gateway.responses.put(caller.tenant, name, cancelled)
        await self._gateway.exchanges.cancel(caller.tenant, request_id)
        return cancelled.response


async def _replay(connection: Connection, stored: StoredResponse, after: int) -> None:
    """The events of a response that has ended, behind the one that the caller has."""
    context = kept_context(stored, request_id_of(stored.response["id"]) or "")
    encoder = ResponsesStream(context, after)
    reply = codec.decode_reply(stored.reply.encode()) if stored.reply else None
    if isinstance(reply, Done):
        events = encoder.done(reply)
    elif stored.response["status"] == "cancelled":
        events = encoder.error(_CANCELLED)
    else:
        told = stored.response["error"]
        events = encoder.error(ApiError("internal", told["code"], told["message"]))
    await connection.start(200, STREAM_HEADERS)
    await connection.write(events, more=False)


def _listed(stored: StoredResponse, connection: Connection) -> _Answer | ApiError:
    """A page of the input, the newest item first unless it is asked for otherwise."""
    query = _query(connection)
    limit = query.get("limit", str(_USUAL_ITEMS))
    if not limit.isdecimal() or len(limit) > _MOST_DIGITS or not 1 <= int(limit) <= _MOST_ITEMS:
        return _wrong("limit", f"must be a whole number from 1 to {_MOST_ITEMS}")
    if query.get("order", "desc") not in ("asc", "desc"):
        return _wrong("order", "must be asc or desc")
    items = list(stored.items)
    if query.get("order", "desc") == "desc":
        items.reverse()
    after = query.get("after")
    if after is not None:
        places = [number for number, item in enumerate(items) if item["id"] == after]
        if not places:
            return _wrong("after", "no such item in this response")
        items = items[places[0] + 1 :]
    page = items[: int(limit)]
    ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {}
    empty = {"first_id": None, "last_id": None}
    return {"object": "list", "data": page, "has_more": len(items) > len(page), **(ends or empty)}


def _query(connection: Connection) -> Mapping[str, str]:
    """The query's parameters; of several of one name the last one; none of a query of too many."""
    raw: bytes = connection.scope["query_string"]
    try:
        pairs = parse_qs(raw.decode("latin-1"), max_num_fields=_MOST_ITEMS)
    except ValueError:
        pairs = {}
    return {name: values[-1] for name, values in pairs.items()}


def _wrong(param: str, problem: str) -> ApiError:
    return ApiError("invalid_request", "invalid_request", f"{param}: {problem}", param)
