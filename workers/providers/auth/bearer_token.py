"""Bearer token authorization: tokens of a cloud's identity service, renewed before they expire."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from workers.providers.auth.api_key import fits_header, redacted
from workers.providers.base.call_outcome import BadCredentials

_RENEW_BEFORE_S: Final = 300.0
"""Clouds give out a new token from five minutes before the old one ends."""
_AGAIN_AFTER_S: Final = 10.0
"""A failed renewal is tried again after this, while the old token still holds."""


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token and its end, Unix seconds."""

    text: str = field(repr=False)
    expires_at: float


BearerSource: TypeAlias = Callable[[], Awaitable[BearerToken]]
"""A fresh token. Raises whatever the cloud's library raises."""


class BearerAuthorizer:
    """An Authorizer with one token at a time; calls that meet an old one wait for one renewal."""

    def __init__(
        self, fetch: BearerSource, source: str, clock: Callable[[], float] = time.time
    ) -> None:
        """source: whose identity, for people."""
        self.source = source
        self._fetch = fetch
        self._clock = clock
        self._token: BearerToken | None = None
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()

    async def headers(self, url: str, body: bytes) -> Mapping[str, str] | BadCredentials:  # noqa: ARG002 - a signer needs them
        """The token as a header, or why there is none."""
        if self._clock() >= self._renew_at:
            async with self._renewing:
                if self._clock() >= self._renew_at:
                    refusal = await self._renew()
                    if refusal is not None:
                        return refusal
        token = self._token
        if token is None:
            return BadCredentials(message=f"{self.source} gave no token", code="no_credentials")
        return {"authorization": f"Bearer {token.text}"}

    def redact(self, text: str) -> str:
        """`text` without the token."""
        return text if self._token is None else redacted((self._token.text,), text)

    async def _renew(self) -> BadCredentials | None:
        """Fetches a token; a failure is one only when the old token has ended."""
        try:
            token = await self._fetch()
        except Exception as error:  # noqa: BLE001 - whatever the cloud's library raises
            return self._kept_or_refused(f"{self.source} gave no token: {type(error).__name__}")
        if not fits_header(token.text) or not token.text:
            return self._kept_or_refused(f"{self.source} gave a token that no header can carry")
        self._token = token
        left = token.expires_at - self._clock()
        # of a token that lives for less than the margin, half its life
        self._renew_at = token.expires_at - min(_RENEW_BEFORE_S, left / 2)
        return None

    def _kept_or_refused(self, message: str) -> BadCredentials | None:
        if self._token is not None and self._clock() < self._token.expires_at:
            self._renew_at = self._clock() + _AGAIN_AFTER_S
            return None
        self._token = None
        return BadCredentials(message=message, code="no_credentials")
