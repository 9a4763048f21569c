"""Exchanges: requests under way in this process, each with any number of readers of its reply.

A repetition joins the request that it repeats: by its idempotency key, or, when an SDK says that it
retries, by its content, if the first try's caller has left without the answer. A request without a
key that nobody reads is cancelled after a short grace, unless its retry has come to another
process; one with a key goes on and is recorded.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from gateway.connections.http_limits import HttpLimits
from gateway.errors.api_error import ApiError
from gateway.errors.failure_codes import error_of
from gateway.exchanges.attempts import AttemptRecords, SdkAttempt
from producers import RouterClient
from producers.client import (
    ClientOverloadedError,
    ReplyTimeoutError,
    RequestTooLargeError,
    WrongZoneError,
)
from producers.contract import Chunk, Done, Failed, Request
from producers.contract.codec import DecodeError
from producers.kafka.broker import PublishFailedError

_log: Final = logging.getLogger(__name__)
ReplyPart: TypeAlias = Chunk | Done | ApiError
REUSED: Final = ApiError(
    "unprocessable",
    "idempotency_key_reused",
    "this idempotency key was used with another request: give each request a key of its own, and "
    "repeat a key only with the same body",
)


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that may be published."""

    request: Request
    digest: bytes
    """Equal for equal requests of one caller."""
    keyed: bool
    """The caller gave it an idempotency key."""
    retries: int | None
    """How often the caller's SDK says that it has tried before; None: it doesn't say."""
    trace: Mapping[str, str]
    """Headers of the trace that it belongs to."""

    def attempt(self) -> SdkAttempt | None:
        """As which try it can be joined, or joins; None: by its id alone."""
        if self.keyed or self.retries is None:
            return None
        return SdkAttempt(self.digest, self.retries)

    def repeating(self, request_id: str) -> "Submission":
        """The same under the id of what it repeats."""
        request = self.request.model_copy(update={"id": request_id})
        return replace(self, request=request)


class Exchange:
    """One request and what has come of it so far."""

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.parts: list[ReplyPart] = []
        self.readers: set[Reader] = set()
        self.begun_s = time.monotonic()
        self.first_s: float | None = None
        """Of the first chunk, on the monotonic clock as the others."""
        self.ended_s: float | None = None
        self.attempt = submission.attempt()

    @property
    def final(self) -> Done | ApiError | None:
        """The last part; None while more is to come."""
        last = self.parts[-1] if self.parts else None
        return None if isinstance(last, Chunk) else last

    def reader(self) -> "Reader":
        """One more reader, from the first part on."""
        return Reader(self)

    def put(self, part: ReplyPart) -> None:
        """One more part, for every reader."""
        self.parts.append(part)
        if not isinstance(part, Chunk):
            self.ended_s = time.monotonic()
        elif self.first_s is None:
            self.first_s = time.monotonic()
        for reader in self.readers:
            reader.wake()


