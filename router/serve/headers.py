"""What do a request's headers say, before its body is read?"""

from dataclasses import dataclass

from producers.contract import codec
from producers.contract.codec import Headers, integer
from producers.kafka.broker import Record


@dataclass(frozen=True, slots=True)
class RequestHeaders:
    """The headers of a request. Times: Unix milliseconds; foreign: the sender's own headers.

    request_id, tenant: as claimed here, until the body is read.
    """

    request_id: str | None
    tenant: str | None
    reply_to: str | None
    submitted_ms: int
    deadline_ms: int | None
    foreign: Headers


def read_request_headers(record: Record) -> RequestHeaders:
    """Never fails: what is absent or unreadable is None."""
    headers = record.headers
    submitted_ms = integer(headers, codec.SUBMITTED)
    if submitted_ms is None or submitted_ms > record.timestamp_ms:
        submitted_ms = record.timestamp_ms
    return RequestHeaders(
        codec.request_id(headers),
        codec.header(headers, codec.TENANT_HEADER),
        codec.header(headers, codec.REPLY_TO),
        submitted_ms,
        integer(headers, codec.DEADLINE),
        [pair for pair in headers if pair[0] not in codec.OWN_HEADERS],
    )
