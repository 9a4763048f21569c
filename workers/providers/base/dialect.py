"""Wire dialect protocol: pure translation between OpenAI's chat and one provider's wire format."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from struct import error as StructError  # noqa: N812 - the name of an exception
from typing import Any, Final, Protocol, TypeAlias

from producers.contract import Usage
from workers.providers.base.call_outcome import (
    ContentFiltered,
    Failure,
    RequestRejected,
    StreamTruncated,
)
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.provider_request import ProviderRequest

Delta: TypeAlias = dict[str, Any]
"""The `delta` of an OpenAI `chat.completion.chunk`."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """What to POST."""

    path: str
    """Appended to the deployment's base URL."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """The dialect's own; no credentials."""

    warnings: tuple[str, ...] = ()
    translated: bool = True
    """Whether it says anything in other words than the caller: a refusal may then be our doing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer in OpenAI's shape (`chat.completion`), as far as the wire tells it."""

    body: dict[str, Any]
    usage: Usage
    """`Usage()` when the provider told none that can be believed."""

    finish_reason: str
    warnings: tuple[str, ...] = ()
    """What of it has no place in `body`."""


class StreamReader(Protocol):
    """Reads one streamed answer. May raise one of MALFORMED on bytes outside of the dialect."""

    @property
    def ended(self) -> bool:
        """The end mark or an error has been read: nothing more will come."""
        ...

    @property
    def usage(self) -> Usage | None:
        """What is known to be billed so far."""
        ...

    def feed(self, received: bytes) -> Iterator[Delta]:
        """The OpenAI deltas that `received` completes, read as the iterator is asked for them."""
        ...

    def close(self) -> Iterator[Delta]:
        """What is left when the body has ended: an event whose own end was left out."""
        ...

    def result(self) -> Answer | ErrorReport | Failure:
        """The answer, the error told in the stream, or the failure of a stream that was cut."""
        ...


class Dialect(Protocol):
    """One wire format, both directions."""

    @property
    def stream_type(self) -> str:
        """The content type of a stream."""
        ...

    def encode_request(
        self, request: ProviderRequest, *, stream: bool
    ) -> WireRequest | RequestRejected:
        """The request on the wire, or why it can't be said in this dialect."""
        ...

    def decode_answer(self, payload: bytes) -> Answer | ErrorReport | Failure:
        """The answer, or error, in a 200 response. May raise one of MALFORMED."""
        ...

    def stream_reader(self) -> StreamReader:
        """A reader for one streamed response."""
        ...


MALFORMED: Final = (ValueError, KeyError, IndexError, TypeError, AttributeError, StructError)
"""What reading a payload of an unexpected shape raises; the shell makes MalformedResponse of it."""


def filtered_answer(usage: Usage | None) -> ContentFiltered:
    """An answer that the provider's filter stopped: billed, and not to be shown."""
    return ContentFiltered(
        message="the provider's content filter stopped the answer",
        status=200,
        code="content_filter",
        usage=usage,
    )


def truncated_stream(usage: Usage | None) -> StreamTruncated:
    """A stream that ended before its end mark; usage: what is known to be billed."""
    return StreamTruncated(message="the stream ended before its end mark", status=200, usage=usage)
