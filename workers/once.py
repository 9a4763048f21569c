"""Has this request been answered, is somebody at it, or is it ours?

At least once, with effects once: a request is claimed by its id before money is spent, and its
final reply is recorded before it is published. Whoever gets the request again answers with the
record. A claim is a lease, renewed while the holder lives; the first to record wins, so that one
request never has two different answers. Without Redis the work goes on unguarded, and is counted;
if Redis is back when it ends, it is recorded all the same.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from cache.round_trips import RoundTrips
from runtime.redis.errors import REDIS_UNAVAILABLE

_log: Final = logging.getLogger(__name__)
_LEASE: Final = b"L"
_DONE: Final = b"D"

_RENEW: Final = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
"""A lease that nobody holds (Redis was flushed, the holder stood still) is taken back."""
_RECORD: Final = """
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, 1) == 'D' then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
"""
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """The final records of a request, as they are published: the reply's and the usage event's.

    trace: the traceparent of whoever made them.
    """

    reply: bytes
    usage: bytes
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The request is ours. token: the fencing token of this lease."""

    key: str
    token: bytes


@dataclass(frozen=True, slots=True)
class Busy:
    """Another worker holds the lease."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """It is answered already, with these records."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Unguarded:
    """Redis is away: go on, at the risk of doing it twice."""

    key: str


Claim: TypeAlias = Claimed | Recorded | Unguarded


@dataclass(frozen=True, slots=True)
class OnceSettings:
    """lease_s: how long a dead worker blocks its requests; keep_s: how long records are kept.

    timeout_s: so long that a busy event loop isn't taken for a lost Redis: that costs double calls.
    """

    lease_s: float = 10
    keep_s: float = 3600
    timeout_s: float = 2.0
    look_every_s: float = 0.2


class Once:
    """The requests of the fleet, by tenant and id."""

    def __init__(
        self, trips: RoundTrips, settings: OnceSettings, on_unguarded: Callable[[], None]
    ) -> None:
        self._trips = trips
        self._settings = settings
        self._on_unguarded = on_unguarded
        self._held: dict[bytes, Claimed] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._record = trips.script(_RECORD)
        self._release = trips.script(_RELEASE)

    async def claim(self, tenant: str, request_id: str) -> Claim:
        """Waits while another worker holds it, until that one records, releases or dies."""
        key = _key(tenant, request_id)
        token = _LEASE + uuid.uuid4().bytes
        while isinstance(claim := await self._try(key, token), Busy):  # noqa: ASYNC110 leases lapse silently
            await asyncio.sleep(self._settings.look_every_s)
        return claim

    @asynccontextmanager
    async def holding(self, claim: Claim) -> AsyncIterator[None]:
        """The lease is renewed inside this context."""
        if not isinstance(claim, Claimed):
            yield
            return
        self._held[claim.token] = claim
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._keep_renewing())
        try:
            yield
        finally:
            self._held.pop(claim.token, None)

    async def record(self, claim: Claim, ending: Ending) -> Ending:
        """The ending to publish: ours, or the one that another worker recorded first."""
        if isinstance(claim, Recorded):
            return claim.ending
        keep_ms = int(self._settings.keep_s * 1000)
        held = await self._guarded(self._record(keys=[claim.key], args=[_pack(ending), keep_ms]))
        return _unpack(held) if isinstance(held, bytes) else ending

    async def settle(self, tenant: str, request_id: str, ending: Ending) -> Ending:
        """As `record`, for an answer that cost nothing and so needed no claim."""
        return await self.record(Unguarded(_key(tenant, request_id)), ending)

    async def release(self, claim: Claim) -> None:
        """The request goes elsewhere unanswered: whoever gets it may claim it at once."""
        if isinstance(claim, Claimed):
            self._held.pop(claim.token, None)
            await self._guarded(self._release(keys=[claim.key], args=[claim.token]))

    async def _try(self, key: str, token: bytes) -> Claim | Busy:
        lease_ms = int(self._settings.lease_s * 1000)
        claiming = self._trips.send(
            lambda pipe: pipe.set(key, token, nx=True, get=True, px=lease_ms)
        )
        held = await self._guarded(claiming, missing=_ABSENT)
        match held:
            case None:
                return Claimed(key, token)
            case bytes() if held == token:  # asked twice, over a connection that was lost
                return Claimed(key, token)
            case bytes() if held.startswith(_DONE):
                return Recorded(_unpack(held))
            case bytes():
                return Busy()
            case _:
                self._on_unguarded()
                return Unguarded(key)

    async def _keep_renewing(self) -> None:
        """All leases of this process, until it holds none."""
        try:
            while self._held:
                await asyncio.sleep(self._settings.lease_s / 3)
                await asyncio.gather(*(self._renewed(claim) for claim in self._held.values()))
        finally:
            self._renewing = None

    async def _renewed(self, claim: Claimed) -> None:
        # asked at the last moment: a lease renewed after its release keeps its request from all
        if claim.token in self._held:
            args = claim.key, claim.token, int(self._settings.lease_s * 1000)
            # whole, not by its digest: so it keeps its turn before a release
            renewing = self._trips.send(lambda pipe: pipe.eval(_RENEW, 1, *args))
            await self._guarded(renewing)

    async def _guarded(self, operation: Awaitable[Any], missing: object = None) -> Any:  # noqa: ANN401
        """The result, or `missing` when Redis doesn't answer in time."""
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                return await operation
        except REDIS_UNAVAILABLE as error:
            _log.warning("Redis did not answer: %s", error or type(error).__name__)
            return missing


_ABSENT: Final = object()


def _key(tenant: str, request_id: str) -> str:
    return f"sg:once:{tenant}:{request_id}"


def _pack(ending: Ending) -> bytes:
    head = f"{len(ending.reply)} {ending.trace}".encode()
    return b"%b%b\n%b%b" % (_DONE, head, ending.reply, ending.usage)


def _unpack(packed: bytes) -> Ending:
    head, _, rest = packed.removeprefix(_DONE).partition(b"\n")
    size, _, trace = head.decode().partition(" ")
    return Ending(rest[: int(size)], rest[int(size) :], trace)
