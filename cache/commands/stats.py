"""Stats command: what a tenant's cache holds and is worth. Does it keep its promise?"""

import json
from dataclasses import asdict, dataclass
from typing import Any, cast

from redis.asyncio import Redis

from cache.commands.surroundings import CommandError
from cache.semantic.error_bound import BoundStatus, clopper_pearson, decode_error_bound
from cache.storage.batched_reads import BatchedReads
from cache.storage.store import EntryStore
from runtime.config.sections.cache import CacheSettings
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.pipelining import PipelineLane


@dataclass(frozen=True, slots=True)
class GroupStats:
    """How the promise of `max_wrong_hits` stands for a group of requests. The JSON's fields."""

    standing: BoundStatus
    tightened: int
    checked: int
    wrong: int
    wrong_share_between: tuple[float, float]
    """Clopper-Pearson interval."""
    limit: float


@dataclass(frozen=True, slots=True)
class TenantStats:
    """One tenant's cache. The JSON's fields."""

    tenant: str
    entries: int
    bytes: int
    quota_bytes: int
    steps: tuple[str, ...]
    target_false_hits: float
    promise: dict[str, GroupStats]
    """By group: `tier:…`, `model:…` or `scope:…`."""


async def tenant_stats(redis: Redis, settings: CacheSettings, tenant: str) -> TenantStats:
    """Raises CommandError when Redis is away."""
    store = EntryStore(PipelineLane(redis), BatchedReads(redis, 1), settings.key_prefix)
    policy = settings.policy(tenant, "")
    try:
        account = cast("dict[bytes, bytes]", await redis.hgetall(store.key(tenant, "account")))
        groups = {}
        async for key in redis.scan_iter(match=store.key(tenant, "promise", "*"), count=1000):
            group = key.decode().removeprefix(store.key(tenant, "promise", ""))
            value = cast("bytes | None", await redis.get(key))
            groups[group] = _group_stats(value, policy.max_wrong_hits)
        entries = await redis.zcard(store.key(tenant, "due"))
    except REDIS_UNAVAILABLE as error:
        raise CommandError(f"Redis: {error}") from None
    return TenantStats(
        tenant=tenant,
        entries=entries,
        bytes=int(account.get(b"bytes", 0)),
        quota_bytes=int(policy.quota_mb * 1_000_000),
        steps=tuple(sorted(policy.steps)),
        target_false_hits=policy.target_false_hits,
        promise=groups,
    )


def render_stats(stats: TenantStats) -> str:
    """One JSON object."""
    return json.dumps(as_json(stats), indent=1)


def as_json(stats: TenantStats) -> dict[str, Any]:
    """The same as plain values."""
    return asdict(stats)


def _group_stats(value: bytes | None, limit: float) -> GroupStats:
    bound = decode_error_bound(None if value is None else value.decode())
    lowest, highest = clopper_pearson(bound.wrong, bound.checked)
    return GroupStats(
        standing=bound.status(limit),
        tightened=bound.level,
        checked=bound.checked,
        wrong=bound.wrong,
        wrong_share_between=(round(lowest, 4), round(highest, 4)),
        limit=limit,
    )
