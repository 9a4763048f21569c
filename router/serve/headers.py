"""Request headers: what a record says of itself before its body is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from pydantic_core import from_json

from producers.contract import codec
from producers.contract.codec import Headers, integer
from producers.contract.reply_address import ReplyAddress, read_reply_address
from producers.kafka.broker import Record

_BEGINNING: Final = 65_536
"""Bytes of a value that can't be read, in which its id is looked for."""
_UUID_BYTES: Final = 16


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


def claimed_id(record: Record) -> str | None:
    """The id of a request that can't be read, wherever it may be found; None: nowhere.

    The header, the beginning of the body, the key, the correlation id of Spring Kafka.
    """
    return (
        codec.request_id(record.headers)
        or _id_in_body(record.value[:_BEGINNING])
        or codec.read_name(record.key)
        or _spring_id(record)
    )


def _id_in_body(beginning: bytes) -> str | None:
    try:
        body = from_json(beginning, allow_partial=True)
    except ValueError:
        return None
    claimed = body.get("id") if isinstance(body, Mapping) else None
    return codec.read_name(claimed.encode()) if isinstance(claimed, str) else None


def _spring_id(record: Record) -> str | None:
    """A UUID's bytes as its text, else the text that it is."""
    for _, value in read_reply_address(record.headers).echo:
        if len(value) == _UUID_BYTES:
            return str(UUID(bytes=value))
        return codec.read_name(value)
    return None
