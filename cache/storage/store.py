"""Entry store in Redis: reads, writes with a quota, deletion by tag, scope or epoch.

Everything of a tenant is under `<prefix>:{tenant}:`. The key `age` holds its version,
`epoch.generation`: an entry of another epoch is not served (a tenant is forgotten in one write),
and an answer whose generation changed while it was made is not stored (it may be from before the
invalidation).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from cache.storage.batched_reads import BatchedReads, Unavailable, Values
from cache.storage.entry import CacheEntry, decode_entry, encode_entry
from cache.storage.time_limit import within_time_limit
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.lease import Lease
from runtime.redis.lua_files import lua
from runtime.redis.pipelining import PipelineLane

WRITE_BUDGET_S: Final = 2.0
FIRST_VERSION: Final = "0.0"
HITS_LIFE_S: Final = 30 * 86_400
SERVED_LIFE_S: Final = 7 * 86_400
"""How long a person may take to say that a hit was wrong."""
SERVED_PAGE: Final = 1_000
NEVER_LIFE_S: Final = 90 * 86_400
MAX_NEVER_PAIRS: Final = 64
MAX_NEVER_QUESTIONS: Final = 10_000
"""Of a tenant: what people said was wrong, the latest, at most 20 MB."""
MAX_LABELS: Final = 500
MAX_SERVED: Final = 20_000
"""Hits of a tenant that can still be said to be wrong: the latest, about 5 MB."""


@dataclass(frozen=True, slots=True)
class StoreRead:
    """What one read showed."""

    version: str
    """The tenant's `epoch.generation`."""
    entry: CacheEntry | None
    """None: there is none, or it is of an earlier epoch."""
    bounds: bytes | None = None
    """What the group's steps were observed to do."""

    @property
    def epoch(self) -> str:
        """The part of the version that entries must share to be served."""
        return self.version.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Stored:
    """The entry is in the store; `evicted` had to go for it."""

    evicted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotStored:
    """The entry isn't in the store: `reason`."""

    reason: str


class ServedHit(NamedTuple):
    """Which entry answered a request."""

    request: str
    """The request's id."""
    entry: str
    question: str
    """The digest of the very words that were asked."""
    group: str
    """Of requests, whose promise it is."""
    step: str
    language: str
    score: float


def hit_label(group: str, step: str, language: str) -> str:
    """What hits are counted by: the group whose promise it is, and its step and language."""
    return f"{group}|{step}.{language}"


