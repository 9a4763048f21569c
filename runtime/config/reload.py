"""Hot reload of the configuration: the newest good file is in force, without a restart.

The file is read every few seconds. A good one replaces the old one between two requests; a bad one
is refused, with the line and the fix in the log, and the old one stays. The first half of a file
may be a good one without its tenants' budgets and residency: one that is still being written waits.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from runtime.config.catalog import Catalog
from runtime.config.config_file import config_text, parse_config

_log: Final = logging.getLogger(__name__)
Snapshot = TypeVar("Snapshot")
_SETTLED_S: Final = 0.2
"""A file that changes within this time is being written."""


async def _settled() -> None:
    await asyncio.sleep(_SETTLED_S)


class ReloadedConfig(Generic[Snapshot]):
    """What `build` makes of the file's catalogue, always of the newest good one."""

    def __init__(
        self,
        path: Path,
        build: Callable[[Catalog], Snapshot],
        settling: Callable[[], Awaitable[None]] = _settled,
    ) -> None:
        """settling: waits until a file that was being written is whole, or has changed again.

        Raises ConfigError, OSError, or what `build` raises, when the first one isn't good.
        """
        self._settling = settling
        self._path = path
        self._build = build
        self._text = config_text(path)
        self._current = build(parse_config(self._text, path))
        self._refused = ""

    def __call__(self) -> Snapshot:
        """The one in force; take it once for a request, so that the request sees one snapshot."""
        return self._current

    async def watch(self, changed: Callable[[Snapshot], None], every_s: float = 2.0) -> None:
        """Applies changes until cancelled, and calls `changed` with each new snapshot."""
        while True:
            await asyncio.sleep(every_s)
            if await self.reload():
                changed(self._current)

    async def reload(self) -> bool:
        """Whether a new configuration is in force now."""
        try:
            text = await asyncio.to_thread(config_text, self._path)
            if text == self._text:
                self._refused = ""
                return False
            await self._settling()
            if text != await asyncio.to_thread(config_text, self._path):
                return False
            self._text = text
            catalog = await asyncio.to_thread(parse_config, text, self._path)
            self._current = self._build(catalog)
        except Exception as error:  # noqa: BLE001 whatever is wrong with it, the old one stays
            if self._refused != (words := str(error)):  # a file that is gone is told once
                _log.error("the new configuration is refused, the old one stays: %s", words)
            self._refused = words
            return False
        self._refused = ""
        _log.info("a new configuration is in force")
        return True
