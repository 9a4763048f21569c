"""Dialect seam: how one HTTP interface reads a request and tells an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from gateway.errors.api_error import ApiError, DialectError
from producers.contract import Chunk, Done

Scope: TypeAlias = Literal["chat", "responses", "messages", "embeddings", "models"]


@dataclass(frozen=True, slots=True)
class DialectCall:
    """A caller's request, read."""

    body: Mapping[str, Any]
    """OpenAI's Chat Completions request, as the contract carries it."""

    model: str
    """As the caller named it: every event of a stream repeats it."""

    stream: bool = False
    include_usage: bool = False
    """Whether the caller wants a usage event in the stream."""

    choices: int = 1
    """The answers that are asked for (`n`)."""

    logprobs: bool = False
    input_tokens: int = 0
    """An estimate, for a dialect whose stream tells it first."""

    buffered: bool = False
    """The stream can't begin before the whole answer is there."""

    thoughts: bool = False
    """The model's thoughts are asked for, signed or not."""

    warnings: tuple[str, ...] = ()
    """What was dropped on the way, for the caller."""


@dataclass(frozen=True, slots=True)
class AnswerContext:
    """What every answer to one request says of it."""

    call: DialectCall
    request_id: str
    created: int
    """Unix seconds."""

    extra: Mapping[str, Any] = field(default_factory=dict)


class StreamEncoder(Protocol):
    """The events of one streamed answer, each method's result ready to be written."""

    @property
    def ended(self) -> bool:
        """Whether the last event is out."""
        ...

    def chunk(self, chunk: Chunk) -> bytes:
        """The events that a chunk becomes; may be none."""
        ...

    def done(self, done: Done) -> bytes:
        """What is left of the answer, and its end."""
        ...

    def error(self, error: ApiError) -> bytes:
        """The error as the stream's last event."""
        ...

    def keep_alive(self) -> bytes:
        """An event that every SDK counts as one and that says nothing."""
        ...


class HttpDialect(Protocol):
    """One HTTP interface."""

    @property
    def name(self) -> Scope:
        """As metrics and a key's scopes call it."""
        ...

    def read(self, body: Mapping[str, Any]) -> DialectCall | ApiError:
        """The call in a body without its `switchgear` object."""
        ...

    def answer(self, context: AnswerContext, done: Done) -> bytes:
        """The whole answer as JSON."""
        ...

    def stream(self, context: AnswerContext) -> StreamEncoder:
        """The encoder of one streamed answer."""
        ...

    def error_status(self, error: ApiError) -> DialectError:
        """The error's HTTP status and type."""
        ...

    def error_body(self, error: ApiError, request_id: str) -> bytes:
        """The error object as JSON."""
        ...


def stream_restarted(request_id: str) -> ApiError:
    """Another worker took the stream over and answers otherwise than what was sent."""
    return ApiError(
        "internal",
        "stream_restarted",
        "another worker had to take over, and its answer differs from what was already sent; ask "
        f"again (with the same Idempotency-Key where one was sent). Request {request_id}",
    )
