"""Which commands does `python -m cache` have?"""

from typing import Final

from cache.commands import calibrate, invalidate, judge, stats
from cache.commands.common import CacheCommand, CommandError

COMMANDS: Final = {
    "judge": CacheCommand("say which pairs share an answer", judge.declare, judge.run),
    "calibrate": CacheCommand("find the operating points", calibrate.declare, calibrate.run),
    "stats": CacheCommand("show what a tenant's cache holds", stats.declare, stats.run),
    "invalidate": CacheCommand("forget kept answers", invalidate.declare, invalidate.run),
}

__all__ = ["COMMANDS", "CommandError"]
