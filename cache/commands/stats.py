"""Stats command: what a tenant's cache holds and is worth. Does it keep its promise?"""

import json
import re
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cache.commands.surroundings import CommandError
from cache.promise.error_bound import BoundStatus, ErrorBound
from cache.promise.group_bounds import NO_LANGUAGE, PromiseCell, decode_bounds, rules_of
from cache.semantic.recogniser_file import load_recogniser
from cache.shadow_checks import MEASURED_ERROR
from cache.storage.batched_reads import BatchedReads
from cache.storage.store import EntryStore
from observability.terminal import cell as shown
from observability.terminal import plain
from runtime.config.sections.cache import CacheSettings, CacheStep
from runtime.redis.errors import REDIS_UNAVAILABLE, is_junk_in_a_key
from runtime.redis.pipelining import PipelineLane

_T = TypeVar("_T")
_COUNT: Final = re.compile(rb"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class StepStats:
    """How the promise of `max_wrong_hits` stands for one step in one language. The JSON's fields.

    Of one group of requests: `tier:…`, `model:…` or `scope:…`.
    """

    group: str
    step: str
    language: str
    """ISO 639-1; `-`: not known."""
    hits: int
    checked: int
    """Hits, or would-be hits, compared with the model at the present strictness."""
    wrong: int
    reported: int
    """Hits that somebody said were wrong."""
    wrong_share_between: tuple[float, float]
    """95 % on either side, with the comparison's own error in it."""
    limit: float
    state: BoundStatus
    tightened: int
    """How often the target was halved."""


@dataclass(frozen=True, slots=True)
class TenantStats:
    """One tenant's cache. The JSON's fields."""

    tenant: str
    entries: int
    bytes: int
    quota_bytes: int
    steps: tuple[str, ...]
    target_false_hits: float
    languages: tuple[str, ...]
    """Those that all steps serve; a question in any other gets the very same words alone."""
    promise: tuple[StepStats, ...]


async def tenant_stats(redis: Redis, settings: CacheSettings, tenant: str) -> TenantStats:
    """Raises CommandError when Redis is away."""
    store = EntryStore(PipelineLane(redis), BatchedReads(redis, 1), settings.key_prefix)
    policy = settings.policy(tenant, "")
    try:
        account = await _unless_junk(_hash(redis, store.key(tenant, "account")), {})
        hits = await _unless_junk(_hash(redis, store.key(tenant, "hits")), {})
        bounds = await _bounds(redis, store, tenant)
        entries = await _unless_junk(redis.zcard(store.key(tenant, "due")), 0)
    except REDIS_UNAVAILABLE as error:
        raise CommandError(f"Redis: {error}") from None
    counts = {label.decode(errors="replace"): _count(number) for label, number in hits.items()}
    return TenantStats(
        tenant=tenant,
        entries=entries,
        bytes=_count(account.get(b"bytes")),
        quota_bytes=int(policy.quota_mb * 1_000_000),
        steps=tuple(sorted(policy.steps)),
        target_false_hits=policy.target_false_hits,
        languages=tuple(sorted(load_recogniser(settings.recogniser).thresholds)),
        promise=tuple(_steps(settings, tenant, counts, bounds)),
    )


def print_stats(stats: TenantStats, console: Console) -> None:
    """A summary and a table of the steps, for a person."""
    size = f"{stats.bytes / 1e6:.1f} of {stats.quota_bytes / 1e6:.0f} MB"
    steps = ", ".join(stats.steps) or "none"
    lines = [
        f"{plain(stats.tenant)}: {stats.entries} entries, {size}",
        f"steps: {steps}; target {stats.target_false_hits:.1%}",
        f"served by all steps: {' '.join(stats.languages)}; any other language: same words only",
        *(() if stats.promise else ("no hits yet",)),
    ]
    console.print("\n".join(lines), markup=False, highlight=False)
    if not stats.promise:
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for name in ("group", "step", "language"):
        table.add_column(name, overflow="fold")
    for name in ("hits", "checked", "wrong", "reported", "wrong share", "limit", "state"):
        table.add_column(name, justify="right", no_wrap=True)
    for step in stats.promise:
        table.add_row(*_row(step))
    console.print(table)


def as_json(stats: TenantStats) -> str:
    """One JSON object."""
    return json.dumps(asdict(stats), indent=1)


async def _bounds(redis: Redis, store: EntryStore, tenant: str) -> dict[str, Mapping[str, Any]]:
    """By group, the bounds of its cells by their labels."""
    prefix = store.key(tenant, "bounds", "")
    groups = {}
    async for key in redis.scan_iter(match=f"{_literal(prefix)}*", count=1000):
        value = cast("bytes | None", await _unless_junk(redis.get(key), None))
        name = key.decode(errors="replace").removeprefix(prefix)
        groups[name] = decode_bounds(value).cells
    return groups


async def _hash(redis: Redis, key: str) -> dict[bytes, bytes]:
    return cast("dict[bytes, bytes]", await redis.hgetall(key))


async def _unless_junk(reading: Awaitable[_T], otherwise: _T) -> _T:
    """What lies there; whoever reaches Redis may have put something else in its place."""
    try:
        return await reading
    except ResponseError as error:
        if not is_junk_in_a_key(error):
            raise
        return otherwise


def _count(raw: bytes | None) -> int:
    """0 for what is no count."""
    return int(raw) if raw is not None and _COUNT.fullmatch(raw) else 0


def _literal(text: str) -> str:
    """As a pattern of Redis that matches itself alone."""
    return "".join(f"\\{char}" if char in "*?[]\\^" else char for char in text)


def _steps(
    settings: CacheSettings,
    tenant: str,
    counts: Mapping[str, int],
    bounds: Mapping[str, Mapping[str, ErrorBound]],
) -> Iterator[StepStats]:
    """Of what had a hit or was compared."""
    observed = {f"{group}|{label}" for group, cells in bounds.items() for label in cells}
    for name in sorted(observed | set(counts)):
        group, _, label = name.rpartition("|")
        step, _, language = label.partition(".")
        if step not in ("exact", "canonical", "semantic"):
            continue  # `others`: hits beyond the most labels that are counted apart
        bound = bounds.get(group, {}).get(label, ErrorBound())
        policy = settings.policy(tenant, group.removeprefix("tier:"))
        cell = PromiseCell(cast("CacheStep", step), language or NO_LANGUAGE)
        rules = rules_of(cell, policy.max_wrong_hits, MEASURED_ERROR)
        lowest, highest = bound.wrong_share(MEASURED_ERROR)
        yield StepStats(
            group=group,
            step=step,
            language=cell.language,
            hits=counts.get(name, 0),
            checked=bound.checked,
            wrong=bound.wrong,
            reported=bound.reported,
            wrong_share_between=(round(lowest, 4), round(highest, 4)),
            limit=policy.max_wrong_hits,
            state=bound.status(rules),
            tightened=bound.level,
        )


def _row(step: StepStats) -> tuple[str | Text, ...]:
    lowest, highest = step.wrong_share_between
    state = f"{step.state}, target / {1 << step.tightened}" if step.tightened else step.state
    return (
        shown(step.group),
        step.step,
        shown(step.language),
        str(step.hits),
        str(step.checked),
        str(step.wrong),
        str(step.reported),
        f"{lowest:.0%} to {highest:.0%}" if step.checked else "not known",
        f"{step.limit:.0%}",
        state,
    )
