"""Which commands does `python -m cache` have?"""

from typing import Final

from . import calibrate, invalidate, judge, stats
from .common import Command, CommandError

COMMANDS: Final = {
    "judge": Command("say which pairs share an answer", judge.declare, judge.run),
    "calibrate": Command("find the operating points", calibrate.declare, calibrate.run),
    "stats": Command("show what a tenant's cache holds", stats.declare, stats.run),
    "invalidate": Command("forget kept answers", invalidate.declare, invalidate.run),
}

__all__ = ["COMMANDS", "CommandError"]
