"""Signed report: a JSON document under a JSON Web Signature (RFC 7515) with Ed25519 (RFC 9864).

The flattened JSON form: whoever has the public key can verify it with any JOSE library.
"""

import json
from pathlib import Path
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

ALGORITHM: Final = "Ed25519"
_TYPE: Final = "switchgear-report+jws"
_MOST_BYTES: Final = 100_000_000
_HOW: Final = "`openssl genpkey -algorithm ed25519 -out report-key.pem` makes one"


class ReportKeyError(ValueError):
    """There is no key, or it is none of Ed25519's; the message says how to get one."""


class SignatureInvalidError(ValueError):
    """The file isn't what the holder of the key has signed."""


def read_key(told: str | None) -> OKPKey:
    """The key of a PEM or JWK, or of the file that has it. Raises ReportKeyError, OSError."""
    if not told:
        raise ReportKeyError(f"SWITCHGEAR_REPORT_KEY: a private key of Ed25519 is needed; {_HOW}")
    text = told if told.lstrip().startswith(("-----BEGIN", "{")) else Path(told).read_text()
    try:
        key = OKPKey.import_key(json.loads(text) if text.lstrip().startswith("{") else text)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise ReportKeyError(f"the key can't be read as one of Ed25519; {_HOW}") from None
    if key.curve_name != ALGORITHM:
        raise ReportKeyError(f"the key is of {key.curve_name}, not of Ed25519; {_HOW}")
    return key


def signed(document: dict[str, Any], key: OKPKey) -> str:
    """The document's signature around it, as JSON. Raises ReportKeyError for a public key."""
    if not key.is_private:
        raise ReportKeyError(f"the key is a public one, which signs nothing; {_HOW}")
    header = {"alg": ALGORITHM, "typ": _TYPE, "kid": key.thumbprint()}
    payload = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    told = jws.serialize_json({"protected": header}, payload, key, algorithms=[ALGORITHM])
    return json.dumps(told, indent=1)


def verified(text: str, key: OKPKey) -> dict[str, Any]:
    """The document that was signed. Raises SignatureInvalidError."""
    if len(text) > _MOST_BYTES:
        raise SignatureInvalidError(f"a report has at most {_MOST_BYTES:,} characters")
    try:
        told = jws.deserialize_json(json.loads(text), key, algorithms=[ALGORITHM])
        header = told.headers()
        document = json.loads(told.payload or b"")
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        words = "the signature isn't this key's, or the file was changed"
        raise SignatureInvalidError(f"{words} ({type(error).__name__})") from None
    if header.get("typ") != _TYPE or not isinstance(document, dict):
        raise SignatureInvalidError("it is signed, but no report")
    return document
