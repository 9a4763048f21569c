"""Token signature: from a token's bytes to the claims that its key has signed."""

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from runtime.identity.tokens.claims import TokenRefused
from runtime.identity.tokens.key_set import KeySet, SigningKey

_PARTS: Final = 3
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""Of tokens for us, RFC 7519 and 9068; another type is a token for something else."""
_NAMES: Final = {"Ed25519": "EdDSA"}
"""RFC 9864 gave what everybody calls EdDSA a second name."""


def signed_claims(token: bytes, keys: KeySet) -> Mapping[str, Any] | TokenRefused:
    """The claims, once the signature is found good. What else the header says is ignored.

    `jku`, `x5u`, `jwk` and `x5c` would have the token bring its own key.
    """
    parts = token.split(b".")
    if len(parts) != _PARTS:
        return TokenRefused("malformed", "it isn't a signed JWT in compact form")
    header = _json_object(parts[0])
    if header is None:
        return TokenRefused("malformed", "its header can't be read")
    key = _key_of(header, keys)
    if isinstance(key, TokenRefused):
        return key
    if not _good_signature(parts, key):
        return TokenRefused("bad_signature", "its signature isn't its key's")
    claims = _json_object(parts[1])
    return claims if claims is not None else TokenRefused("malformed", "its claims can't be read")


def _key_of(header: Mapping[str, Any], keys: KeySet) -> SigningKey | TokenRefused:
    if "crit" in header or str(header.get("typ", "JWT")).lower() not in _TYPES:
        return TokenRefused("malformed", "its header asks for what isn't known here: crit, or typ")
    name, algorithm = header.get("kid"), header.get("alg")
    key = keys.find(name) if isinstance(name, str | None) else None
    if key is None:
        return TokenRefused("unknown_key", "the key that its kid names isn't known here")
    if not isinstance(algorithm, str) or _NAMES.get(algorithm, algorithm) != key.algorithm:
        message = f"its alg isn't its key's, which is {key.algorithm}"
        return TokenRefused("wrong_algorithm", message)
    return key


def _good_signature(parts: Sequence[bytes], key: SigningKey) -> bool:
    signature = _decoded(parts[2])
    if signature is None:
        return False
    try:
        algorithm = JWSRegistry.algorithms[key.algorithm]
        return algorithm.verify(parts[0] + b"." + parts[1], signature, key.key)
    except (JoseError, ValueError):
        return False


def _json_object(part: bytes) -> Mapping[str, Any] | None:
    text = _decoded(part)
    try:
        document = None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _decoded(part: bytes) -> bytes | None:
    """Of base64url without padding; None for anything else, so that a token has one form only."""
    if b"=" in part or b"+" in part or b"/" in part:
        return None
    try:
        return b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (Base64Error, ValueError):
        return None
