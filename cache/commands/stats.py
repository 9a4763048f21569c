"""`stats`: what does a tenant's cache hold, and does it keep its promise?"""

import argparse
import asyncio
import json

from cache.commands.common import CommandError, redis_of, settings_of
from cache.commands.tenant_stats import tenant_stats
from runtime.redis.errors import REDIS_UNAVAILABLE


def declare(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--redis", help="redis://…; default: SWITCHGEAR_REDIS")


def run(options: argparse.Namespace) -> int:
    """Prints one JSON object."""
    return asyncio.run(_run(options))


async def _run(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    async with redis_of(options) as redis:
        try:
            found = await tenant_stats(redis, settings, options.tenant)
        except REDIS_UNAVAILABLE as error:
            raise CommandError(f"Redis: {error}") from None
    print(json.dumps(found, indent=1))
    return 0
