"""Who asks the provider when many workers want the same answer at once?

One leads: it holds a lease in Redis, renewed while its process lives. The others follow: they wait
for its entry. A leader that fails gives the lease back, one that dies loses it; a follower then
leads. A leader whose answer can't serve others says so, and the followers ask for themselves.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import Final, TypeAlias

from cache.storage.batched_reads import BatchedReads
from cache.storage.time_limit import within_time_limit
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.lua_files import lua
from runtime.redis.pipelining import PipelineLane

_ALONE: Final = b"alone"
_ALONE_MS: Final = 2_000
LONGEST_LEAD_S: Final = 180.0
"""A call that was forgotten (cancelled without `land`) must not hold its followers for ever."""
FIRST_WAIT_S: Final = 0.01
LONGEST_WAIT_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Leader:
    """This worker calls the provider; the lease `key` is its own by `token`, at most `until`."""

    key: str
    token: str
    until: float


@dataclass(frozen=True, slots=True)
class Follower:
    """Another worker is calling."""


@dataclass(frozen=True, slots=True)
class NoLease:
    """No use in waiting: no lease could be had or the answer can't be shared."""

    reason: str


Role: TypeAlias = Leader | Follower | NoLease


class SingleFlight:
    """The leases of one process, and their renewal."""

    def __init__(
        self, trips: PipelineLane, reads: BatchedReads, *, lease_s: float, budget_s: float
    ) -> None:
        self._trips = trips
        self._reads = reads
        self._lease_ms = max(1, int(lease_s * 1000))
        self._budget_s = budget_s
        self._leads: dict[str, Leader] = {}
        self._joining: set[str] = set()
        self._renewal: asyncio.Task[None] | None = None
        self._release = trips.script(lua("cache.storage", "release"))
        self._renew = trips.script(lua("cache.storage", "renew"))

    async def join(self, key: str) -> Role:
        """Leads when nobody else does. Within the budget; never raises."""
        if key in self._leads or key in self._joining:
            return Follower()  # of this very process: no need to ask Redis
        self._joining.add(key)
        try:
            return await self._ask(key)
        finally:
            self._joining.discard(key)

    async def _ask(self, key: str) -> Role:
        token = secrets.token_hex(8)
        try:
            held = await within_time_limit(self._budget_s, self._take(key, token))
        except REDIS_UNAVAILABLE as error:
            return NoLease(f"Redis: {type(error).__name__}")
        if held == _ALONE:
            return NoLease("the answer to this question can't be shared")
        if held is not None:
            return Follower()
        lead = Leader(key, token, time.monotonic() + LONGEST_LEAD_S)
        self._leads[key] = lead
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._keep_renewing())
        return lead

    async def wait(self, key: str, pause_s: float) -> Role:
        """After a pause, whether the leader still leads; whoever finds it gone takes its place.

        Look for the entry afterwards: a leader keeps it before it gives the lease back.
        """
        await asyncio.sleep(pause_s)
        values = await self._reads.get(key)
        if isinstance(values, list) and values[0] not in {None, _ALONE}:
            return Follower()
        return await self.join(key)

    async def land(self, lead: Leader, *, shared: bool) -> None:
        """The call ended. shared: its entry is there (or another may try); else each for itself."""
        self._leads.pop(lead.key, None)
        mark = "" if shared else _ALONE
        try:
            async with asyncio.timeout(1):
                await self._release(keys=[lead.key], args=[lead.token, mark, _ALONE_MS])
        except REDIS_UNAVAILABLE:
            return  # the lease ends by itself

    async def close(self) -> None:
        """Stops the renewal; leases still held end by themselves."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    def _take(self, key: str, token: str) -> "asyncio.Future[bytes | None]":
        """None: the lease is ours; else the token of who has it."""
        return self._trips.send(
            lambda pipe: pipe.set(key, token, nx=True, px=self._lease_ms, get=True)
        )

    async def _keep_renewing(self) -> None:
        while self._leads:
            await asyncio.sleep(self._lease_ms / 3000)
            now = time.monotonic()
            self._leads = {key: lead for key, lead in self._leads.items() if now < lead.until}
            tokens = [lead.token for lead in self._leads.values()]
            try:
                await self._renew(keys=list(self._leads), args=[self._lease_ms, *tokens])
            except REDIS_UNAVAILABLE:
                continue
