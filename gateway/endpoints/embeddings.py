"""Embeddings endpoint: `POST /v1/embeddings`; the vectors come in as many replies as they need."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from gateway.access.api_keys import Caller
from gateway.connections.connection import ClientGone, Connection
from gateway.demands.outcome import outcome_headers
from gateway.demands.routing_demands import FIELD, routing_demands
from gateway.embeddings.request import EmbeddingsCall, read_embeddings_request
from gateway.embeddings.response import embeddings_list
from gateway.endpoints.dependencies import STOPPING, GatewayDependencies
from gateway.endpoints.response_writing import send_error
from gateway.endpoints.spoken_dialect import CHAT_DIALECT
from gateway.errors.api_error import ApiError
from gateway.exchanges.exchange import Exchange, Reader, Submission, uncounted
from gateway.exchanges.submissions import parse_json, submissions_of
from gateway.shared_limits.fleet_limits import Admission
from observability.tracing.request_trace import RequestTrace
from producers.contract import Chunk, Done

_BYTES_PER_TOKEN: Final = 4


class EmbeddingsEndpoint:
    """The route."""

    def __init__(self, gateway: GatewayDependencies) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ClientGone."""
        connection = Connection(scope, receive, send, self._gateway.limits)
        connection.info.route = "embeddings"
        caller = await self._gateway.admit_post(connection, "embeddings")
        raw = caller if isinstance(caller, ApiError) else await connection.body()
        if isinstance(caller, ApiError) or isinstance(raw, ApiError):
            return await send_error(connection, CHAT_DIALECT, raw)  # type: ignore[arg-type]
        with self._gateway.traced(connection, caller, "embeddings") as trace:
            await self._serve(connection, caller, raw, trace)
        return None

    async def _serve(
        self, connection: Connection, caller: Caller, raw: bytes, trace: RequestTrace
    ) -> None:
        begun_s = time.monotonic()
        read = self._read(connection, caller, raw, trace)
        if isinstance(read, ApiError):
            return await send_error(connection, CHAT_DIALECT, read)
        call, submissions = read
        connection.info.request_id = submissions[0].request.id
        readers = await self._readers(submissions, caller, 1 + len(raw) // _BYTES_PER_TOKEN)
        if isinstance(readers, ApiError):
            return await send_error(connection, CHAT_DIALECT, readers)
        connection.info.request_id = readers[0].exchange.submission.request.id
        delivered = False
        try:
            replies = await self._replies(connection, readers)
            # millions of numbers as text take their time
            answer = await asyncio.to_thread(_told, call, replies)
            if isinstance(answer, ApiError):
                await send_error(connection, CHAT_DIALECT, answer)
            else:
                outcome, body = answer
                took_ms = int((time.monotonic() - begun_s) * 1000)
                headers = {**outcome_headers(outcome), "openai-processing-ms": str(took_ms)}
                await connection.respond(200, headers, body)
            delivered = True
        finally:
            connection.unwatch()
            for reader in readers:
                self._gateway.exchanges.leave(reader, delivered=delivered)
        return None

    def _read(
        self, connection: Connection, caller: Caller, raw: bytes, trace: RequestTrace
    ) -> tuple[EmbeddingsCall, list[Submission]] | ApiError:
        body = parse_json(raw, numbers_aside=True)
        if isinstance(body, ApiError):
            return body
        routing = routing_demands(connection.headers, body.pop(FIELD, None))
        if isinstance(routing, ApiError):
            return routing
        call = read_embeddings_request(body)
        if isinstance(call, ApiError):
            return call
        model = self._gateway.config().models.get(call.model)
        bodies = call.bodies(None if model is None else model.dimensions)
        carrier = {name: value.decode() for name, value in trace.headers()}
        submissions = submissions_of(connection, caller, raw, bodies, (routing, carrier))
        if isinstance(submissions, ApiError):
            return submissions
        asked = submissions[0].request.routing
        return self._gateway.misplaced(caller.tenant, asked.residency) or (call, submissions)

    async def _readers(
        self, submissions: Sequence[Submission], caller: Caller, tokens: int
    ) -> list[Reader] | ApiError:
        """One of each request, which are begun if they aren't repeated ones."""
        gateway, readers = self._gateway, list[Reader]()
        for submission in submissions:
            reader = await self._reader(submission, caller, 0 if readers else tokens)
            if isinstance(reader, ApiError):
                for begun in readers:
                    gateway.exchanges.leave(begun, delivered=False)
                return reader
            readers.append(reader)
        return readers

    async def _reader(
        self, submission: Submission, caller: Caller, tokens: int
    ) -> Reader | ApiError:
        """tokens: 0 for all but the first of several, which stands for them in its key's limits."""
        gateway = self._gateway
        joined = await gateway.exchanges.join(submission)
        if joined is not None:
            return joined
        if not tokens:
            return await gateway.exchanges.begin(submission, uncounted)
        admission = await gateway.key_limits.admit(caller, tokens)
        if isinstance(admission, ApiError):
            return admission
        return await gateway.exchanges.begin(submission, partial(self._release, admission))

    async def _release(self, admission: Admission, exchange: Exchange) -> None:
        final = exchange.final
        used = final.usage.input_total if isinstance(final, Done) else None
        await self._gateway.key_limits.release(admission, used)

    async def _replies(
        self, connection: Connection, readers: Sequence[Reader]
    ) -> list[Done] | ApiError:
        """All of them, or the first error. Raises ClientGone."""
        gateway, replies = self._gateway, list[Done]()

        def wake() -> None:
            for reader in readers:
                reader.wake()

        connection.watch(wake)
        gateway.stop.listen(wake)
        try:
            for reader in readers:
                final = await self._final(connection, reader)
                if isinstance(final, ApiError):
                    return final
                replies.append(final)
        finally:
            gateway.stop.ignore(wake)
        return replies

    async def _final(self, connection: Connection, reader: Reader) -> Done | ApiError:
        while True:
            for part in reader.take():
                if not isinstance(part, Chunk):
                    return part
            if connection.gone:
                raise ClientGone
            if self._gateway.stop.ending:
                return STOPPING
            await reader.changed(self._gateway.limits.request_timeout_s)


def _told(
    call: EmbeddingsCall, replies: "list[Done] | ApiError"
) -> tuple[dict[str, Any], bytes] | ApiError:
    """The outcome and the body."""
    answer = replies if isinstance(replies, ApiError) else embeddings_list(call, replies)
    return answer if isinstance(answer, ApiError) else (answer["switchgear"], to_json(answer))
