"""Which configuration is in force, and how does a new one take its place while requests are served?

The file is looked at every few seconds. A good one replaces the old one between two requests; a bad
one is refused, with the line and the fix in the log, and the old one stays.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from runtime.config.catalog import Catalog
from runtime.config.config_file import parse_config

_log: Final = logging.getLogger(__name__)
T = TypeVar("T")


class ReloadedConfig(Generic[T]):
    """What `build` makes of the file's catalog, always of the newest good one."""

    def __init__(self, path: Path, build: Callable[[Catalog], T]) -> None:
        """Raises ConfigError, OSError, or what `build` raises, when the first one isn't good."""
        self._path = path
        self._build = build
        self._text = path.read_text(encoding="utf-8")
        self._current = build(parse_config(self._text))

    def __call__(self) -> T:
        """The one in force; take it once for a request, so that the request sees one world."""
        return self._current

    async def follow(self, changed: Callable[[T], None], every_s: float = 2.0) -> None:
        """Applies changes until cancelled, and tells `changed` of each."""
        while True:
            await asyncio.sleep(every_s)
            if await self.look():
                changed(self._current)

    async def look(self) -> bool:
        """Whether a new configuration is in force now."""
        try:
            text = await asyncio.to_thread(self._path.read_text, encoding="utf-8")
            if text == self._text:
                return False
            self._text = text
            self._current = self._build(parse_config(text))
        except Exception as error:  # noqa: BLE001 whatever is wrong with it, the old one stays
            _log.error("the new configuration is refused, the old one stays: %s", error)
            return False
        _log.info("a new configuration is in force")
        return True
