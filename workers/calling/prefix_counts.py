"""Prefix counts: how often a prompt's prefix came lately.

Counts decay exponentially over 5 minutes and over an hour: one number each, however many requests.
The fleet counts in Redis; a worker that has lost it goes on with what it sees itself, which is
most, since requests with the same prefix share a partition.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from runtime.redis.connection import RedisLink
from runtime.redis.key_names import named
from runtime.redis.lua_files import lua
from workers.prompt_cache.policy import TTL_SECONDS, PrefixUses

_KEPT: Final = 20_000


def decayed(uses: PrefixUses, seconds: float) -> PrefixUses:
    """`uses` as they count after `seconds` without another one."""
    return PrefixUses(
        uses.last_5m * math.exp(-seconds / TTL_SECONDS["5m"]),
        uses.last_1h * math.exp(-seconds / TTL_SECONDS["1h"]),
    )


class LocalCounts:
    """What this process has seen; the longest unseen prefixes are forgotten first."""

    def __init__(self) -> None:
        self._uses: OrderedDict[str, tuple[PrefixUses, float]] = OrderedDict()

    async def count_uses(
        self, look: Sequence[str], record: Sequence[str]
    ) -> Mapping[str, PrefixUses]:
        """The uses of `look` before this request, which then counts for each of `record`."""
        return self.count_uses_at(look, record, time.monotonic())

    def count_uses_at(
        self, look: Sequence[str], record: Sequence[str], now: float
    ) -> dict[str, PrefixUses]:
        """As `count_uses`, at `now` in seconds."""
        uses = {name: self._at(name, now) for name in look}
        for name in record:
            before = self._at(name, now)
            self._uses[name] = PrefixUses(before.last_5m + 1, before.last_1h + 1), now
            self._uses.move_to_end(name)
        while len(self._uses) > _KEPT:
            self._uses.popitem(last=False)
        return uses

    def _at(self, name: str, now: float) -> PrefixUses:
        uses, since = self._uses.get(name, (PrefixUses(), now))
        return decayed(uses, now - since)


class SharedCounts:
    """What the fleet has seen, in Redis: one script per request."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._local = LocalCounts()
        self._script = link.trips.script(lua("workers.calling", "prefixes"))

    async def count_uses(
        self, look: Sequence[str], record: Sequence[str]
    ) -> Mapping[str, PrefixUses]:
        """As LocalCounts.count_uses; without Redis, what this process has seen."""
        local = await self._local.count_uses(look, record)
        keys = [named("prefix", name) for name in (*look, *record)]
        counts = await self._link.run(lambda: self._script(keys=keys, args=[len(look)]))
        if counts is None:
            return local
        pairs = zip(look, counts, strict=True)
        return {name: PrefixUses(float(short), float(long)) for name, (short, long) in pairs}
