"""Hit accounting: what each entry's hits saved, written once a second. Which earn their place?"""

import asyncio
from collections import defaultdict
from decimal import Decimal
from typing import Final

from cache.storage.store import EntryStore

FLUSH_EVERY_S: Final = 1.0


class HitAccounting:
    """Sums up what each entry's hits saved, for the store's eviction."""

    def __init__(self, store: EntryStore) -> None:
        self._store = store
        self._saved: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._flushing: asyncio.Task[None] | None = None

    def count_hit(self, tenant: str, entry: str, saved: Decimal | None) -> None:
        """An entry was served."""
        self._saved[tenant][entry] += float(saved or 0)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_later())

    async def close(self) -> None:
        """Writes what is left."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
        await self._flush()

    async def _flush_later(self) -> None:
        await asyncio.sleep(FLUSH_EVERY_S)
        await self._flush()

    async def _flush(self) -> None:
        saved, self._saved = self._saved, defaultdict(lambda: defaultdict(float))
        for tenant, entries in saved.items():
            await self._store.add_savings(tenant, entries)
