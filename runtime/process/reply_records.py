"""Reply records: a reply's value under its request's id, with the headers that every reply has."""

from producers.contract import Failed, codec
from producers.contract.codec import Headers
from producers.contract.reply_address import ReplyAddress
from producers.kafka.broker import Outgoing


def reply_record(
    address: ReplyAddress, value: bytes, request_id: str, headers: Headers
) -> Outgoing:
    """A record of a reply where its caller reads it."""
    return Outgoing(address.topic, value, request_id.encode(), headers, address.partition)


def reply_headers(
    request_id: str, tenant: str | None, trace: Headers, address: ReplyAddress
) -> Headers:
    """Of a reply, or of a chunk of it. trace: the headers that continue the request's trace."""
    own = {
        codec.CORRELATION_ID: request_id,
        codec.CONTENT_TYPE: "application/json",
        codec.TENANT_HEADER: tenant,
        codec.SCHEMA_HEADER: codec.SCHEMA,
    }
    return [*codec.to_headers(own), *address.echo, *trace]


def failed_record(
    failed: Failed, address: ReplyAddress, *, tenant: str | None = None, trace: Headers = ()
) -> Outgoing:
    """The record that tells a sender why there is no answer.

    tenant: None where the record that failed doesn't say whose it is.
    """
    headers = reply_headers(failed.id, tenant, trace, address)
    return reply_record(address, codec.encode(failed), failed.id, headers)
