"""Responses: one request's answer on its connection, as JSON or as a stream of events."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.answers.dialect import AnswerContext, HttpDialect, StreamEncoder
from gateway.connections.connection import ClientGone, Connection
from gateway.connections.http_limits import HttpLimits
from gateway.connections.stop_signal import StopSignal
from gateway.demands.outcome import outcome_headers, outcome_of
from gateway.errors.api_error import ApiError
from gateway.exchanges.exchange import Reader, ReplyPart
from producers.contract import Chunk, Done

STREAM_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    # nginx gathers a response unless it is told not to
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}
_STOPPING: Final = ApiError(
    "overloaded",
    "server_shutting_down",
    "this gateway stops: ask again, with the same Idempotency-Key where one was sent",
    retry_after_s=1,
)


@dataclass(frozen=True, slots=True)
class Response:
    """One response under way."""

    connection: Connection
    dialect: HttpDialect
    context: AnswerContext
    reader: Reader
    stop: StopSignal
    limits: HttpLimits
    begun_s: float
    """Of the monotonic clock."""
    keep: Callable[[Done], Awaitable[None]] | None = None
    """Runs before the caller has the end of its answer."""

    async def send(self) -> None:
        """Returns when the answer or the error is written. Raises ClientGone."""
        wake = self.reader.wake
        self.connection.watch(wake)
        self.stop.listen(wake)
        try:
            if self.context.call.stream:
                await self._stream()
            else:
                await self._whole()
        finally:
            self.stop.ignore(wake)
            self.connection.unwatch()

    async def _whole(self) -> None:
        while True:
            final = next((part for part in self.reader.take() if not isinstance(part, Chunk)), None)
            match final or self._interrupted():
                case ApiError() as error:
                    return await send_error(self.connection, self.dialect, error)
                case Done() as done:
                    await self._kept(done)
                    outcome = outcome_of(done, self.context.call.warnings)
                    body = self.dialect.answer(self.context, done)
                    headers = {**outcome_headers(outcome), **self._processing()}
                    return await self.connection.respond(200, headers, body)
                case None:
                    await self.reader.change()

    async def _stream(self) -> None:
        """The status waits for the first part: what fails before it has a true status."""
        parts = await self._first_parts()
        if parts and isinstance(parts[0], ApiError):
            return await send_error(self.connection, self.dialect, parts[0])
        await self.connection.start(200, {**STREAM_HEADERS, **self._processing()})
        encoder = self.dialect.stream(self.context)
        # an early failure is impossible now; an empty event tells the caller that it is heard
        events = await self._encode(encoder, parts) if parts else encoder.keep_alive()
        while True:
            if events:
                await self.connection.write(events, more=not encoder.ended)
            if encoder.ended:
                return None
            events = await self._next_events(encoder)

    async def _first_parts(self) -> Sequence[ReplyPart]:
        until_s = time.monotonic() + self.limits.hold_s
        while not (parts := self.reader.take()):
            interrupted = self._interrupted()
            if interrupted is not None:
                return [interrupted]
            left_s = until_s - time.monotonic()
            if left_s <= 0 or not await self.reader.changed(left_s):
                return self.reader.take()
        return parts

    async def _next_events(self, encoder: StreamEncoder) -> bytes:
        changed = await self.reader.changed(self.limits.keep_alive_s)
        parts: Sequence[ReplyPart] = self.reader.take()
        if not parts:
            interrupted = self._interrupted()
            if interrupted is not None:
                parts = [interrupted]
            elif not changed:
                return encoder.keep_alive()
        return await self._encode(encoder, parts)

    async def _encode(self, encoder: StreamEncoder, parts: Sequence[ReplyPart]) -> bytes:
        """The events of what has come together, as one write."""
        events = []
        for part in parts:
            if encoder.ended:
                break
            match part:
                case Chunk():
                    events.append(encoder.chunk(part))
                case Done():
                    await self._kept(part)
                    events.append(encoder.done(part))
                case ApiError():
                    self.connection.info.code = part.code
                    events.append(encoder.error(part))
        return b"".join(events)

    async def _kept(self, done: Done) -> None:
        if self.keep is not None:
            await self.keep(done)

    def _interrupted(self) -> ApiError | None:
        """Raises ClientGone."""
        if self.connection.gone:
            raise ClientGone
        return _STOPPING if self.stop.ending else None

    def _processing(self) -> dict[str, str]:
        return {"openai-processing-ms": str(int((time.monotonic() - self.begun_s) * 1000))}


async def send_error(connection: Connection, dialect: HttpDialect, error: ApiError) -> None:
    """The error with its status, in the dialect's own shape. Raises ClientGone."""
    connection.info.code = error.code
    body = dialect.error_body(error, connection.info.request_id)
    await connection.respond(dialect.error_status(error).status, error.headers(), body)
