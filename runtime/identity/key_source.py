"""Key sources: token keys from a URL, a file or the environment, and a verifier on them."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import aiohttp

from runtime import limits
from runtime.config.sections.identity import TokenSettings
from runtime.identity.key_ring import FetchKeys, KeyRing
from runtime.identity.token_verifier import TokenVerifier
from runtime.identity.tokens.key_set import KeySet, KeySetError, parse_jwks, parse_shared_keys

_log: Final = logging.getLogger(__name__)
_TIMEOUT_S: Final = 5.0
_OK: Final = 200


@asynccontextmanager
async def token_verifier(
    settings: TokenSettings, environment: Mapping[str, str]
) -> AsyncIterator[TokenVerifier]:
    """A verifier whose keys are kept fresh until the context is left.

    Raises KeySetError or OSError where a file or the environment has no keys; an issuer that can't
    be reached is asked again.
    """
    async with AsyncExitStack() as parts:
        ring = KeyRing(await _source(parts, settings, environment), settings, time.monotonic)
        if settings.jwks_url is None:
            await ring.load()
        else:
            await ring.refresh()
        watch = asyncio.create_task(ring.watch())
        try:
            yield TokenVerifier(ring, settings)
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch


async def _source(
    parts: AsyncExitStack, settings: TokenSettings, environment: Mapping[str, str]
) -> FetchKeys:
    if settings.jwks_url is not None:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        session = await parts.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        return _Url(session, settings.jwks_url, settings).fetch
    if settings.jwks_file is not None:
        return _File(Path(settings.jwks_file), settings).fetch
    return _Environment(environment, settings).fetch


class _Url:
    def __init__(self, session: aiohttp.ClientSession, url: str, settings: TokenSettings) -> None:
        self._session = session
        self._url = url
        self._settings = settings

    async def fetch(self) -> KeySet:
        # a redirect could lead away from https
        try:
            async with self._session.get(self._url, allow_redirects=False) as response:
                if response.status != _OK:
                    raise KeySetError(f"{self._url} answers {response.status}")
                text = await response.content.read(limits.JWKS.value + 1)
                while len(text) <= limits.JWKS.value and not response.content.at_eof():
                    text += await response.content.read(limits.JWKS.value + 1 - len(text))
        except aiohttp.ClientError as error:
            raise KeySetError(f"{self._url} can't be reached: {type(error).__name__}") from error
        return parse_jwks(text, self._settings.algorithms)


class _File:
    def __init__(self, path: Path, settings: TokenSettings) -> None:
        self._path = path
        self._settings = settings

    async def fetch(self) -> KeySet:
        return await asyncio.to_thread(self._read)

    def _read(self) -> KeySet:
        with self._path.open("rb") as file:
            return parse_jwks(file.read(limits.JWKS.value + 1), self._settings.algorithms)


class _Environment:
    def __init__(self, environment: Mapping[str, str], settings: TokenSettings) -> None:
        self._environment = environment
        self._settings = settings

    async def fetch(self) -> KeySet:
        name = self._settings.shared_keys_env or ""
        text = self._environment.get(name, "")
        try:
            return parse_shared_keys(text, self._settings.algorithms)
        except KeySetError as error:
            raise KeySetError(f"environment variable {name}: {error}") from None
