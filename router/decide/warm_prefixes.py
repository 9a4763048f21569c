"""Warm prefixes: which prompts' beginnings does a provider's cache probably hold now?

Only calls at once warm it for the calls at once: a batch neither reads their writes nor they the
batch's, as its users have measured. Each router knows what it has routed itself.
"""

from collections import OrderedDict
from typing import Final

_REMEMBERED: Final = 10_000
_TTL_S: Final = 240.0
"""Of the five minutes that providers keep a prefix at least, less the way through the queue."""


class WarmPrefixes:
    """The prefixes that went to a provider at once lately."""

    def __init__(self) -> None:
        self._used: OrderedDict[str, float] = OrderedDict()

    def used(self, prefix: str, now: float) -> None:
        """A call with `prefix` is on its way. now: monotonic seconds."""
        self._used[prefix] = now
        self._used.move_to_end(prefix)
        if len(self._used) > _REMEMBERED:
            self._used.popitem(last=False)

    def warm(self, prefix: str, now: float) -> bool:
        """Whether a call with `prefix` would find it in the cache."""
        at = self._used.get(prefix)
        return at is not None and now - at < _TTL_S
