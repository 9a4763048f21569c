"""Where do answers live, and how are they kept, valued, and forgotten?

Everything of a tenant is under `<prefix>:{tenant}:`. The key `age` holds `epoch.generation`: an
entry of another epoch is not served (a tenant is forgotten in one write), and an answer whose
generation changed while it was made is not kept (it may be from before the invalidation).
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from cache.storage.batched_reads import BatchedReads, Unavailable
from cache.storage.entry import CacheEntry, decode_entry, encode_entry
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.lua_files import lua
from runtime.redis.pipelining import PipelineLane

WRITE_BUDGET_S: Final = 2.0
FIRST_VERSION: Final = "0.0"


@dataclass(frozen=True, slots=True)
class StoreRead:
    """What one read showed: the tenant's age (`epoch.generation`) and the entry, if it is valid."""

    version: str
    entry: CacheEntry | None

    @property
    def epoch(self) -> str:
        """The part of the age that entries must share to be served."""
        return self.version.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Stored:
    """The entry is in the store; `dropped` had to go for it."""

    evicted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotStored:
    """The entry isn't in the store: `reason`."""

    reason: str


class EntryStore:
    """Answers in Redis. Reads are batched and never raise; writes raise nothing either."""

    def __init__(self, trips: PipelineLane, reads: BatchedReads, prefix: str) -> None:
        self._trips = trips
        self._reads = reads
        self._prefix = prefix
        self._keep = trips.script(lua("cache.storage", "drop", "keep"))
        self._credit = trips.script(lua("cache.storage", "credit"))
        self._forget = trips.script(lua("cache.storage", "drop", "forget"))
        self._forget_all = trips.script(lua("cache.storage", "forget_all"))

    def key(self, tenant: str, *parts: str) -> str:
        """The Redis key of something of a tenant."""
        return ":".join((f"{self._prefix}:{{{tenant}}}", *parts))

    async def read(self, tenant: str, entry: str) -> StoreRead | Unavailable:
        """The entry, and the age that a later `keep` must still find."""
        values = await self._reads.get(self.key(tenant, "age"), self.key(tenant, "e", entry))
        if isinstance(values, Unavailable):
            return values
        return decode_read(values[0], values[1])

    async def write(  # noqa: PLR0913 - one record, spelled out
        self,
        tenant: str,
        name: str,
        entry: CacheEntry,
        *,
        age: str,
        ttl_ms: int,
        quota_bytes: int,
        max_bytes: int,
        tags: Iterable[str] = (),
    ) -> Stored | NotStored:
        """Puts the entry in, unless something was invalidated since `age` was read."""
        keys = [*self._account_keys(tenant), *(self.key(tenant, "tag", tag) for tag in tags)]
        cost = entry.cost_micro_usd or Decimal(0)
        value, longest = encode_entry(entry), 2 * ttl_ms
        if len(value) > max_bytes:
            return NotStored("larger than an entry may be")
        args: list[bytes | str | float] = [
            name,
            age,
            value,
            ttl_ms,
            entry.kept_ms,
            float(cost),
            quota_bytes,
            longest,
        ]
        try:
            async with asyncio.timeout(WRITE_BUDGET_S):
                result, *dropped = await self._keep(keys=keys, args=args)
        except REDIS_UNAVAILABLE as error:
            return NotStored(f"Redis: {type(error).__name__}")
        if result != b"kept":
            return NotStored(result.decode())
        return Stored(tuple(gone.decode() for gone in dropped))

    async def add_savings(self, tenant: str, saved: dict[str, float]) -> None:
        """Adds to what entries are worth: micro-dollars that their hits saved."""
        keys = [self.key(tenant, name) for name in ("sizes", "worth", "account")]
        args = [part for item in saved.items() for part in item]
        try:
            async with asyncio.timeout(WRITE_BUDGET_S):
                await self._credit(keys=keys, args=args)
        except REDIS_UNAVAILABLE:
            return  # it costs a little precision of the eviction

    async def delete(self, tenant: str, entries: Iterable[str]) -> int:
        """Removes entries; answers on their way are not kept. Raises when Redis is away."""
        names = list(entries)
        for start in range(0, max(1, len(names)), 500):
            batch = names[start : start + 500]
            await self._forget(keys=self._account_keys(tenant), args=batch)
        return len(names)

    async def delete_tag(self, tenant: str, tag: str) -> list[str]:
        """Removes what was kept under a tag; their names. Raises when Redis is away."""
        key = self.key(tenant, "tag", tag)
        found: set[bytes] = await self._trips.send(lambda pipe: pipe.smembers(key))
        members = [str(name, "utf-8") for name in found]
        await self.delete(tenant, members)
        if members:
            await self._trips.send(lambda pipe: pipe.srem(key, *members))
        return members

    async def begin_epoch(self, tenant: str) -> int:
        """Begins a new epoch: nothing kept until now is served. Raises when Redis is away."""
        return int(await self._forget_all(keys=self._account_keys(tenant)[:5]))

    def _account_keys(self, tenant: str) -> list[str]:
        names = ("age", "sizes", "worth", "due", "account")
        return [*(self.key(tenant, name) for name in names), self.key(tenant, "e", "")]


def decode_read(age: bytes | None, value: bytes | None) -> StoreRead:
    """What the values of `age` and of an entry's key mean together."""
    current = FIRST_VERSION if age is None else age.decode()
    entry = None if value is None else decode_entry(value)
    found = StoreRead(current, entry)
    return found if entry is None or entry.epoch == found.epoch else StoreRead(current, None)
