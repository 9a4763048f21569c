"""Key ring: the keys in force, fetched anew when their time is over or one is missing.

At most one fetch at a time, and at most one in a cooldown: forged tokens that name invented keys
must not make us ask the issuer for each. While the issuer is away its keys go on being believed,
for a stated time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from runtime.config.sections.identity import TokenSettings
from runtime.identity.tokens.key_set import KeySet

_log: Final = logging.getLogger(__name__)

FetchKeys: TypeAlias = Callable[[], Awaitable[KeySet]]
"""Raises OSError or KeySetError where there are none to be had."""
_NO_KEYS: Final = (OSError, ValueError)


class KeyRing:
    """The newest good keys of one source. Times are seconds of `clock`, a monotonic one."""

    def __init__(
        self, fetch: FetchKeys, settings: TokenSettings, clock: Callable[[], float]
    ) -> None:
        self._fetch = fetch
        self._settings = settings
        self._clock = clock
        self._keys: KeySet | None = None
        self._fetched_s = 0.0
        self._attempted_s: float | None = None
        self._fetching = asyncio.Lock()
        self.changes = 0
        """How often the keys have changed: what was verified before may have lost its key."""

    def keys(self) -> KeySet | None:
        """The keys in force; None before the first fetch, and when the last one is too long ago."""
        settings = self._settings
        life_s = settings.keys_life_s + settings.keys_outage_s
        return None if self._clock() - self._fetched_s > life_s else self._keys

    async def load(self) -> None:
        """Fetches the keys now. Raises what the source raises."""
        self._attempted_s = self._clock()
        keys = await self._fetch()
        if keys != self._keys:
            self.changes += 1
        self._keys, self._fetched_s = keys, self._clock()

    async def refresh(self) -> None:
        """Fetches the keys, unless that was tried a moment ago. Who comes meanwhile waits."""
        async with self._fetching:
            if self._cooling_down():
                return
            try:
                await self.load()
            except _NO_KEYS as error:
                _log.warning("token keys not fetched: %s: %s", type(error).__name__, error)

    async def watch(self) -> None:
        """Fetches the keys each time that their life is over, until cancelled."""
        while True:
            good = self._keys is not None and self._fetched_s == self._attempted_s
            settings = self._settings
            await asyncio.sleep(settings.keys_life_s if good else settings.keys_cooldown_s)
            await self.refresh()

    def may_refresh(self) -> bool:
        """Whether `refresh` would ask the source."""
        return self._fetching.locked() or not self._cooling_down()

    def _cooling_down(self) -> bool:
        if self._attempted_s is None:
            return False
        return self._clock() - self._attempted_s < self._settings.keys_cooldown_s
