"""Promise records in Redis: what was observed of a group's steps, and of single entries."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from redis.asyncio import Redis

from cache.promise.error_bound import BoundRules, ErrorBound
from cache.promise.group_bounds import PromiseCell, decode_bounds, encode_bounds
from cache.promise.observations import Observation, decode_record, encode_record
from cache.storage.store import EntryStore, hit_label
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.lua_files import lua

RECORD_TTL_S: Final = 30 * 86_400
MAX_TRIES: Final = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ObservedHit:
    """Which hit was right or wrong."""

    tenant: str
    group: str
    cell: PromiseCell
    entry_name: str
    score: float


class PromiseRecords:
    """Writes what `error_bound` reasons about. Two writers never lose each other's observation."""

    def __init__(self, redis: Redis, store: EntryStore) -> None:
        self._redis = redis
        self._store = store
        self._swap = redis.register_script(lua("cache.storage", "swap"))

    async def observe(self, hit: ObservedHit, rules: BoundRules, *, right: bool) -> None:
        """A comparison with a fresh answer; lost while Redis is away."""
        await self._note(hit, right=right)
        hits = await self._hits(hit)
        await self._judge(hit, lambda b: b.with_observation(right=right, rules=rules, hits=hits))

    async def report(self, hit: ObservedHit, rules: BoundRules) -> None:
        """Somebody says that it was wrong; lost while Redis is away."""
        await self._note(hit, right=False)
        hits = await self._hits(hit)
        await self._judge(hit, lambda b: b.with_report(rules, hits))

    async def _note(self, hit: ObservedHit, *, right: bool) -> None:
        """On the entry; only a verifier's score can be shifted by it."""
        if hit.cell.step == "semantic":
            key = self._store.key(hit.tenant, "observed", hit.entry_name)
            latest = Observation(hit.score, right)
            await self._change(key, lambda old: encode_record([*decode_record(old), latest]))

    async def _judge(self, hit: ObservedHit, judged: Callable[[ErrorBound], ErrorBound]) -> None:
        def change(old: str) -> str:
            bounds = decode_bounds(old.encode())
            before = bounds.of(hit.cell)
            after = judged(before)
            _log_change(hit, before, after)
            return encode_bounds(bounds.changed(hit.cell, after))

        await self._change(self._store.key(hit.tenant, "bounds", hit.group), change)

    async def _hits(self, hit: ObservedHit) -> int:
        """How often the step served such questions."""
        key, label = self._store.key(hit.tenant, "hits"), hit_label(hit.group, *hit.cell)
        try:
            return int(cast("bytes | None", await self._redis.hget(key, label)) or 0)
        except REDIS_UNAVAILABLE:
            return 0

    async def _change(self, key: str, change: Callable[[str], str]) -> None:
        """Reads, changes and writes, unless another worker wrote in between: then again."""
        for _ in range(MAX_TRIES):
            try:
                value = cast("bytes | None", await self._redis.get(key))
                old = "" if value is None else value.decode()
                # on a thread: an interval of some hundred observations takes milliseconds
                new = await asyncio.to_thread(change, old)
                if await self._swap(keys=[key], args=[old, new, RECORD_TTL_S]):
                    return
            except REDIS_UNAVAILABLE:
                return  # an observation lost
            await asyncio.sleep(0)


def _log_change(hit: ObservedHit, before: ErrorBound, after: ErrorBound) -> None:
    about = hit.cell.step, hit.cell.language, hit.tenant, hit.group
    if after.is_closed and not before.is_closed:
        _log.warning("cache step %s (%s) closed for tenant %s, %s: too many wrong hits", *about)
    elif before.is_closed and not after.is_closed:
        _log.warning("cache step %s (%s) open again for tenant %s, %s", *about)
    elif after.level > before.level:
        _log.warning("cache step %s (%s) tightened for tenant %s, %s", *about)
