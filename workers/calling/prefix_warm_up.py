"""Prefix warm-up: one request first when a burst of them meets a cold prompt cache.

An entry can be read once the answer that wrote it has begun. So one request goes and the others
with the same prefix wait for its first token, but never longer than `patience_s`: what is saved is
money, and a caller's time is worth more.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

_KEPT: Final = 20_000


@dataclass(slots=True)
class _Prefix:
    warm_until: float = 0.0
    opened: asyncio.Event | None = field(default=None)


class PrefixWarmUp:
    """The prefixes that are warm, and those that somebody is warming. Times in seconds."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._prefixes: OrderedDict[str, _Prefix] = OrderedDict()

    async def take_turn(self, name: str, now: float) -> bool:
        """True at once for the one that goes first; False when the prefix is warm or time is up."""
        prefix = self._prefixes.setdefault(name, _Prefix())
        self._prefixes.move_to_end(name)
        if prefix.warm_until > now:
            return False
        if prefix.opened is None:
            prefix.opened = asyncio.Event()
            self._forget()
            return True
        try:
            async with asyncio.timeout(self._patience_s):
                await prefix.opened.wait()
        except TimeoutError:
            pass
        return False

    def mark_warm(self, name: str, now: float, ttl_s: float) -> None:
        """An answer has begun: its prefix can be read for `ttl_s` from now on."""
        prefix = self._prefixes.get(name)
        if prefix is not None:
            prefix.warm_until = now + ttl_s
            self._open(prefix)

    def release_waiting(self, name: str) -> None:
        """The first one got no answer: the others needn't wait for it."""
        prefix = self._prefixes.get(name)
        if prefix is not None:
            self._open(prefix)

    def _open(self, prefix: _Prefix) -> None:
        if prefix.opened is not None:
            prefix.opened.set()
            prefix.opened = None

    def _forget(self) -> None:
        while len(self._prefixes) > _KEPT:
            self._open(self._prefixes.popitem(last=False)[1])
