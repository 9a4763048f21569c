"""How does one call go over HTTP? The shell around the pure dialects.

It keeps the deadlines, never retries, and turns whatever can go wrong on the way into a Failure.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from aiohttp import ClientError, ClientResponse, ClientSession
from yarl import URL

from producers.contract import Usage
from workers.providers.auth.api_key import Authorizer
from workers.providers.base.call_outcome import (
    BadCredentials,
    CallOutcome,
    Completion,
    ConnectionLost,
    Failure,
    MalformedResponse,
    RequestRejected,
    TimedOut,
)
from workers.providers.base.dialect import (
    MALFORMED,
    Answer,
    Delta,
    Dialect,
    StreamReader,
    WireRequest,
    truncated_stream,
)
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.errors.classification import classify_error, error_of_response
from workers.providers.errors.rate_limit_headers import rate_limits
from workers.providers.prompt_adaptation import adapt_prompt
from workers.providers.provider import Emit
from workers.tokens.estimate import estimated_usage

_END_OF_BODY_S: Final = 0.25
"""What an answer that is complete may wait for its connection's sake."""


_NO_USAGE: Final = "the provider told no usage: tokens and cost are an estimate"


class HttpProvider:
    """One deployment's provider: a dialect, an address and credentials over a shared session."""

    def __init__(
        self, session: ClientSession, dialect: Dialect, base_url: str, authoriser: Authorizer
    ) -> None:
        self._session = session
        self._dialect = dialect
        self._base_url = base_url.rstrip("/")
        self._authoriser = authoriser

    async def send(self, call: ProviderRequest, emit: Emit | None = None) -> CallOutcome:
        """The outcome; with `emit` the provider streams and each delta is passed on."""
        adapted = adapt_prompt(call.body, call.model)
        call = replace(call, body=adapted.body)
        request = self._dialect.encode_request(call, stream=emit is not None)
        if isinstance(request, RequestRejected):
            return request
        outcome = await self._send(call, request, emit)
        if isinstance(outcome, Completion):
            warnings = adapted.warnings + request.warnings + outcome.warnings
            return replace(outcome, warnings=warnings)
        return self._in_our_words(outcome)

    async def _send(
        self, call: ProviderRequest, request: WireRequest, emit: Emit | None
    ) -> CallOutcome:
        url = self._base_url + request.path
        identity = await self._authoriser.headers(url, request.body)
        if isinstance(identity, BadCredentials):
            return identity
        headers = {"content-type": "application/json", **request.headers, **identity}
        if call.request_id is not None:
            headers["x-request-id"] = call.request_id
        attempt = _Attempt(self._dialect, call, emit, self._authoriser.redact)
        try:
            async with (
                asyncio.timeout(attempt.patience) as deadline,
                self._session.post(
                    URL(url, encoded=True),
                    data=request.body,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                return await attempt.read(response, deadline)
        except TimeoutError:
            return attempt.timed_out()
        except (ClientError, OSError) as error:
            return attempt.lost(error)

    def _in_our_words(self, failure: Failure) -> Failure:
        """A refused key is told by its source: a provider's words may quote parts of it."""
        if isinstance(failure, BadCredentials) and failure.status is not None:
            told = f"{self._authoriser.source} was refused: HTTP {failure.status} {failure.code}"
            return replace(failure, message=told)
        return failure


class _Attempt:
    """One response, read under a deadline that is moved once the first token has come."""

    def __init__(
        self,
        dialect: Dialect,
        call: ProviderRequest,
        emit: Emit | None,
        redact: Callable[[str], str],
    ) -> None:
        self._dialect = dialect
        self._call = call
        self._emit = emit
        self._redact = redact
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._first_token_s: float | None = None
        self._reader: StreamReader | None = None

    @property
    def patience(self) -> float:
        """Seconds to wait at first: for the whole answer, or for a stream's first token."""
        if self._emit is None:
            return self._call.timeout_s
        return min(self._call.first_token_timeout_s, self._call.timeout_s)

    async def read(self, response: ClientResponse, deadline: asyncio.Timeout) -> CallOutcome:
        """The outcome that `response` tells."""
        if response.status != HTTPStatus.OK:
            report = error_of_response(response.status, await response.read(), response.headers)
            return self._failure(report, response)
        told: Answer | ErrorReport | Failure
        try:
            if self._emit is None:
                told = self._dialect.decode_answer(await response.read())
            else:
                told = await self._stream(response, deadline, self._emit)
        except MALFORMED as error:
            return self._garbled(response, error)
        return self._outcome(told, response)

    async def _stream(
        self, response: ClientResponse, deadline: asyncio.Timeout, emit: Emit
    ) -> Answer | ErrorReport | Failure:
        if response.content_type != self._dialect.stream_type:
            raise ValueError("not a stream")
        reader = self._reader = self._dialect.stream_reader()
        async for received in response.content.iter_any():
            for delta in reader.feed(received):
                if self._first_token_s is None and _says_something(delta):
                    self._first_token_s = self._elapsed()
                    deadline.reschedule(self._began + self._call.timeout_s)
                await emit(delta)
            if reader.ended:
                await _finish(response)
                break
        return reader.result()

    def _outcome(
        self, told: Answer | ErrorReport | Failure, response: ClientResponse
    ) -> CallOutcome:
        now = datetime.now(UTC)
        match told:
            case Answer(body, usage, reason):
                first = self._elapsed() if self._first_token_s is None else self._first_token_s
                limits = rate_limits(response.headers, now)
                whole = self._untold(response, now) | body
                if usage == Usage():
                    guess, warning = estimated_usage(self._call.body, body), (_NO_USAGE,)
                    return Completion(whole, guess, reason, first, warning, limits)
                return Completion(whole, usage, reason, first, limits=limits)
            case ErrorReport():
                return self._failure(told, response)
            case _:
                return told

    def _untold(self, response: ClientResponse, now: datetime) -> dict[str, Any]:
        """What OpenAI's body always has and not every dialect tells."""
        answer_id = response.headers.get("x-amzn-requestid") or self._call.request_id or "unknown"
        deployment = self._call.deployment
        model = deployment.wire_model or deployment.model
        return {"id": answer_id, "model": model, "created": int(now.timestamp())}

    def _failure(self, report: ErrorReport, response: ClientResponse) -> Failure:
        """The report's failure; what a provider says may quote a key."""
        codes = tuple(map(self._redact, report.codes))
        clean = replace(report, codes=codes, message=self._redact(report.message))
        return classify_error(clean, response.headers, datetime.now(UTC))

    def timed_out(self) -> TimedOut:
        """The deadline passed; tokens that had come are billed."""
        before = self._first_token_s is None
        waited = f"{self._elapsed():.1f} s"
        message = f"no token within {waited}" if before else f"the answer took over {waited}"
        return TimedOut(message=message, before_first_token=before, usage=self._billed())

    def lost(self, error: Exception) -> Failure:
        """The connection broke, or never was; the exception's text may quote addresses."""
        if self._first_token_s is not None:
            return truncated_stream(self._billed())
        return ConnectionLost(message=f"no connection to the provider: {type(error).__name__}")

    def _garbled(self, response: ClientResponse, error: Exception) -> MalformedResponse:
        kind = response.headers.get("content-type", "no content type")
        message = f"the response ({kind}) isn't the dialect's: {type(error).__name__}"
        return MalformedResponse(message=message, status=response.status, usage=self._billed())

    def _billed(self) -> Usage | None:
        return self._reader.usage if self._reader is not None else None

    def _elapsed(self) -> float:
        return self._loop.time() - self._began


async def _finish(response: ClientResponse) -> None:
    """Read the end of the body behind the dialect's end mark, so that the connection is reused."""
    with suppress(TimeoutError, ClientError):
        async with asyncio.timeout(_END_OF_BODY_S):
            while not response.content.at_eof():
                await response.content.readany()


def _says_something(delta: Delta) -> bool:
    """False for a delta that only announces the answer: the first token has not come yet."""
    return any(value for name, value in delta.items() if name != "role")
