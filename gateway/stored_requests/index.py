"""Index of stored requests: by tenant and id, what is known of each and where its reply lies.

Times are Unix milliseconds. The reply of one tenant never ends the request of another one that has
the same id: a reply's tenant is in its header, which router and workers set.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from gateway.stored_requests.receipt import Receipt, read_receipt
from producers.contract import codec
from producers.kafka.broker import Partition, Record

_WEBHOOKS_MS: Final = 345_600_000
"""Notices of an end are tried for up to four days."""
MOST_ENTRIES: Final = 1_000_000
"""About 600 MB; the oldest ones are forgotten before their time."""
_FINAL: Final = (b'{"type":"done"', b'{"type":"failed"')
_FAILED: Final = _FINAL[1]
_RETRYABLE: Final = b'"retryable":true'
_CHUNK: Final = b'{"type":"chunk"'
_RECEIPT: Final = b'{"type":"receipt"'


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lies."""

    partition: Partition
    offset: int


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """What is known of one stored request."""

    receipt: Receipt
    reply: Place | None = None
    """Of the final reply; None: it isn't there yet."""

    ended_ms: int | None = None
    """When the final reply was written."""

    may_run_again: bool = False
    """It has failed, in a way that may be retried."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody has asked for it, or too long ago."""


@dataclass(frozen=True, slots=True)
class Expired:
    """It was answered, and the answer isn't kept any more."""


Lookup: TypeAlias = StoredEntry | Unknown | Expired


class StoredIndex:
    """All stored requests that the topic still has."""

    def __init__(self, keep_ms: int) -> None:
        """keep_ms: how long an answer can be fetched; as long again it is known to have been."""
        self._keep_ms = keep_ms
        self.horizon_ms = max(2 * keep_ms, _WEBHOOKS_MS)
        """How far back the topic is of use."""
        self._entries: OrderedDict[tuple[str, str], StoredEntry] = OrderedDict()

    def add(self, record: Record) -> tuple[str, str] | None:
        """Takes in a record of the topic. The request that it is new of; None: of none.

        Raises ValueError for what is neither a receipt nor a part of a reply.
        """
        value = record.value
        if value.startswith(_RECEIPT):
            return self.begin(read_receipt(value), record.timestamp_ms)
        if value and not value.startswith((*_FINAL, _CHUNK)):
            raise ValueError("neither a receipt nor a reply")
        request_id, tenant = (
            codec.read_name(record.key),
            codec.header(record.headers, codec.TENANT_HEADER),
        )
        if request_id is None or tenant is None or not value.startswith(_FINAL):
            return None
        entry = self._entries.get((tenant, request_id))
        if entry is None or entry.reply is not None:
            return None
        self._entries[tenant, request_id] = replace(
            entry,
            reply=Place(record.partition, record.offset),
            ended_ms=record.timestamp_ms,
            may_run_again=value.startswith(_FAILED) and _RETRYABLE in value,
        )
        return tenant, request_id

    def find(self, tenant: str, request_id: str, now_ms: int) -> Lookup:
        """What is known of a request of this tenant."""
        entry = self._entries.get((tenant, request_id))
        if entry is None:
            return Unknown()
        if entry.ended_ms is not None and now_ms - entry.ended_ms > self._keep_ms:
            return Expired()
        return entry

    def begin(self, receipt: Receipt, now_ms: int) -> tuple[str, str] | None:
        """Takes in a receipt. The request that it is new of.

        Asked again: the first receipt counts, and the reply that came of it, unless that is a
        failure that may be retried.
        """
        key = (receipt.tenant, receipt.id)
        self._forget(now_ms)
        known = self._entries.get(key)
        if known is not None:
            later = receipt.created_ms > known.receipt.created_ms
            if not (known.may_run_again and later and receipt.digest == known.receipt.digest):
                return None
        self._entries[key] = StoredEntry(receipt)
        return key

    def _forget(self, now_ms: int) -> None:
        """The oldest ones whose time is over."""
        while self._entries:
            entry = next(iter(self._entries.values()))
            age_ms = now_ms - entry.receipt.created_ms
            if age_ms <= self.horizon_ms and len(self._entries) < MOST_ENTRIES:
                return
            self._entries.popitem(last=False)
