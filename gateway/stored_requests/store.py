"""Store of the requests that nobody waits for: receipts written, replies found again."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from cachetools import LRUCache

from gateway.errors.api_error import ApiError
from gateway.stored_requests.index import Expired, Lookup, Place, StoredEntry, StoredIndex, Unknown
from gateway.stored_requests.receipt import Receipt
from producers import RouterClient
from producers.contract import Chunk, Done, Failed, Request, codec, topics
from producers.contract.codec import DecodeError
from producers.kafka.broker import Outgoing, Publisher, Record

_RECENT_BYTES: Final = 33_554_432
"""Of replies that are remembered: most are fetched as soon as they are there."""
_NOTICE: Final = b'{"type":"notice"'
_CATCH_UP_S: Final = 1.0
"""So long a request that another gateway has just taken may be unknown here."""

ReadRecord: TypeAlias = Callable[[Place], Awaitable[Record | None]]
"""The record at a place of the topic; None: it is gone. Raises StoreUnavailableError."""


class StoreUnavailableError(Exception):
    """The topic can't be read now."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The request is under way."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Finished:
    """The request has its reply."""

    receipt: Receipt
    reply: Done | Failed


StoredState: TypeAlias = Pending | Finished | Unknown | Expired


class StoredRequests:
    """The stored requests of the whole fleet, as this process has read them."""

    def __init__(
        self, client: RouterClient, publisher: Publisher, read: ReadRecord, keep_s: float
    ) -> None:
        """keep_s: seconds that an answer can be fetched."""
        self._client = client
        self._publisher = publisher
        self._read = read
        self._index = StoredIndex(int(keep_s * 1000))
        self._recent: LRUCache[Place, bytes] = LRUCache(_RECENT_BYTES, getsizeof=len)
        self._waiting: defaultdict[tuple[str, str], set[asyncio.Event]] = defaultdict(set)
        self.finished: list[Callable[[Receipt, Place, int], None]] = []
        """Each hears of every stored request that ends, and when: Unix milliseconds."""
        self.notices: list[Callable[[Record], None]] = []
        """Each gets every record of an attempt to tell of such an end."""

    def receive(self, record: Record) -> None:
        """Takes in a record of the topic. Raises ValueError for one that can't be read."""
        if record.value.startswith(_NOTICE):
            for hear_notice in self.notices:
                hear_notice(record)
            return
        key = self._index.add(record)
        if key is None:
            return
        for event in self._waiting.get(key, ()):
            event.set()
        entry = self._index.find(*key, record.timestamp_ms)
        if isinstance(entry, StoredEntry) and entry.reply is not None:
            if len(record.value) < _RECENT_BYTES:
                self._recent[entry.reply] = record.value
            for hear in self.finished:
                hear(entry.receipt, entry.reply, record.timestamp_ms)

    async def submit(self, receipt: Receipt, request: Request) -> None:
        """Returns once both are with Kafka. Raises PublishFailedError.

        The receipt first: its reply must find it. Sent twice, the request is answered once.
        """
        key, tenant = receipt.id.encode(), {codec.TENANT_HEADER: receipt.tenant}
        written = Outgoing(topics.STORED, codec.encode(receipt), key, codec.to_headers(tenant))
        await self._publisher.publish(written)
        # at once: who asks for it now must not hear of an earlier failure
        self._index.begin(receipt, receipt.created_ms)
        await self._client.publish(request, reply_to=topics.STORED)

    async def state(self, tenant: str, request_id: str, wait_s: float = 0) -> StoredState:
        """What has come of a request, as soon as it has ended, else after `wait_s`."""
        key = tenant, request_id
        found = self._find(key)
        if isinstance(found, Unknown):
            found = await self._changed(key, _CATCH_UP_S)
        if isinstance(found, StoredEntry) and found.reply is None and wait_s > 0:
            found = await self._changed(key, wait_s)
        if not isinstance(found, StoredEntry):
            return found
        if found.reply is None:
            return Pending(found.receipt)
        reply = await self._reply(found.reply)
        return Expired() if reply is None else Finished(found.receipt, reply)

    def known(self, tenant: str, request_id: str) -> Receipt | None:
        """The receipt, if the request was taken before."""
        found = self._find((tenant, request_id))
        return found.receipt if isinstance(found, StoredEntry) else None

    async def _changed(self, key: tuple[str, str], within_s: float) -> Lookup:
        event, was = asyncio.Event(), self._find(key)
        self._waiting[key].add(event)
        try:
            async with asyncio.timeout(within_s):
                while (now := self._find(key)) == was:
                    event.clear()
                    await event.wait()
                return now
        except TimeoutError:
            return self._find(key)
        finally:
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]

    async def _reply(self, place: Place) -> Done | Failed | None:
        value = self._recent.get(place)
        if value is None:
            record = await self._read(place)
            if record is None:
                return None
            value = record.value
        try:
            reply = codec.decode_reply(value)
        except DecodeError:
            return None
        return None if isinstance(reply, Chunk) else reply

    def _find(self, key: tuple[str, str]) -> Lookup:
        return self._index.find(*key, int(time.time() * 1000))


def expired() -> ApiError:
    """The answer was there, and isn't any more."""
    return ApiError("gone", "answer_expired", "this request's answer isn't kept any longer")


def unknown() -> ApiError:
    """Also another tenant's request: who asks must not learn that it exists."""
    words = "no such request: it was never made, not with `Prefer: respond-async`, or too long ago"
    return ApiError("not_found", "not_found", words)
