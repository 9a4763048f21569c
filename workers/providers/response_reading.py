"""Response reading: one HTTP response, whole or streamed, under a deadline and a size limit.

What was asked for and what comes may differ: some servers answer a stream's request with one JSON
body, or the other way round. The first bytes decide how a body is read, not its label alone.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from math import ceil
from typing import Any, Final, TypeVar

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ConnectionTimeoutError,
)

from producers.contract import Usage, message_deltas
from runtime import limits
from workers.providers.base import json_in_turns
from workers.providers.base.call_outcome import (
    CallFailed,
    CallOutcome,
    Completion,
    ConnectionLost,
    Failure,
    MalformedResponse,
    StreamTruncated,
    TimedOut,
)
from workers.providers.base.dialect import (
    Answer,
    Delta,
    Dialect,
    StreamReader,
    truncated_stream,
)
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.json_values import mapping_of
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.base.token_counts import plausible
from workers.providers.errors.classification import classify_error, error_of_response
from workers.providers.errors.rate_limit_headers import rate_limits
from workers.providers.malformed_body import (
    MALFORMED_BODY,
    MalformedBodyError,
    at_once,
    guarded,
)
from workers.providers.provider import Emit
from workers.tokens.estimate import estimated_usage

LONGEST_BODY: Final = limits.PROVIDER_BODY.value
"""Bytes of an answer, inflated: more than any model writes, less than hurts a worker."""
LONGEST_ERROR: Final = limits.PROVIDER_ERROR.value
"""Bytes of an error body that are read; the rest is left on the wire."""
LONGEST_HEADER: Final = limits.PROVIDER_HEADER.value
"""Characters of a header's value that are looked at: no limit, wait or id is longer."""

_LARGE: Final = json_in_turns.LARGE
"""Bytes of an answer, or of an event, that are read on a thread: each step of it takes long."""
_LONG_STREAM: Final = 1_048_576
"""Bytes of a stream that is put together on a thread, if it hasn't LARGE bytes of words."""
_END_OF_BODY_S: Final = 0.25
"""What an answer that is complete may wait for its connection's sake."""
_BYTES_PER_TOKEN: Final = 4.0
_SSE: Final = "text/event-stream"
_SSE_FIELDS: Final = (b"data:", b"event:", b"id:", b"retry:", b":")
_BLANK: Final = b" \t\r\n\xef\xbb\xbf"
_WRITTEN: Final = {"content", "reasoning_content"}
_UNTOLD: Final = Usage()
_EMPTY_ANSWER: Final = 40
"""Tokens of an answer's JSON without words: what it holds beside them."""
_ESTIMATED: Final = "the provider told no usage to believe: tokens and cost are an estimate"

_F = TypeVar("_F", bound=CallFailed)


