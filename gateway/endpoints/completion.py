"""Completion endpoint: a dialect's POST, from the key over Kafka to the answer."""

import time
from functools import partial

from starlette.types import Receive, Scope, Send

from gateway.access.api_keys import Caller
from gateway.answers.dialect import AnswerContext, HttpDialect
from gateway.connections.connection import Connection
from gateway.demands.prefer import read_preference
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.endpoints.genai_metrics import report_genai
from gateway.endpoints.response_writing import Response, send_error
from gateway.endpoints.stored_request import answer_later, asked_tier
from gateway.errors.api_error import ApiError
from gateway.exchanges.exchange import Exchange, Reader
from gateway.exchanges.submissions import Accepted, accept
from gateway.shared_limits.fleet_limits import Admission
from observability.tracing.request_trace import RequestTrace
from producers.contract import Done, Request

_BYTES_PER_TOKEN = 4
_LONGEST_RETRY_S = 60
"""OpenAI's SDK gives up where it is told to wait much longer."""


class CompletionEndpoint:
    """One dialect's route."""

    _answers_later = True
    """Whether `Prefer: respond-async` is heeded."""

    def __init__(self, gateway: GatewayDependencies, dialect: HttpDialect) -> None:
        self._gateway = gateway
        self._dialect = dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ClientGone."""
        connection = Connection(scope, receive, send, self._gateway.limits)
        connection.info.route = self._dialect.name
        caller = await self._gateway.admit_post(connection, self._dialect.name)
        if isinstance(caller, ApiError):
            return await send_error(connection, self._dialect, caller)
        raw = await connection.body()
        if isinstance(raw, ApiError):
            return await send_error(connection, self._dialect, raw)
        with self._gateway.traced(connection, caller, self._dialect.name) as trace:
            await self._serve(connection, caller, raw, trace)
        return None

    async def _serve(
        self, connection: Connection, caller: Caller, raw: bytes, trace: RequestTrace
    ) -> None:
        begun_s = time.monotonic()
        tokens = len(raw) // _BYTES_PER_TOKEN
        read = await self._read(connection, caller, raw, trace)
        if isinstance(read, ApiError):
            return await send_error(connection, self._dialect, read)
        dialect, accepted = read
        prefer = read_preference(connection.headers.get("prefer"))
        if prefer.respond_async and self._answers_later:
            admission = await self._gateway.key_limits.admit(caller, tokens)
            if isinstance(admission, ApiError):
                return await send_error(connection, self._dialect, admission)
            # it may wait for hours: its estimate counts, and it isn't under way here
            await self._gateway.key_limits.release(admission, None)
            return await answer_later(self._gateway, connection, self._dialect, accepted, prefer)
        reader = await self._prepare(caller, accepted) or await self._reader(
            accepted, caller, tokens
        )
        if isinstance(reader, ApiError):
            return await send_error(connection, self._dialect, reader)
        request_id = connection.info.request_id = reader.exchange.submission.request.id
        context = AnswerContext(accepted.call, request_id, int(time.time()))
        keep = partial(self._keep, caller, context)
        stop, limits = self._gateway.stop, self._gateway.limits
        response = Response(connection, dialect, context, reader, stop, limits, begun_s, keep)
        delivered = False
        try:
            await self._respond(caller, response)
            delivered = True
        finally:
            self._gateway.exchanges.leave(reader, delivered=delivered)
        return None

    async def _read(
        self, connection: Connection, caller: Caller, raw: bytes, trace: RequestTrace
    ) -> tuple[HttpDialect, Accepted] | ApiError:
        dialect = await self._dialect_of(connection, caller, raw)
        if isinstance(dialect, ApiError):
            return dialect
        carrier = {name: value.decode() for name, value in trace.headers()}
        accepted = accept(connection, dialect, caller, raw, carrier)
        if isinstance(accepted, ApiError):
            return accepted
        routing = accepted.submission.request.routing
        misplaced = self._gateway.misplaced(caller.tenant, routing.residency)
        return misplaced or (dialect, accepted)

    async def _dialect_of(
        self,
        connection: Connection,  # noqa: ARG002 a seam
        caller: Caller,  # noqa: ARG002
        raw: bytes,  # noqa: ARG002
    ) -> HttpDialect | ApiError:
        """How the body is read and its answer told."""
        return self._dialect

    async def _prepare(self, caller: Caller, accepted: Accepted) -> ApiError | None:
        """What has to be done before the request is published; why it can't be."""

    async def _respond(self, caller: Caller, response: Response) -> None:  # noqa: ARG002 a seam
        """Raises ClientGone."""
        await response.send()

    async def _keep(self, caller: Caller, context: AnswerContext, done: Done) -> None:
        """What has to be done before the caller has the end of its answer."""

    async def _reader(self, accepted: Accepted, caller: Caller, tokens: int) -> Reader | ApiError:
        """Of the request that this one repeats, else of a new one, if the key's limits allow it."""
        gateway = self._gateway
        joined = await gateway.exchanges.join(accepted.submission)
        if joined is not None:
            return joined
        crowded = self._crowded(accepted.submission.request)
        if crowded is not None:
            return crowded
        admission = await gateway.key_limits.admit(caller, tokens)
        if isinstance(admission, ApiError):
            return admission
        release = partial(self._release, admission)
        return await gateway.exchanges.begin(accepted.submission, release)

    def _crowded(self, request: Request) -> ApiError | None:
        """Why its answer would come too late: the queue is older than its deadline."""
        gateway, deadline_ms = self._gateway, request.routing.deadline_ms
        allowed_s = gateway.limits.request_timeout_s if deadline_ms is None else deadline_ms / 1000
        wait_s = gateway.queues.wait_s(asked_tier(request, gateway.config().tiers))
        if wait_s <= allowed_s:
            return None
        words = f"requests wait {wait_s:.3g} s now, longer than the deadline of {allowed_s:.3g} s"
        retry_s = min(_LONGEST_RETRY_S, max(1, int(wait_s - allowed_s)))
        return ApiError("overloaded", "overloaded", f"{words}: try later", retry_after_s=retry_s)

    async def _release(self, admission: Admission, exchange: Exchange) -> None:
        final = exchange.final
        report_genai(self._gateway.metrics, exchange)
        used = None
        if isinstance(final, Done):
            used = final.usage.input_total + final.usage.output
            self._gateway.queues.replied(final)
        await self._gateway.key_limits.release(admission, used)
