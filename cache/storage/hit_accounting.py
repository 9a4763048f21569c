"""How does the store learn which entries earn their place, without a write per hit?"""

import asyncio
from collections import defaultdict
from decimal import Decimal
from typing import Final

from cache.storage.store import EntryStore

FLUSH_EVERY_S: Final = 1.0


class HitAccounting:
    """Sums up what each entry's hits saved and tells the store once a second."""

    def __init__(self, store: EntryStore) -> None:
        self._store = store
        self._saved: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._telling: asyncio.Task[None] | None = None

    def count_hit(self, tenant: str, entry: str, saved: Decimal | None) -> None:
        """An entry was served."""
        self._saved[tenant][entry] += float(saved or 0)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_later())

    async def close(self) -> None:
        """Tells what is left."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
        await self._tell()

    async def _tell_later(self) -> None:
        await asyncio.sleep(FLUSH_EVERY_S)
        await self._tell()

    async def _tell(self) -> None:
        saved, self._saved = self._saved, defaultdict(lambda: defaultdict(float))
        for tenant, entries in saved.items():
            await self._store.add_savings(tenant, entries)
