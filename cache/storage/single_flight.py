"""Single flight: one caller for a question that many workers ask at once. Who calls the provider?

One leads: it holds a lease in Redis, renewed while its process lives. The others follow: they wait
for its entry. A leader that fails gives the lease back, one that dies loses it; a follower then
leads. A leader whose answer can't serve others says so, and the followers ask for themselves.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from cache.storage.batched_reads import BatchedReads
from cache.storage.time_limit import within_time_limit
from runtime.redis.lease import ExclusiveLeases, HeldElsewhere, Lease, RedisAway
from runtime.redis.pipelining import PipelineLane

_ALONE: Final = b"alone"
_ALONE_MS: Final = 2_000
MAX_LEASE_S: Final = 180.0
"""A call that was forgotten (cancelled without `release`) must not hold its followers for ever."""
FIRST_WAIT_S: Final = 0.01
LONGEST_FOLLOWER_WAIT_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Leader:
    """This worker calls the provider, and holds the lease."""

    lease: Lease


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
        self._reads = reads
        self._budget_s = budget_s
        self._leases = ExclusiveLeases(trips, life_s=lease_s, longest_s=MAX_LEASE_S)
        self._joining: set[str] = set()

    async def join(self, key: str, behind: Callable[[], object] | None = None) -> Role:
        """Leads when nobody else does. Within the budget; never raises.

        behind: as `ExclusiveLeases.take` calls it, unless Redis needn't be asked.
        """
        if self._leases.held(key) or key in self._joining:
            return Follower()  # of this very process: no need to ask Redis
        self._joining.add(key)
        try:
            return await self._ask(key, behind)
        finally:
            self._joining.discard(key)

    async def _ask(self, key: str, behind: Callable[[], object] | None) -> Role:
        try:
            attempt = await within_time_limit(self._budget_s, self._leases.take(key, behind))
        except TimeoutError as error:
            attempt = RedisAway(type(error).__name__)
        match attempt:
            case Lease():
                return Leader(attempt)
            case HeldElsewhere(mark) if mark == _ALONE:
                return NoLease("the answer to this question can't be shared")
            case HeldElsewhere():
                return Follower()
            case RedisAway(reason):
                return NoLease(f"Redis: {reason}")

    async def wait(self, key: str, pause_s: float) -> Role:
        """After a pause, whether the leader still leads; whoever finds it gone takes its place.

        Look for the entry afterwards: a leader keeps it before it gives the lease back.
        """
        await asyncio.sleep(pause_s)
        values = await self._reads.get(key)
        if isinstance(values, list) and values[0] not in {None, _ALONE}:
            return Follower()
        return await self.join(key)

    def ended(self, lead: Leader) -> None:
        """Its lease went with the entry that was stored."""
        self._leases.ended(lead.lease)

    async def release(self, lead: Leader, *, shared: bool) -> None:
        """The call ended. shared: its entry is there (or another may try); else each for itself."""
        mark = "" if shared else _ALONE.decode()
        # without Redis the lease ends by itself
        await self._leases.release(lead.lease, mark=mark, mark_ms=_ALONE_MS)

    async def close(self) -> None:
        """Stops the renewal; leases still held end by themselves."""
        await self._leases.close()
