"""Key set: the keys that may sign tokens, each with the algorithms that its kind allows.

The algorithm of a token is checked against its key, never taken from the token: otherwise a public
RSA key would verify what anybody signed with it as a shared secret.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from runtime import limits

_LEAST_SECRET_BYTES: Final = 32
"""Of HS256, as RFC 7518 asks."""
_RSA_CHARACTERS: Final = range(340, 1400)
"""Of a modulus in base64url, from 2,048 to 8,192 bits: less is weak, more is slow to verify."""
_EXPONENT_CHARACTERS: Final = 8
_PUBLIC_KINDS: Final[Mapping[tuple[str, str | None], tuple[Any, str]]] = {
    ("RSA", None): (RSAKey, "RS256"),
    ("EC", "P-256"): (ECKey, "ES256"),
    ("OKP", "Ed25519"): (OKPKey, "EdDSA"),
}
"""By `kty` and `crv`. No `oct`: a secret that is published is none."""
_PUBLIC_MEMBERS: Final = ("kty", "crv", "n", "e", "x", "y")

KeyId: TypeAlias = str | None


class KeySetError(ValueError):
    """What was to be keys can't be used as such; says why, without the keys."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key, and what it may verify."""

    name: KeyId
    """Its `kid`."""
    algorithm: str
    """HS256, RS256, ES256 or EdDSA."""
    key: Key = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys in force."""

    keys: tuple[SigningKey, ...]

    def find(self, name: KeyId) -> SigningKey | None:
        """The key of a token's `kid`; without one, the only key there is."""
        if name is None:
            return self.keys[0] if len(self.keys) == 1 else None
        return next((key for key in self.keys if key.name == name), None)


def parse_jwks(text: bytes, algorithms: Collection[str]) -> KeySet:
    """The keys of a JWK set that may sign with one of `algorithms`. Others are left out.

    Raises KeySetError for what is no JWK set, or holds no key that can be used.
    """
    if (refusal := limits.JWKS.refusal(len(text))) is not None:
        raise KeySetError(refusal)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise KeySetError("it is no JSON") from None
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise KeySetError("it is no JWK set: there is no list `keys`")
    if (refusal := limits.TOKEN_KEYS.refusal(len(listed))) is not None:
        raise KeySetError(refusal)
    return _usable([key for jwk in listed if (key := _public_key(jwk, algorithms)) is not None])


def parse_shared_keys(text: str, algorithms: Collection[str]) -> KeySet:
    """The keys of `name:secret name:secret …`. Raises KeySetError, which quotes no secret."""
    if "HS256" not in algorithms:
        raise KeySetError("shared keys sign with HS256, which isn't among the algorithms")
    keys = []
    for entry in text.split():
        name, _, secret = entry.partition(":")
        if not name or len(secret.encode()) < _LEAST_SECRET_BYTES:
            raise KeySetError(
                "each shared key is `name:secret`, separated by spaces, the secret of at least "
                f"{_LEAST_SECRET_BYTES} bytes"
            )
        keys.append(SigningKey(name, "HS256", OctKey.import_key({"kty": "oct", "k": _b64(secret)})))
    return _usable(keys)


def _usable(keys: Iterable[SigningKey]) -> KeySet:
    found = tuple(keys)
    if not found:
        raise KeySetError("there is no key in it that may sign tokens")
    names = [key.name for key in found]
    if len(set(names)) != len(names):
        raise KeySetError("two of its keys have the same kid")
    return KeySet(found)


def _public_key(jwk: object, algorithms: Collection[str]) -> SigningKey | None:
    """None for a key that isn't for signing tokens, or not with what we allow."""
    if not isinstance(jwk, dict) or not _strings(jwk, "kty", "crv", "kid", "use", "alg", "n", "e"):
        return None
    importer, algorithm = _PUBLIC_KINDS.get((jwk.get("kty", ""), jwk.get("crv")), (None, ""))
    stated = jwk.get("alg", algorithm)
    meant = stated == algorithm or (stated, algorithm) == ("Ed25519", "EdDSA")
    if algorithm not in algorithms or not meant or jwk.get("use", "sig") != "sig":
        return None
    if importer is None or (importer is RSAKey and not _sound_rsa(jwk)):
        return None
    # the public part alone: `key_ops` or a private part would change what the library does
    public = {member: jwk[member] for member in _PUBLIC_MEMBERS if member in jwk}
    try:
        return SigningKey(jwk.get("kid"), algorithm, importer.import_key(public))
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _strings(jwk: Mapping[str, Any], *members: str) -> bool:
    return all(isinstance(jwk.get(member, ""), str) for member in members)


def _sound_rsa(jwk: Mapping[str, Any]) -> bool:
    modulus, exponent = jwk.get("n", ""), jwk.get("e", "")
    return len(modulus) in _RSA_CHARACTERS and len(exponent) <= _EXPONENT_CHARACTERS


def _b64(secret: str) -> str:
    return urlsafe_b64encode(secret.encode()).rstrip(b"=").decode()
