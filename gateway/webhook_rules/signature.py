"""Webhook signature: Standard Webhooks, version 1 (HMAC-SHA256), with several secrets in a change.

Signed is `id.timestamp.body`, the body as its exact bytes, with the time of the attempt.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

_PREFIX: Final = "whsec_"
_SHORTEST: Final = 24
_LONGEST: Final = 64


def read_secret(text: str) -> bytes:
    """The key in `whsec_…`. Raises ValueError, without the secret in its words."""
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a webhook's secret is whsec_ and base64") from None
    if not text.startswith(_PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(f"a webhook's secret is whsec_ and {_SHORTEST} to {_LONGEST} bytes")
    return key


def signed_headers(
    message_id: str, at_s: int, body: bytes, keys: Sequence[bytes]
) -> dict[str, str]:
    """The headers of one attempt. at_s: Unix seconds; keys: the newest first."""
    text = b"%b.%d.%b" % (message_id.encode(), at_s, body)
    marks = (base64.b64encode(hmac.digest(key, text, sha256)).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{mark}" for mark in marks),
    }