class EntryStore:
    """Answers in Redis. Reads are batched and never raise; writes raise nothing either."""

    def __init__(self, trips: PipelineLane, reads: BatchedReads, prefix: str) -> None:
        self._trips = trips
        self._reads = reads
        self._prefix = prefix
        self._write = trips.script(lua("cache.storage", "drop", "keep"))
        self._add_savings = trips.script(lua("cache.storage", "credit"))
        self._never_match = trips.script(lua("cache.storage", "never_match"))
        self._note_hits = trips.script(lua("cache.storage", "count_hits"))
        self._delete = trips.script(lua("cache.storage", "drop", "forget"))
        self._begin_epoch = trips.script(lua("cache.storage", "forget_all"))

    def key(self, tenant: str, *parts: str) -> str:
        """The Redis key of something of a tenant."""
        return ":".join((f"{self._prefix}:{{{tenant}}}", *parts))

    async def read(self, tenant: str, entry: str, group: str) -> StoreRead | Unavailable:
        """The entry, and the version that a later `write` must still find; the group's bounds."""
        values = await self._reads.get(*self._read_keys(tenant, entry, group))
        if isinstance(values, Unavailable):
            return values
        return decode_read(values[0], values[1], values[2])

    def send_read(self, tenant: str, entry: str, group: str) -> "asyncio.Future[Values]":
        """As `read`, behind what was sent on the lane before: `answered` has what it showed."""
        keys = self._read_keys(tenant, entry, group)
        return self._trips.ask("MGET", *keys)

    async def answered(self, reading: "asyncio.Future[Values]") -> StoreRead | Unavailable:
        """What a read that was sent has shown."""
        try:
            values = await within_time_limit(WRITE_BUDGET_S, reading)
        except REDIS_UNAVAILABLE as error:
            return Unavailable(f"Redis: {type(error).__name__}")
        return decode_read(values[0], values[1], values[2])

    def _read_keys(self, tenant: str, entry: str, group: str) -> tuple[str, str, str]:
        place = self.key(tenant)
        return f"{place}:age", f"{place}:e:{entry}", f"{place}:bounds:{group}"

    async def write(  # noqa: PLR0913 - one record, spelled out
        self,
        tenant: str,
        name: str,
        entry: CacheEntry,
        *,
        version: str,
        ttl_ms: int,
        quota_bytes: int,
        max_bytes: int,
        tags: Iterable[str] = (),
        flight: Lease | None = None,
    ) -> Stored | NotStored:
        """Puts the entry in, unless something was invalidated since `version` was read.

        flight: the lease of the entry's single flight, which ends with it; not if it isn't stored.
        """
        lease = flight or Lease(self.key(tenant, "f", name), "")
        tag_keys = [self.key(tenant, "tag", tag) for tag in tags]
        keys = [*self._account_keys(tenant), lease.key, *tag_keys]
        cost = entry.cost_micro_usd or Decimal(0)
        value, longest = encode_entry(entry), 2 * ttl_ms
        if len(value) > max_bytes:
            return NotStored("larger than an entry may be")
        args: list[bytes | str | float] = [
            name,
            version,
            value,
            ttl_ms,
            entry.kept_ms,
            float(cost),
            quota_bytes,
            longest,
            lease.token,
        ]
        try:
            result, *evicted = await within_time_limit(
                WRITE_BUDGET_S, self._write(keys=keys, args=args)
            )
        except REDIS_UNAVAILABLE as error:
            return NotStored(f"Redis: {type(error).__name__}")
        if result != b"kept":
            return NotStored(result.decode())
        return Stored(tuple(entry.decode() for entry in evicted))

    async def add_savings(self, tenant: str, saved: dict[str, float]) -> None:
        """Adds to what entries are worth: micro-dollars that their hits saved."""
        keys = [self.key(tenant, name) for name in ("sizes", "worth", "account")]
        args = [part for item in saved.items() for part in item]
        try:
            await within_time_limit(WRITE_BUDGET_S, self._add_savings(keys=keys, args=args))
        except REDIS_UNAVAILABLE:
            return  # it costs a little precision of the eviction

    async def note_hits(
        self, tenant: str, counts: Mapping[str, int], notes: Iterable[ServedHit]
    ) -> None:
        """Counts hits by their labels; notes whom they served."""
        keys = [self.key(tenant, "hits"), self.key(tenant, "served")]
        args: list[str | float] = [HITS_LIFE_S, MAX_LABELS, MAX_SERVED, SERVED_LIFE_S, len(counts)]
        args += [part for item in counts.items() for part in item]
        for note in notes:
            label = hit_label(note.group, note.step, note.language)
            args += (note.request, note.entry, note.question, label, note.score)
        try:
            await within_time_limit(WRITE_BUDGET_S, self._note_hits(keys=keys, args=args))
        except REDIS_UNAVAILABLE:
            return  # what can't be looked up later is as if it were too long ago

    async def delete(self, tenant: str, entries: Iterable[str]) -> int:
        """Deletes entries; answers on their way are not stored. Raises REDIS_UNAVAILABLE."""
        names = list(entries)
        for start in range(0, max(1, len(names)), 500):
            batch = names[start : start + 500]
            await self._delete(keys=self._account_keys(tenant), args=batch)
        return len(names)

    async def tagged(self, tenant: str, tag: str) -> list[str]:
        """The names of what was stored under a tag. Raises REDIS_UNAVAILABLE."""
        key = self.key(tenant, "tag", tag)
        names: Iterable[bytes] = await self._trips.ask("SMEMBERS", key)
        return [str(name, "utf-8") for name in names]

    async def untag(self, tenant: str, tag: str, names: Sequence[str]) -> None:
        """Takes entries out of a tag. Raises REDIS_UNAVAILABLE."""
        key = self.key(tenant, "tag", tag)
        if names:
            await self._trips.ask("SREM", key, *names)

    async def spaces(self, tenant: str, names: Sequence[str]) -> dict[str, list[str]]:
        """Where the vectors of entries are: names by space. Raises REDIS_UNAVAILABLE."""
        found: dict[str, list[str]] = {}
        if names:
            keys = [self.key(tenant, "e", name) for name in names]
            values = await self._trips.ask("MGET", *keys)
            for name, value in zip(names, values, strict=True):
                entry = None if value is None else decode_entry(value)
                if entry is not None and entry.space is not None:
                    found.setdefault(entry.space, []).append(name)
        return found

    async def served(self, tenant: str, request: str) -> ServedHit | None:
        """Which hit answered a request, of the latest hits. Raises REDIS_UNAVAILABLE."""
        key, end = self.key(tenant, "served"), "+"
        while True:
            page = await self._trips.ask("XREVRANGE", key, end, "-", "COUNT", SERVED_PAGE)
            for _, words in page:
                fields = dict(zip(words[::2], words[1::2], strict=True))
                if fields.get(b"request", b"").decode() == request:
                    return served_hit(fields)
            if len(page) < SERVED_PAGE:
                return None
            end = f"({page[-1][0].decode()}"

    async def never_match(self, tenant: str, hit: ServedHit, now_s: int) -> None:
        """The question of a hit and that of its entry share no answer. Raises REDIS_UNAVAILABLE."""
        key = self.key(tenant, "e", hit.entry)
        value: bytes | None = await self._trips.ask("GET", key)
        entry = None if value is None else decode_entry(value)
        if entry is None or entry.exact == hit.question:
            return
        keys = [self.key(tenant, "nevers"), self.key(tenant, "never", "")]
        limits = now_s, NEVER_LIFE_S, MAX_NEVER_PAIRS, MAX_NEVER_QUESTIONS
        await self._never_match(keys=keys, args=[*limits, hit.question, entry.exact])

    async def nevers(self, tenant: str, question: str) -> frozenset[str]:
        """The questions with which one shares no answer; empty while Redis is away."""
        values = await self._reads.get(self.key(tenant, "never", question))
        return frozenset() if isinstance(values, Unavailable) else never_of(values[0])

    async def begin_epoch(self, tenant: str) -> int:
        """Nothing stored until now is served from now on. Raises REDIS_UNAVAILABLE."""
        return int(await self._begin_epoch(keys=self._account_keys(tenant)[:5]))

    def _account_keys(self, tenant: str) -> list[str]:
        place = self.key(tenant)
        return [f"{place}:{name}" for name in ("age", "sizes", "worth", "due", "account", "e:")]


def served_hit(fields: Mapping[bytes, bytes]) -> ServedHit:
    """A note of `note_hits`."""
    request, entry, question, label, score = (
        fields[name].decode() for name in (b"request", b"entry", b"question", b"label", b"score")
    )
    group, _, cell = label.rpartition("|")
    step, _, language = cell.partition(".")
    return ServedHit(request, entry, question, group, step, language, float(score))


def never_of(value: bytes | None) -> frozenset[str]:
    """The digests in a question's list of `never_match`."""
    return frozenset((value or b"").decode().split())


def decode_read(
    version: bytes | None, value: bytes | None, bounds: bytes | None = None
) -> StoreRead:
    """What the values of the keys `age`, `e:<entry>` and `bounds:<group>` mean together."""
    current = FIRST_VERSION if version is None else version.decode()
    entry = None if value is None else decode_entry(value)
    if entry is not None and entry.epoch != current.partition(".")[0]:
        entry = None
    return StoreRead(current, entry, bounds)
