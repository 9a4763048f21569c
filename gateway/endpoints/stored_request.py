"""Stored requests over HTTP: taken without waiting, asked for by id, cancelled."""

import json
import time
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final, assert_never

from starlette.types import Receive, Scope, Send

from gateway.access.api_keys import Caller
from gateway.answers.dialect import AnswerContext, HttpDialect
from gateway.connections.connection import Connection
from gateway.demands.outcome import outcome_headers, outcome_of
from gateway.demands.prefer import Preference, read_wait
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.endpoints.response_writing import send_error
from gateway.endpoints.spoken_dialect import dialect_named, spoken_dialect
from gateway.errors.api_error import ApiError, wrong_method
from gateway.errors.failure_codes import error_of
from gateway.exchanges.exchange import REUSED
from gateway.exchanges.submissions import Accepted
from gateway.stored_requests.index import Expired, Unknown
from gateway.stored_requests.receipt import Receipt, call_fields, call_of
from gateway.stored_requests.store import (
    Finished,
    Pending,
    StoredState,
    StoreUnavailableError,
    expired,
    unknown,
)
from producers.contract import Done, Request
from producers.kafka.broker import PublishFailedError
from runtime.config.catalog import Catalog

PATH: Final = "/v1/requests"
_AWAY: Final = ApiError(
    "overloaded", "queue_unavailable", "the queue is away: try again in a moment", retry_after_s=2
)
_ASK_AGAIN_S: Final = 1


async def answer_later(
    gateway: GatewayDependencies,
    connection: Connection,
    dialect: HttpDialect,
    accepted: Accepted,
    prefer: Preference,
) -> None:
    """Takes the request; answers with a 202, or with its end if that comes within the wait."""
    receipt = _receipt(gateway.config(), dialect, accepted)
    connection.info.request_id = receipt.id
    former = gateway.stored.known(receipt.tenant, receipt.id)
    if former is not None and former.digest != receipt.digest:
        return await send_error(connection, dialect, REUSED)
    body = accepted.submission.request.body.model_copy(update={"stream": False})
    request = accepted.submission.request.model_copy(update={"body": body})
    try:
        await gateway.stored.submit(receipt, request)
        state = await gateway.stored.state(receipt.tenant, receipt.id, prefer.wait_s)
    except (PublishFailedError, StoreUnavailableError):
        return await send_error(connection, dialect, _AWAY)
    applied = {"preference-applied": "respond-async", "location": f"{PATH}/{receipt.id}"}
    match state:
        case Pending() | Unknown():
            shown = Pending(receipt)
            headers = {**applied, **_headers(shown)}
            return await connection.respond(202, headers, _pending_body(gateway, shown))
        case _:
            return await _tell(gateway, connection, dialect, state)


def asked_tier(request: Request, tiers: Container[str]) -> str | None:
    """The tier that a request names; None: any may serve it."""
    named = request.routing.tier or request.body.model
    return named if named in tiers else None


def _receipt(catalog: Catalog, dialect: HttpDialect, accepted: Accepted) -> Receipt:
    submission = accepted.submission
    request = submission.request
    return Receipt(
        id=request.id,
        tenant=request.tenant,
        dialect=dialect.name,
        call=call_fields(replace(accepted.call, stream=False)),
        digest=submission.digest.hex(),
        created_ms=int(time.time() * 1000),
        tier=asked_tier(request, catalog.tiers),
        webhooks=tuple(
            name
            for name, webhook in catalog.gateway.webhooks.items()
            if webhook.tenant == request.tenant
        ),
    )


@dataclass(frozen=True, slots=True)
class StoredRequestEndpoint:
    """`/v1/requests/{id}`: GET asks, DELETE cancels."""

    gateway: GatewayDependencies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ClientGone."""
        connection = Connection(scope, receive, send, self.gateway.limits)
        connection.info.route = "requests"
        dialect = spoken_dialect(scope)
        if connection.method not in {"GET", "HEAD", "DELETE"}:
            error = wrong_method(connection.path, "GET and DELETE")
            return await send_error(connection, dialect, error)
        caller = await self.gateway.identify(connection, None)
        if isinstance(caller, ApiError):
            return await send_error(connection, dialect, caller)
        request_id = scope["path_params"]["request_id"]
        try:
            state = await self._state(connection, caller, request_id, scope["query_string"])
            if isinstance(state, Pending | Finished):  # any other text is the caller's own
                connection.info.request_id = request_id
            if isinstance(state, Pending) and connection.method == "DELETE":
                await self.gateway.exchanges.cancel(caller.tenant, request_id)
        except (PublishFailedError, StoreUnavailableError):
            return await send_error(connection, dialect, _AWAY)
        return await _tell(self.gateway, connection, dialect, state)

    async def _state(
        self, connection: Connection, caller: Caller, request_id: str, query: bytes
    ) -> StoredState:
        wait_s = 0
        if connection.method == "GET":
            wait_s = read_wait(query, connection.headers.get("prefer"))
        return await self.gateway.stored.state(caller.tenant, request_id, wait_s)


async def _tell(
    gateway: GatewayDependencies,
    connection: Connection,
    dialect: HttpDialect,
    state: StoredState,
) -> None:
    match state:
        case Unknown():
            await send_error(connection, dialect, unknown())
        case Expired():
            await send_error(connection, dialect, expired())
        case Pending():
            body = _pending_body(gateway, state)
            await connection.respond(200, _headers(state), body)
        case Finished():
            headers, body = _finished(connection, state)
            tag = headers["etag"] = f'"{blake2b(body, digest_size=12).hexdigest()}"'
            if connection.headers.get("if-none-match") == tag:
                await connection.respond(304, headers, b"")
            else:
                await connection.respond(200, headers, body)
        case _:
            assert_never(state)


def _headers(state: Pending | Finished) -> dict[str, str]:
    headers = {"vary": "prefer", "cache-control": "no-store"}
    if isinstance(state, Pending):
        return {**headers, "retry-after": str(_ASK_AGAIN_S), "x-switchgear-status": "pending"}
    status = "completed" if isinstance(state.reply, Done) else "failed"
    return {**headers, "x-switchgear-status": status}


def _pending_body(gateway: GatewayDependencies, state: Pending) -> bytes:
    receipt = state.receipt
    waiting: Mapping[str, Any] = gateway.queues.estimate(receipt.tier, receipt.created_ms)
    return json.dumps(
        {
            "id": receipt.id,
            "object": "switchgear.request",
            "status": "pending",
            "created": receipt.created_ms // 1000,
            "queue": waiting,
        }
    ).encode()


def _finished(connection: Connection, state: Finished) -> tuple[dict[str, str], bytes]:
    """The dialect's own answer; a failure as a body that has its status inside."""
    receipt, dialect = state.receipt, dialect_named(state.receipt.dialect)
    if not isinstance(state.reply, Done):
        error = error_of(state.reply)
        connection.info.code = error.code
        told = json.loads(dialect.error_body(error, receipt.id))
        body = {
            "id": receipt.id,
            "object": "switchgear.request",
            "status": "failed",
            "http_status": dialect.error_status(error).status,
            **told,
        }
        return _headers(state), json.dumps(body).encode()
    call = call_of(receipt.call)
    context = AnswerContext(call, receipt.id, receipt.created_ms // 1000)
    outcome = outcome_headers(outcome_of(state.reply, call.warnings))
    return {**outcome, **_headers(state)}, dialect.answer(context, state.reply)
