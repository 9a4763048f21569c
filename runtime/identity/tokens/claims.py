"""Token claims: is the token for us, whose is it, and did it hold when it was used?

All times are Unix seconds. A record waits in Kafka, so what counts is that its token held when the
record was submitted, and that this isn't longer ago than the operator allows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from producers.contract import codec
from runtime.config.sections.identity import TokenSettings

_LATEST_S: Final = 1e11
"""The year 5138: what is later is no time."""

RefusalReason: TypeAlias = Literal[
    "malformed",
    "unknown_key",
    "wrong_algorithm",
    "bad_signature",
    "wrong_issuer",
    "wrong_audience",
    "no_tenant",
    "expired",
    "not_yet_valid",
    "too_old",
    "keys_unavailable",
]


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """Why a token isn't believed."""

    reason: RefusalReason
    message: str
    """For its sender: what is wrong with `it`, the token, which isn't quoted."""

    @property
    def retryable(self) -> bool:
        """Whether the same token may be believed later."""
        return self.reason in {"keys_unavailable", "not_yet_valid"}


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token whose signature is good and which is for us. Times: Unix seconds."""

    tenant: str
    subject: str | None
    """Its `sub`: who the tenant's program or person is."""
    expires_s: float
    not_before_s: float
    issued_s: float | None
    claims: Mapping[str, Any] = field(repr=False)
    """All of them, `scope` for instance."""


def read_claims(claims: Mapping[str, Any], settings: TokenSettings) -> VerifiedToken | TokenRefused:
    """Whose token it is, if it is for us and says until when it holds."""
    if (refused := _wrong_party(claims, settings)) is not None:
        return refused
    tenant = claims.get(settings.tenant_claim)
    name = codec.read_name(tenant.encode("utf-8", "replace")) if isinstance(tenant, str) else None
    if name is None:
        return TokenRefused("no_tenant", f"its claim {settings.tenant_claim!r} names no tenant")
    times = [_time(claims, claim) for claim in ("exp", "nbf", "iat")]
    expires_s, not_before_s, issued_s = times
    if any(at_s is not None and math.isnan(at_s) for at_s in times):
        return TokenRefused("malformed", "one of its exp, nbf, iat is no time")
    if expires_s is None:
        return TokenRefused("malformed", "it has no exp: a token without an end isn't believed")
    if settings.longest_age_s is not None and issued_s is None:
        return TokenRefused("malformed", "it has no iat, which its greatest age is counted from")
    stated = claims.get("sub")
    subject = stated if isinstance(stated, str) else None
    return VerifiedToken(name, subject, expires_s, not_before_s or 0.0, issued_s, claims)


def _wrong_party(claims: Mapping[str, Any], settings: TokenSettings) -> TokenRefused | None:
    if settings.issuer is not None and claims.get("iss") != settings.issuer:
        return TokenRefused("wrong_issuer", "its iss isn't the issuer that is believed here")
    audience = claims.get("aud")
    if settings.audience not in (audience if isinstance(audience, list) else [audience]):
        return TokenRefused("wrong_audience", f"its aud isn't {settings.audience!r}")
    return None


def check_times(
    token: VerifiedToken, settings: TokenSettings, submitted_s: float, now_s: float
) -> TokenRefused | None:
    """Why it didn't hold at the submission, or why that is too long ago; None if it held."""
    leeway_s = settings.leeway_s
    # a clock that goes ahead, or a sender's lie, must not reach into a token's future
    at_s = min(submitted_s, now_s)
    if now_s - at_s > settings.longest_wait_s + leeway_s:
        message = f"it came more than {settings.longest_wait_s:g} s after the record's submission"
        return TokenRefused("too_old", message)
    if at_s > token.expires_s + leeway_s:
        return TokenRefused("expired", "it had expired: get a new one")
    if at_s < max(token.not_before_s, token.issued_s or 0.0) - leeway_s:
        return TokenRefused("not_yet_valid", "it isn't valid yet: look at both clocks")
    longest_age_s, issued_s = settings.longest_age_s, token.issued_s
    if longest_age_s is None or issued_s is None or at_s - issued_s <= longest_age_s + leeway_s:
        return None
    return TokenRefused("too_old", f"it was made more than {longest_age_s:g} s before")


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate; None where it is absent, NaN where it is none."""
    value = claims.get(name)
    if value is None:
        return None
    # a boolean is an integer to Python
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 <= value <= _LATEST_S else math.nan
