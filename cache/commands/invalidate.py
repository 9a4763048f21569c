"""`invalidate`: forget kept answers, at once and on all workers."""

import argparse
import asyncio

from cache.commands.common import CommandError, redis_of, settings_of
from cache.storage.batched_reads import BatchedReads
from cache.storage.invalidation import Invalidation, invalidate
from cache.storage.store import EntryStore
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.pipelining import PipelineLane


def declare(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--redis", help="redis://…; default: SWITCHGEAR_REDIS")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--tag", help="what was kept under a tag")
    what.add_argument("--scope", help="what was kept in a caller's scope")
    what.add_argument("--entry", help="one entry, as a reply's `cache.storage.entry` names it")
    what.add_argument("--all", action="store_true", help="all of the tenant")


def run(options: argparse.Namespace) -> int:
    """Says how many entries were forgotten."""
    return asyncio.run(_run(options))


async def _run(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    what = Invalidation(
        tenant=options.tenant,
        tag=options.tag,
        scope=options.scope,
        entry=options.entry,
        everything=options.all,
    )
    async with redis_of(options) as redis:
        store = EntryStore(PipelineLane(redis), BatchedReads(redis, 1), settings.key_prefix)
        try:
            count = await invalidate(store, what)
        except REDIS_UNAVAILABLE as error:
            raise CommandError(f"Redis: {error}") from None
    print(f"{count} entries forgotten")
    return 0
