"""API keys: made, hashed, and found again by what a caller presents.

A key is `sk-sg-<name>_<secret>`. The name finds its entry, so no list is searched; the secret is
random, 256 bits, so that one round of SHA-256 is enough to keep it.
"""

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from gateway.errors.api_error import ApiError
from runtime.config.sections.gateway import ApiKey, KeyScope

KEY_PREFIX: Final = "sk-sg-"
ANONYMOUS: Final = "anonymous"
_NOBODY: Final = "0" * 64
"""Compared with where there is no entry, so that a wrong name takes as long as a wrong secret."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the key's name and entry, or nobody's key for an anonymous tenant."""

    name: str
    tenant: str
    key: ApiKey | None


def make_key(name: str, secret: str) -> str:
    """The key to give away. secret: at least 256 random bits, as URL-safe text."""
    return f"{KEY_PREFIX}{name}_{secret}"


def hash_of(key: str) -> str:
    """What of a key is kept."""
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def doubled_key(doubled: Collection[str]) -> ApiError | None:
    """Why a request isn't looked at: who checks the first of two keys in front of us isn't fooled.

    doubled: the headers that came more than once.
    """
    names = sorted({"authorization", "x-api-key"} & set(doubled))
    if not names:
        return None
    words = f"{names[0]}: came more than once, so nobody knows whose request it is"
    return ApiError("invalid_request", "doubled_header", words)


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key of a request: `x-api-key` before `authorization: Bearer`."""
    key = headers.get("x-api-key")
    if key is None:
        scheme, _, value = headers.get("authorization", "").partition(" ")
        key = value if scheme.lower() == "bearer" else None
    return key.strip() or None if key is not None else None


def of_known_page(
    caller: Caller, headers: Mapping[str, str], origins: Collection[str]
) -> Caller | ApiError:
    """The caller, unless it is a page of elsewhere in a browser that can reach this gateway.

    A browser keeps such a page from reading the answer, but not from having it paid for. Who has a
    key or a token has shown more than where it runs.
    """
    origin = headers.get("origin")
    anonymous = caller.key is None and caller.name == ANONYMOUS
    if not anonymous or origin is None or {origin, "*"} & set(origins):
        return caller
    words = f"web pages of {origin[:100]} may not call: gateway.cors_origins doesn't name them"
    return ApiError("forbidden", "origin_not_allowed", words)


def identify(
    presented: str | None,
    keys: Mapping[str, ApiKey],
    scope: KeyScope | None,
    now: datetime,
    anonymous: str | None = None,
) -> Caller | ApiError:
    """Who it is. anonymous: the tenant of callers without a key of ours; None refuses them."""
    ours = presented is not None and presented.startswith(KEY_PREFIX)
    if not ours and anonymous is not None:
        return Caller(ANONYMOUS, anonymous, None)
    if presented is None:
        return _unauthenticated(
            "no API key: send one as `Authorization: Bearer …` or `x-api-key: …`"
        )
    name, _, _ = presented.removeprefix(KEY_PREFIX).partition("_")
    key = keys.get(name)
    known = key.sha256 if key is not None else _NOBODY
    if not hmac.compare_digest(hash_of(presented), known) or key is None:
        return _unauthenticated("this API key isn't known here: it is mistyped, or was revoked")
    if key.expired(now):
        return _unauthenticated("this API key has expired: ask for a new one")
    if scope is not None and scope not in key.scopes:
        allowed = ", ".join(sorted(key.scopes)) or "nothing"
        return ApiError(
            "forbidden", "permission_denied", f"this API key opens {allowed}, not {scope}"
        )
    return Caller(name, key.tenant, key)


def _unauthenticated(message: str) -> ApiError:
    return ApiError("unauthenticated", "invalid_api_key", message)
