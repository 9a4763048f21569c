"""Request headers: what a record says of itself before its body is read."""

from dataclasses import dataclass

from producers.contract import codec
from producers.contract.codec import Headers, integer
from producers.contract.reply_address import ReplyAddress, read_reply_address
from producers.kafka.broker import Record


@dataclass(frozen=True, slots=True)
class RequestHeaders:
    """The headers of a request."""

    request_id: str | None
    """As claimed here, until the body is read."""

    tenant: str | None
    """As claimed here, until the body is read."""

    reply: ReplyAddress
    """Where the sender wants to be answered."""

    submitted_ms: int
    """Unix milliseconds."""

    deadline_ms: int | None
    """Unix milliseconds."""

    foreign: Headers
    """The sender's own headers, which travel on."""


def read_request_headers(record: Record) -> RequestHeaders:
    """Never fails: what is absent or unreadable is None."""
    headers = record.headers
    submitted_ms = integer(headers, codec.SUBMITTED)
    # a clock that goes ahead must not make a request seem to have been sent in the future
    if submitted_ms is None or submitted_ms > record.timestamp_ms:
        submitted_ms = record.timestamp_ms
    return RequestHeaders(
        codec.request_id(headers),
        codec.header(headers, codec.TENANT_HEADER),
        read_reply_address(headers),
        submitted_ms,
        integer(headers, codec.DEADLINE),
        [pair for pair in headers if pair[0] not in codec.OWN_HEADERS],
    )
