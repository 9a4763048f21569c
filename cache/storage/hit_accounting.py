"""Hit accounting: what hits saved, how many there were, whom they served; written once a second."""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from cache.storage.store import EntryStore, ServedHit, hit_label

FLUSH_EVERY_S: Final = 1.0
MAX_NOTES: Final = 20_000
"""Served hits that wait to be written: what comes beyond them in one second isn't noted."""


@dataclass(slots=True)
class _Unwritten:
    """Of one tenant, since the last time."""

    saved: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By group, step and language."""
    notes: list[ServedHit] = field(default_factory=list)


class HitAccounting:
    """Sums up what hits saved, for the store's eviction, and notes them, for what is said later."""

    def __init__(self, store: EntryStore) -> None:
        self._store = store
        self._tenants: dict[str, _Unwritten] = defaultdict(_Unwritten)
        self._flushing: asyncio.Task[None] | None = None

    def count_hit(self, tenant: str, hit: ServedHit, saved: Decimal | None) -> None:
        """An entry was served. saved: micro-dollars."""
        unwritten = self._tenants[tenant]
        unwritten.saved[hit.entry] += float(saved or 0)
        unwritten.counts[hit.group, hit.step, hit.language] += 1
        if len(unwritten.notes) < MAX_NOTES:
            unwritten.notes.append(hit)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_later())

    async def close(self) -> None:
        """Writes what is left."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
        await self.flush()

    async def flush(self) -> None:
        """Writes what was counted until now."""
        tenants, self._tenants = self._tenants, defaultdict(_Unwritten)
        for tenant, unwritten in tenants.items():
            await self._store.add_savings(tenant, unwritten.saved)
            counts = {hit_label(*cell): number for cell, number in unwritten.counts.items()}
            await self._store.note_hits(tenant, counts, unwritten.notes)

    async def _flush_later(self) -> None:
        await asyncio.sleep(FLUSH_EVERY_S)
        await self.flush()
