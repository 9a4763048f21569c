"""What do a request's headers say, before its body is read?"""

import re
from dataclasses import dataclass
from typing import Final

from producers import codec
from producers.broker import Record
from producers.codec import Headers
from workers.job import number

_ID: Final = re.compile(r"[\w.:/@-]{1,200}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """The headers of a request. Times: Unix milliseconds; foreign: the sender's own headers.

    request_id, tenant: as claimed here, until the body is read.
    """

    request_id: str | None
    tenant: str | None
    reply_to: str | None
    submitted_ms: int
    deadline_ms: int | None
    foreign: Headers


def open_envelope(record: Record) -> Envelope:
    """Never fails: what is absent or unreadable is None."""
    headers = record.headers
    submitted_ms = number(headers, codec.SUBMITTED)
    if submitted_ms is None or submitted_ms > record.timestamp_ms:
        submitted_ms = record.timestamp_ms
    request_id = codec.header(headers, codec.CORRELATION_ID)
    return Envelope(
        request_id if request_id and _ID.fullmatch(request_id) else None,
        codec.header(headers, codec.TENANT),
        codec.header(headers, codec.REPLY_TO),
        submitted_ms,
        number(headers, codec.DEADLINE),
        [pair for pair in headers if pair[0] not in codec.OWN_HEADERS],
    )
