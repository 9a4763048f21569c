"""Invalidation: forgets a tenant's answers, with their vectors, and learns from wrong ones."""

import asyncio
import time
from collections.abc import Iterable
from typing import Final, cast

from cache.identity.subject import request_tag, user_tag
from cache.promise.error_bound import ComparisonError
from cache.promise.group_bounds import PromiseCell, rules_of
from cache.promise_records import ObservedHit, PromiseRecords
from cache.semantic.vector_index import VectorIndex
from cache.storage.hit_accounting import FLUSH_EVERY_S
from cache.storage.store import EntryStore, ServedHit
from producers.contract.invalidation import Invalidation
from runtime.config.sections.cache import CacheSettings, CacheStep

_AT_ONCE: Final = 200
"""Entries that are read together, to find where their vectors are."""


class CacheInvalidations:
    """Every method may raise REDIS_UNAVAILABLE: try again later, it harms nothing."""

    def __init__(
        self,
        settings: CacheSettings,
        store: EntryStore,
        index: VectorIndex | None,
        records: PromiseRecords,
        error: ComparisonError,
    ) -> None:
        """error: of the comparison of answers, which enters the bounds."""
        self._settings = settings
        self._store = store
        self._index = index
        self._records = records
        self._error = error

    async def apply(self, what: Invalidation) -> int:
        """How many entries are forgotten."""
        tenant = what.tenant
        if what.everything:
            return await self._store.begin_epoch(tenant)
        if what.entry is not None:
            return await self._delete(tenant, [what.entry])
        if what.request is not None and what.wrong:
            return await self._forget_wrong(tenant, what.request)
        return await self._delete_tag(tenant, _tag_of(what))

    async def _forget_wrong(self, tenant: str, request: str) -> int:
        hit = await self._store.served(tenant, request)
        if hit is None:
            # whom a hit served is noted once a second
            await asyncio.sleep(2 * FLUSH_EVERY_S)
            hit = await self._store.served(tenant, request)
        if hit is None:
            return await self._delete_tag(tenant, request_tag(request))
        await self._store.never_match(tenant, hit, int(time.time()))
        await self._report(tenant, hit)
        return await self._delete(tenant, [hit.entry])

    async def _report(self, tenant: str, hit: ServedHit) -> None:
        cell = PromiseCell(cast("CacheStep", hit.step), hit.language)
        limit = self._settings.policy(tenant, hit.group.removeprefix("tier:")).max_wrong_hits
        observed = ObservedHit(tenant, hit.group, cell, hit.entry, hit.score)
        await self._records.report(observed, rules_of(cell, limit, self._error))

    async def _delete_tag(self, tenant: str, tag: str) -> int:
        names = await self._store.tagged(tenant, tag)
        count = await self._delete(tenant, names)
        await self._store.untag(tenant, tag, names)
        return count

    async def _delete(self, tenant: str, names: Iterable[str]) -> int:
        left, count = list(names), 0
        # also with none: answers on their way must not be stored
        while left or count == 0:
            part, left = left[:_AT_ONCE], left[_AT_ONCE:]
            spaces = {} if self._index is None else await self._store.spaces(tenant, part)
            await self._store.delete(tenant, part)
            for space, gone in spaces.items():
                await cast("VectorIndex", self._index).remove(space, gone)
            count += len(part)
            if not part:
                break
        return count


def _tag_of(what: Invalidation) -> str:
    if what.scope is not None:
        return f"scope:{what.scope}"
    if what.user is not None:
        return user_tag(what.user)
    return request_tag(what.request) if what.request is not None else str(what.tag)
