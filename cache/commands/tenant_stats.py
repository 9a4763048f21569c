"""What does a tenant's cache hold, what is it worth, and how does its promise stand?"""

from typing import Any, cast

from redis.asyncio import Redis

from cache.semantic.error_bound import clopper_pearson, decode_error_bound
from cache.settings import CacheSettings
from cache.storage.batched_reads import BatchedReads
from cache.storage.store import EntryStore
from runtime.redis.pipelining import PipelineLane


async def tenant_stats(redis: Redis, settings: CacheSettings, tenant: str) -> dict[str, Any]:
    """One JSON object. Raises REDIS_UNAVAILABLE."""
    store = EntryStore(PipelineLane(redis), BatchedReads(redis, 1), settings.key_prefix)
    account = await _hash(redis, store.key(tenant, "account"))
    policy = settings.policy(tenant, "")
    groups = {}
    async for key in redis.scan_iter(match=store.key(tenant, "promise", "*"), count=1000):
        name = key.decode().removeprefix(store.key(tenant, "promise", ""))
        value = cast("bytes | None", await redis.get(key))
        groups[name] = _standing(value, policy.max_wrong_hits)
    return {
        "tenant": tenant,
        "entries": await redis.zcard(store.key(tenant, "due")),
        "bytes": int(account.get("bytes", 0)),
        "quota_bytes": int(policy.quota_mb * 1_000_000),
        "steps": sorted(policy.steps),
        "target_false_hits": policy.target_false_hits,
        "promise": groups,
    }


def _standing(value: bytes | None, limit: float) -> dict[str, Any]:
    promise = decode_error_bound(None if value is None else value.decode())
    least, most = clopper_pearson(promise.wrong, promise.checked)
    return {
        "standing": promise.status(limit),
        "tightened": promise.level,
        "checked": promise.checked,
        "wrong": promise.wrong,
        "wrong_share_between": [round(least, 4), round(most, 4)],
        "limit": limit,
    }


async def _hash(redis: Redis, key: str) -> dict[str, str]:
    found = cast("dict[bytes, bytes]", await redis.hgetall(key))
    return {name.decode(): value.decode() for name, value in found.items()}
