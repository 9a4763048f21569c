"""Invalidate command: deletes a tenant's entries, at once and on all workers."""

from redis.asyncio import Redis

from cache.commands.surroundings import CommandError
from cache.composition import open_index
from cache.invalidation import CacheInvalidations
from cache.promise_records import PromiseRecords
from cache.shadow_checks import MEASURED_ERROR
from cache.storage.batched_reads import BatchedReads
from cache.storage.store import EntryStore
from producers.contract.invalidation import Invalidation
from runtime.config.sections.cache import CacheSettings
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.pipelining import PipelineLane


async def invalidate_entries(redis: Redis, settings: CacheSettings, what: Invalidation) -> int:
    """How many entries were deleted. Raises CommandError when Redis is away."""
    store = EntryStore(PipelineLane(redis), BatchedReads(redis, 1), settings.key_prefix)
    index, records = await open_index(settings, redis), PromiseRecords(redis, store)
    orders = CacheInvalidations(settings, store, index, records, MEASURED_ERROR)
    try:
        return await orders.apply(what)
    except REDIS_UNAVAILABLE as error:
        raise CommandError(f"Redis: {error}") from None


def render_count(count: int) -> str:
    """One line."""
    return f"{count} entries forgotten"
