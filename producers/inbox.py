"""Reply inbox and de-duplication: which of the parts that arrive does a waiter get to see?

Delivery is at least once, so a part may come twice; a takeover restarts a stream with a higher run;
and a request that is sent again under its id finds the stream of the first one under way.
"""

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass

from .contract import Chunk, Done, Failed, codec
from .contract.codec import DecodeError
from .contract.wire_format import unknown_version
from .kafka.broker import Record


@dataclass(slots=True)
class StreamProgress:
    """How far a stream has come: each chunk once, in order, without a gap, of the newest run."""

    run: int = 0
    next_seq: int = 0

    def accepts(self, part: Chunk | Done | Failed) -> bool:
        """Whether the waiter is to see `part`; it counts as seen."""
        if not isinstance(part, Chunk):
            return True
        # a lower run is what a dead worker still had under way: it must not mix with the new one
        begins = part.run > self.run and part.seq == 0
        goes_on = part.run == self.run and part.seq == self.next_seq
        # a text without its beginning, or with a hole, is no part of the answer: the end tells all
        if not (begins or goes_on):
            return False
        self.run, self.next_seq = part.run, part.seq + 1
        return True


class Inbox:
    """The replies of one request, as they arrive, until its deadline."""

    __slots__ = ("_arrived", "_deadline", "_parts", "_progress")

    def __init__(self) -> None:
        # most requests get one part: a queue of asyncio's is eight objects, made for many readers
        self._parts: deque[Chunk | Done | Failed | Exception] = deque()
        self._arrived: asyncio.Future[None] | None = None
        self._progress = StreamProgress()
        self._deadline: asyncio.TimerHandle | None = None

    def put(self, part: Chunk | Done | Failed | DecodeError) -> None:
        """Takes what arrived; a repeated or overtaken chunk is dropped."""
        if isinstance(part, DecodeError) or self._progress.accepts(part):
            self._give(part)

    def expire_at(self, deadline: float) -> None:
        """Nothing comes after that time of the event loop: one timer for all parts of a stream."""
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_at(deadline, self._expire)

    async def get(self) -> Chunk | Done | Failed:
        """The next part, for one reader. Raises TimeoutError, DecodeError."""
        while not self._parts:
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived
        part = self._parts.popleft()
        if isinstance(part, Exception):
            raise part
        return part

    def close(self) -> None:
        """Nobody reads it any more."""
        if self._deadline is not None:
            self._deadline.cancel()

    def _expire(self) -> None:
        self._give(TimeoutError())

    def _give(self, part: Chunk | Done | Failed | Exception) -> None:
        self._parts.append(part)
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)


class Waiting:
    """The inboxes of the requests under way, by tenant and id: two tenants may use one id."""

    def __init__(self, nonce: str) -> None:
        """nonce: what replies to this client's own requests repeat."""
        self._nonce = nonce
        self._inboxes: dict[bytes, dict[str, Inbox]] = {}

    def open(self, tenant: str, request_id: str) -> Inbox:
        """Raises ValueError for a request that is under way."""
        inboxes = self._inboxes.setdefault(request_id.encode(), {})
        if tenant in inboxes:
            raise ValueError(f"request {request_id} is already under way on this client")
        inbox = inboxes[tenant] = Inbox()
        return inbox

    def close(self, tenant: str, request_id: str) -> None:
        """It is answered, or nobody waits any more."""
        key = request_id.encode()
        inboxes = self._inboxes[key]
        inboxes.pop(tenant).close()
        if not inboxes:
            del self._inboxes[key]

    def receive(self, record: Record) -> None:
        """Gives a record of the reply topic to whoever waits for it."""
        inboxes = self._inboxes.get(record.key or b"")
        if inboxes is None:
            return
        part: Chunk | Done | Failed | DecodeError
        try:
            part = read_reply(record)
        except DecodeError as error:
            part = error
        tenant = codec.header(record.headers, codec.TENANT_HEADER)
        if isinstance(part, Failed) and part.code == "forbidden":
            # whoever may send requests can have this code told for any id, but not with our nonce
            own = codec.header(record.headers, codec.REPLY_NONCE) == self._nonce
            addressed = list(inboxes.values()) if own else []
        elif tenant is None:
            addressed = list(inboxes.values()) if len(inboxes) == 1 else []
        else:
            addressed = [inboxes[tenant]] if tenant in inboxes else []
        for inbox in addressed:
            inbox.put(part)


def read_reply(record: Record) -> Chunk | Done | Failed:
    """The reply in a record. Raises DecodeError, also for one of a version that isn't known."""
    problem = unknown_version(record.headers)
    if problem is not None:
        raise DecodeError(record.value, "reply", "", problem)
    return codec.decode_reply(record.value)


class RecentIds:
    """The last `capacity` ids, to tell a first reply from a repeated one."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._ids: OrderedDict[str, None] = OrderedDict()

    def add(self, identifier: str) -> bool:
        """Whether `identifier` is new; an id is forgotten after `capacity` others."""
        if identifier in self._ids:
            return False
        self._ids[identifier] = None
        if len(self._ids) > self._capacity:
            self._ids.popitem(last=False)
        return True
