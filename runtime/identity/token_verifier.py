"""Token verifier: whose is this token?

What was verified is remembered for a minute, by the digest of the token's bytes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from runtime import limits
from runtime.config.sections.identity import TokenSettings
from runtime.identity.key_ring import KeyRing
from runtime.identity.tokens.claims import (
    TokenRefused,
    VerifiedToken,
    check_times,
    read_claims,
)
from runtime.identity.tokens.signature import signed_claims

_REMEMBERED_S: Final = 60.0
"""So long a token that was verified is believed after its keys' time is over."""
_UNAVAILABLE: Final = TokenRefused(
    "keys_unavailable", "it can't be verified: its issuer's keys can't be had now; try again later"
)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Both in seconds."""

    unix: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


class TokenVerifier:
    """The tokens of one section `tokens`."""

    def __init__(self, ring: KeyRing, settings: TokenSettings, clocks: Clocks = Clocks()) -> None:
        self._ring = ring
        self._settings = settings
        self._clocks = clocks
        self._verified: dict[bytes, tuple[VerifiedToken, float]] = {}
        self._changes = 0

    async def verify(
        self, token: bytes | str, submitted_s: float | None = None
    ) -> VerifiedToken | TokenRefused:
        """Whose token it is, or why it isn't believed.

        submitted_s: the Unix seconds at which it must have held; None = now. Never raises.
        """
        outcome = self._verify(token, submitted_s)
        if _may_be_mended(outcome) and self._ring.may_refresh():
            await self._ring.refresh()
            outcome = self._verify(token, submitted_s)
        return outcome

    def known(
        self, token: bytes | str, submitted_s: float | None = None
    ) -> VerifiedToken | TokenRefused | None:
        """As `verify`, with the keys at hand; None where newer ones should be fetched first."""
        outcome = self._verify(token, submitted_s)
        return None if _may_be_mended(outcome) and self._ring.may_refresh() else outcome

    def _verify(
        self, token: bytes | str, submitted_s: float | None
    ) -> VerifiedToken | TokenRefused:
        raw = token if isinstance(token, bytes) else token.encode("utf-8", "replace")
        if (refusal := limits.TOKEN.refusal(len(raw))) is not None:
            return TokenRefused("malformed", refusal)
        now_s, monotonic_s = self._clocks.unix(), self._clocks.monotonic()
        if self._changes != self._ring.changes:
            self._verified.clear()
            self._changes = self._ring.changes
        digest = sha256(raw).digest()
        verified, until_s = self._verified.get(digest, (None, 0.0))
        if verified is None or monotonic_s >= until_s:
            outcome = self._read(raw)
            if isinstance(outcome, TokenRefused):
                return outcome
            verified = outcome
            self._remember(digest, verified, monotonic_s + _REMEMBERED_S)
        at_s = now_s if submitted_s is None else submitted_s
        return check_times(verified, self._settings, at_s, now_s) or verified

    def _read(self, raw: bytes) -> VerifiedToken | TokenRefused:
        keys = self._ring.keys()
        if keys is None:
            return _UNAVAILABLE
        claims = signed_claims(raw, keys)
        return claims if isinstance(claims, TokenRefused) else read_claims(claims, self._settings)

    def _remember(self, digest: bytes, verified: VerifiedToken, until_s: float) -> None:
        self._verified.pop(digest, None)
        self._verified[digest] = (verified, until_s)
        if len(self._verified) > limits.VERIFIED_TOKENS.value:
            del self._verified[next(iter(self._verified))]


def _may_be_mended(outcome: VerifiedToken | TokenRefused) -> bool:
    """Whether newer keys could change it."""
    return isinstance(outcome, TokenRefused) and outcome.reason in {
        "unknown_key",
        "keys_unavailable",
    }