class ResponseReading:
    """The reading of one response; its deadline is moved once the first token has come."""

    def __init__(
        self,
        dialect: Dialect,
        request: ProviderRequest,
        emit: Emit | None,
        redact: Callable[[str], str],
    ) -> None:
        self._dialect = dialect
        self._request = request
        self._emit = emit
        self._redact = redact
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._first_token_s: float | None = None
        self._received_bytes = 0
        self._reader: StreamReader | None = None

    @property
    def first_wait_s(self) -> float:
        """Seconds to wait at first: for the whole answer, or for a stream's first token."""
        if self._emit is None:
            return self._request.timeout_s
        return min(self._request.first_token_timeout_s, self._request.timeout_s)

    async def read(self, response: ClientResponse, deadline: asyncio.Timeout) -> CallOutcome:
        """The outcome that `response` tells."""
        headers = short_headers(response.headers)
        if response.status != HTTPStatus.OK:
            error = await ResponseBody(response).beginning(LONGEST_ERROR)
            return self._failure(error_of_response(response.status, error, headers), headers)
        body = ResponseBody(response)
        # some servers wait in blank lines before they answer; in a stream of bytes none is blank
        stream_type = self._dialect.stream_type
        blank = b"" if response.content_type == stream_type != _SSE else _BLANK
        try:
            head = await body.next_chunk()
            while head and not (head := head.lstrip(blank)):
                head = await body.next_chunk()
            if is_event_stream(stream_type, response.content_type, head):
                result = await self._stream(head, body, deadline)
            else:
                result = await self._whole(head, body, deadline)
        except MalformedBodyError as error:
            kind = headers.get("content-type", "no content type")
            message = self._redact(f"the response ({kind}) isn't the dialect's: {error}")
            malformed = MalformedResponse(
                message=message, status=response.status, too_large=error.too_large
            )
            return self._with_bill(malformed)
        match result:
            case Answer():
                return self._completion(result, headers)
            case ErrorReport():
                return self._failure(result, headers)
            case _:
                return self._with_bill(result)

    async def _whole(
        self, head: bytes, body: "ResponseBody", deadline: asyncio.Timeout
    ) -> Answer | ErrorReport | Failure:
        if self._emit is not None:  # a whole answer comes where a stream was asked for
            deadline.reschedule(self._began + self._request.timeout_s)
        pieces = [head]
        while chunk := await body.next_chunk():
            pieces.append(chunk)
        payload = b"".join(pieces) if len(pieces) > 1 else head
        if len(payload) <= _LARGE:
            result, deltas = self._decoded(payload)
        else:
            deadline.reschedule(None)  # it is here, and will be billed
            result, deltas = await asyncio.to_thread(self._decoded, payload)
        for delta in deltas:
            await self._pass_on(delta, deadline)
        return result

    def _decoded(self, payload: bytes) -> tuple[Answer | ErrorReport | Failure, list[Delta]]:
        """A body's result, and the deltas for whoever asked for a stream."""
        with MALFORMED_BODY:
            result = self._dialect.decode_answer(payload)
            if self._emit is None or not isinstance(result, Answer):
                return result, []
            return result, whole_deltas(result.body)

    async def _stream(
        self, chunk: bytes, body: "ResponseBody", deadline: asyncio.Timeout
    ) -> Answer | ErrorReport | Failure:
        reader = self._reader = self._dialect.stream_reader()
        unread = 0
        while chunk and not reader.ended:
            deltas = guarded(reader.feed(chunk))
            unread += len(chunk)
            if unread > _LARGE:
                deltas = await asyncio.to_thread(at_once, deltas)
            for delta in deltas:
                unread = 0
                self._count(delta, deadline)
                if self._emit is not None:
                    await self._emit(delta)
            chunk = await body.end() if reader.ended else await body.next_chunk()
        deltas = guarded(reader.close())
        if unread > _LARGE:
            deltas = await asyncio.to_thread(at_once, deltas)
        for delta in deltas:
            await self._pass_on(delta, deadline)
        with MALFORMED_BODY:
            if self._received_bytes > _LARGE or body.size > _LONG_STREAM:
                deadline.reschedule(None)  # it is here, and will be billed
                return await asyncio.to_thread(reader.result)
            return reader.result()

    async def _pass_on(self, delta: Delta, deadline: asyncio.Timeout) -> None:
        self._count(delta, deadline)
        if self._emit is not None:
            await self._emit(delta)

    def _count(self, delta: Delta, deadline: asyncio.Timeout) -> None:
        """What has come so far; the first token that is passed on moves the deadline."""
        self._received_bytes += _size(delta)
        if self._first_token_s is None and self._emit is not None and _says_something(delta):
            self._first_token_s = self._elapsed()
            deadline.reschedule(self._began + self._request.timeout_s)

    def _completion(self, answer: Answer, headers: Mapping[str, str]) -> Completion:
        now = datetime.now(UTC)
        first = self._elapsed() if self._first_token_s is None else self._first_token_s
        usage, estimated = self._believed(answer.usage), False
        embeds = self._request.body.embeddings is not None
        if usage is None or not (usage.input_total and (usage.output_total or embeds)):
            usage, estimated = _completed(usage, estimated_usage(self._request.body, answer.body))
        return Completion(
            self._missing_head(headers, now) | answer.body,
            usage,
            answer.finish_reason,
            first,
            answer.warnings + ((_ESTIMATED,) if estimated else ()),
            rate_limits(headers, now),
            estimated,
        )

    def _missing_head(self, headers: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """What OpenAI's body always has and not every dialect tells."""
        answer_id = headers.get("x-amzn-requestid") or self._request.request_id or "unknown"
        deployment = self._request.deployment
        model = deployment.wire_model or deployment.model
        return {"id": answer_id, "model": model, "created": int(now.timestamp())}

    def _failure(self, report: ErrorReport, headers: Mapping[str, str]) -> Failure:
        """The report's failure; what a provider says may quote a key."""
        codes = tuple(map(self._redact, report.codes))
        clean = replace(report, codes=codes, message=self._redact(report.message))
        return self._with_bill(classify_error(clean, headers, datetime.now(UTC)))

    def timed_out(self) -> TimedOut:
        """The deadline passed; tokens that had come are billed."""
        before = self._first_token_s is None
        waited = f"{self._elapsed():.1f} s"
        message = f"no token within {waited}" if before else f"the answer took over {waited}"
        return self._with_bill(TimedOut(message=message, before_first_token=before))

    def connection_lost(self, error: Exception) -> ConnectionLost | StreamTruncated:
        """The connection broke, or never was; the exception's text may quote addresses."""
        if self._first_token_s is not None:
            return self._with_bill(truncated_stream(None))
        connected = not isinstance(error, ClientConnectorError | ConnectionTimeoutError)
        message = f"no connection to the provider: {type(error).__name__}"
        return ConnectionLost(message=message, connected=connected)

    def _with_bill(self, failure: _F) -> _F:
        """`failure` with what it costs: the usage that was told, at the least what came.

        Providers bill a broken stream for its prompt and for what they had written. OpenAI's tells
        its usage in the last event only, Anthropic's the prompt's at the start: without an estimate
        every broken call would be free in the ledger.
        """
        usage = self._believed(failure.usage)
        if usage is None and self._reader is not None:
            usage = self._believed(self._reader.usage)
        if not self._received_bytes:
            return replace(failure, usage=usage)
        output = ceil(self._received_bytes / _BYTES_PER_TOKEN)
        if usage is None:
            prompt = estimated_usage(self._request.body, {"choices": ()})
            usage = prompt.model_copy(update={"output": output})
            return replace(failure, usage=usage, usage_estimated=True)
        guess, short = usage, usage.output < output
        if short:
            guess = usage.model_copy(update={"output": output})
        if not usage.input_total:
            guess = _completed(guess, estimated_usage(self._request.body, {"choices": ()}))[0]
        return replace(failure, usage=guess, usage_estimated=guess is not usage)

    def _believed(self, usage: Usage | None) -> Usage | None:
        """`usage` if it says something that can be true of this model."""
        if usage is None or not (usage.output or usage.input_uncached or usage != _UNTOLD):
            return None
        embeddings = self._request.body.embeddings
        inputs = 1 if embeddings is None else len(embeddings["input"])
        return usage if plausible(usage, self._request.model.context_window * inputs) else None

    def _elapsed(self) -> float:
        return self._loop.time() - self._began


class ResponseBody:
    """A response's body in chunks, inflated and bounded; aiohttp inflates in small steps."""

    def __init__(self, response: ClientResponse) -> None:
        self._content = response.content
        self.size = 0

    async def next_chunk(self) -> bytes:
        """The next bytes, b"" at the end. Raises MalformedBodyError above LONGEST_BODY."""
        chunk = await self._content.readany()
        self.size += len(chunk)
        if self.size > LONGEST_BODY:
            words = f"it is larger than {LONGEST_BODY >> 20} MiB"
            raise MalformedBodyError(words, too_large=True)
        return chunk

    async def beginning(self, size: int) -> bytes:
        """The first `size` bytes; what follows stays on the wire."""
        pieces: list[bytes] = []
        while self.size < size and (chunk := await self.next_chunk()):
            pieces.append(chunk)
        return b"".join(pieces)[:size]

    async def end(self) -> bytes:
        """Reads what is behind the dialect's end mark, so that the connection is reused: b""."""
        with suppress(TimeoutError, ClientError, MalformedBodyError):
            async with asyncio.timeout(_END_OF_BODY_S):
                while not self._content.at_eof():
                    await self.next_chunk()
        return b""


def short_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """`headers` by lower-case name, each value's beginning; of several of a name the first."""
    short: dict[str, str] = {}
    for name, value in headers.items():
        short.setdefault(name.lower(), value[:LONGEST_HEADER])
    return short


def is_event_stream(stream_type: str, content_type: str, head: bytes) -> bool:
    """Whether a body that begins with `head` is to be read as the dialect's stream.

    Other streams than Server-Sent Events are known by their label. Under any label a body that
    begins like such events is one, and one that begins like JSON is JSON.
    """
    if stream_type != _SSE:
        return content_type == stream_type
    start = head.lstrip(_BLANK)
    if start.startswith((b"{", b"[")):
        return False
    return content_type == stream_type or start.startswith(_SSE_FIELDS)


def whole_deltas(body: Mapping[str, Any]) -> list[Delta]:
    """A whole `chat.completion` as the deltas that a stream would have told."""
    return list(message_deltas(body["choices"][0]["message"]))


def _completed(usage: Usage | None, estimate: Usage) -> tuple[Usage, bool]:
    """(`usage` with what it lacks, whether it lacked any).

    A prompt without tokens can't be, and a text without any neither: some servers tell one half.
    """
    if usage is None:
        return estimate, True
    lacking: dict[str, int] = {}
    if not usage.input_total:
        lacking["input_uncached"] = estimate.input_uncached
    if not usage.output_total and estimate.output > _EMPTY_ANSWER:
        lacking["output"] = estimate.output
    return (usage.model_copy(update=lacking), True) if lacking else (usage, False)


def _says_something(delta: Delta) -> bool:
    """False for a delta that only announces the answer: the first token has not come yet."""
    return any(value for name, value in delta.items() if name != "role")


def _size(delta: Delta) -> int:
    """Bytes of text in a delta: what a model wrote, without the names around it."""
    size = 0
    for name, value in delta.items():
        if name in _WRITTEN and isinstance(value, str):
            size += len(value) if value.isascii() else len(value.encode(errors="replace"))
        elif name == "tool_calls" and isinstance(value, list):
            for call in value:
                function = mapping_of(mapping_of(call).get("function"))
                size += len(str(function.get("name") or ""))
                size += len(str(function.get("arguments") or ""))
    return size
