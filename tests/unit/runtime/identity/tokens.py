"""Keys and tokens for tests, made by a library other than the one that reads them."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from runtime.config.sections.identity import TokenSettings

NOW: Final = 1_800_000_000.0
SECRET: Final = "s" * 32
RSA: Final = rsa.generate_private_key(65537, 2048)
EC: Final = ec.generate_private_key(ec.SECP256R1())
ED: Final = ed25519.Ed25519PrivateKey.generate()
STRANGER: Final = ec.generate_private_key(ec.SECP256R1())
SETTINGS: Final = TokenSettings(audience="switchgear", issuer="https://issuer", jwks_file="-")

_WRITERS: Final[Mapping[str, tuple[Any, Any]]] = {
    "RS256": (jwt.algorithms.RSAAlgorithm, RSA),
    "ES256": (jwt.algorithms.ECAlgorithm, EC),
    "EdDSA": (jwt.algorithms.OKPAlgorithm, ED),
}


def jwk(algorithm: str, **changes: object) -> dict[str, object]:
    """The public key of `algorithm`, under the algorithm's name as `kid`."""
    writer, key = _WRITERS[algorithm]
    public = json.loads(writer.to_jwk(key.public_key()))
    members = {**public, "kid": algorithm, "use": "sig", "alg": algorithm, **changes}
    return {name: value for name, value in members.items() if value is not None}


def stranger_jwk() -> dict[str, object]:
    """The public key of nobody we know."""
    public: dict[str, object] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(STRANGER.public_key()))
    return public


def jwks(*keys: Mapping[str, object]) -> bytes:
    listed = keys or [jwk(algorithm) for algorithm in _WRITERS]
    return json.dumps({"keys": listed}).encode()


def claims(**changes: object) -> dict[str, object]:
    """Good ones of the tenant acme for five minutes; a change to None leaves a claim out."""
    good = {
        "iss": "https://issuer",
        "aud": "switchgear",
        "sub": "service-7",
        "tenant": "acme",
        "iat": NOW,
        "exp": NOW + 300,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def token(
    algorithm: str = "ES256",
    header: Mapping[str, object] | None = None,
    key: Any = None,  # noqa: ANN401 a key of any kind
    **changes: object,
) -> bytes:
    signing = key or (SECRET if algorithm == "HS256" else _WRITERS[algorithm][1])
    wanted = {"kid": algorithm, **(header or {})}
    named = {name: value for name, value in wanted.items() if value is not None}
    return jwt.encode(claims(**changes), signing, algorithm, named).encode()


def by_hand(header: object, payload: object, signature: bytes = b"") -> bytes:
    """A token of any parts."""
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
