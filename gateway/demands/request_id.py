"""Request id of an idempotency key: the same for a repetition, another one for each tenant."""

from hashlib import blake2b
from typing import Final

_DIGEST_BYTES: Final = 20


def keyed_request_id(tenant: str, key: str) -> str:
    """The id. Not the key itself: replies and cancellations go by the id alone, tenants share them.

    key: of any characters and length.
    """
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for part in (tenant, key):
        encoded = part.encode("utf-8", "surrogateescape")
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return f"idem_{digest.hexdigest()}"


def body_digest(*parts: bytes) -> bytes:
    """Equal for equal requests: of the caller, the path, the demands and the body."""
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()