class Reader:
    """One caller's place in an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._position = 0
        self._event = asyncio.Event()
        exchange.readers.add(self)

    def wake(self) -> None:
        """Something has changed: a part has come, the caller has left, the process ends."""
        self._event.set()

    def take(self) -> list[ReplyPart]:
        """The parts that have come since the last look."""
        self._event.clear()
        parts = self.exchange.parts[self._position :]
        self._position += len(parts)
        return parts

    async def change(self) -> None:
        """Returns when something has changed; a request always ends."""
        await self._event.wait()

    async def changed(self, within_s: float) -> bool:
        """Whether something changed within that time."""
        try:
            async with asyncio.timeout(within_s):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


Ended: TypeAlias = Callable[[Exchange], Awaitable[None]]


async def uncounted(_: Exchange) -> None:
    """Nobody counts it."""


class Exchanges:
    """All requests under way in this process."""

    def __init__(self, client: RouterClient, limits: HttpLimits, attempts: AttemptRecords) -> None:
        self._client = client
        self._limits = limits
        self._attempts = attempts
        self._open: dict[str, Exchange] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, submission: Submission) -> Reader | ApiError | None:
        """A reader of the request that this one repeats; None if it is a new one.

        A request that another process has, or had, is published again under its id: the workers
        answer it once.
        """
        attempt = submission.attempt()
        claimed = await self._attempts.claim(attempt) if attempt and attempt.number else None
        if claimed is not None:
            submission = submission.repeating(claimed)
        exchange = self._open.get(submission.request.id)
        if exchange is not None:
            if exchange.submission.digest != submission.digest:
                return REUSED
            exchange.attempt = attempt
            return Reader(exchange)
        return None if claimed is None else self._publish(submission, uncounted)

    async def begin(self, submission: Submission, ended: Ended) -> Reader:
        """Publishes a new request. ended: called once, when nothing more comes."""
        attempt = submission.attempt()
        if attempt is not None:
            # before it is published: what is paid must be found by its retry after a crash
            await self._attempts.begin(attempt, submission.request.id)
        return self._publish(submission, ended)

    def _publish(self, submission: Submission, ended: Ended) -> Reader:
        exchange = self._open[submission.request.id] = Exchange(submission)
        self._start(self._run(exchange, ended))
        return Reader(exchange)

    def leave(self, reader: Reader, *, delivered: bool) -> None:
        """The reader's caller has the whole answer, or is gone."""
        exchange = reader.exchange
        exchange.readers.discard(reader)
        if exchange.readers or exchange.submission.keyed:
            return
        if not delivered:
            self._start(self._cancel_later(exchange))
        elif exchange.attempt is not None:
            self._start(self._settle(exchange.attempt, exchange.submission.request.id))

    def reader_of(self, request_id: str) -> Reader | None:
        """Of a request that is under way in this process."""
        exchange = self._open.get(request_id)
        return None if exchange is None else Reader(exchange)

    async def cancel(self, tenant: str, request_id: str) -> None:
        """Asks the fleet to stop. Raises PublishFailedError."""
        await self._client.cancel(request_id, tenant=tenant)

    async def report_wrong_hit(self, tenant: str, request_id: str) -> None:
        """The cache gave this request a wrong answer. Raises PublishFailedError."""
        await self._client.feedback(request_id, tenant=tenant)

    async def close(self) -> None:
        """Stops waiting for replies; the requests themselves go on in Kafka."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, exchange: Exchange, ended: Ended) -> None:
        request = exchange.submission.request
        deadline_ms = request.routing.deadline_ms
        seconds = self._limits.request_timeout_s if deadline_ms is None else deadline_ms / 1000
        try:
            stream = self._client.stream(request, timeout=seconds, trace=exchange.submission.trace)
            async with aclosing(stream) as parts:
                async for part in parts:
                    exchange.put(error_of(part) if isinstance(part, Failed) else part)
        except Exception as error:  # noqa: BLE001 whatever it is, the caller has to hear of it
            exchange.put(_error(error))
        finally:
            del self._open[request.id]
            await ended(exchange)

    async def _settle(self, attempt: SdkAttempt, request_id: str) -> None:
        await self._attempts.leave(attempt, request_id)

    async def _cancel_later(self, exchange: Exchange) -> None:
        request, attempt = exchange.submission.request, exchange.attempt
        if attempt is not None:
            await self._attempts.prefer(attempt, request.id)
        await asyncio.sleep(self._limits.cancel_grace_s)
        if exchange.readers or exchange.attempt is not attempt:
            return  # a retry has joined it here
        if attempt is not None and not await self._attempts.leave(attempt, request.id):
            return  # and this one elsewhere
        if exchange.final is None:
            with suppress(PublishFailedError):
                await self._client.cancel(request.id, tenant=request.tenant)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_ERRORS: Final[Mapping[type[Exception], ApiError]] = {
    ClientOverloadedError: ApiError(
        "overloaded",
        "overloaded",
        "this gateway has too many requests under way: try again in a moment",
        retry_after_s=1,
    ),
    RequestTooLargeError: ApiError(
        "request_too_large",
        "request_too_large",
        "the request is larger than a record may be: shorten it",
    ),
    WrongZoneError: ApiError(
        "forbidden", "wrong_zone", "the request's residency excludes the zone of this gateway"
    ),
    ReplyTimeoutError: ApiError(
        "timeout", "deadline_exceeded", "no answer within the deadline", may_retry=False
    ),
    PublishFailedError: ApiError(
        "overloaded",
        "queue_unavailable",
        "the queue doesn't take requests now: try again in a moment",
        retry_after_s=2,
    ),
    DecodeError: ApiError(
        "upstream",
        "unreadable_reply",
        "the reply couldn't be read: this gateway is older than the workers",
        may_retry=False,
    ),
}
"""What a caller is told of the client's own errors."""


def _error(error: Exception) -> ApiError:
    for kind, told in _ERRORS.items():
        if isinstance(error, kind):
            return told
    _log.error("a request failed: %s", type(error).__name__)
    return ApiError("internal", "internal_error", "an error of the gateway's own")
