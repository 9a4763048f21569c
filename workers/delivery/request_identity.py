"""Idempotency key of a request: its tenant and id, and a fingerprint of what it asks.

The key says which request a record is, whatever characters its tenant and id are made of. The
fingerprint says whether another record under that key asks the same: it covers the body as it is
understood, so a record that was delayed or moved to another tier, or whose JSON names its fields in
another order, is the same request. What only steers (a deadline, the cache's mode) isn't in it.
"""

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from producers.contract import ChatBody, Request
from runtime.redis.key_names import request_key

_SORTED: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Identity:
    """Which request a record is, and what it asks."""

    key: str
    """In Redis."""
    fingerprint: str
    """Hexadecimal, of the body."""
    former: str | None = None
    """The key that earlier versions used, which joined tenant and id by a colon.

    None where both may contain one, so that it could be another request's.
    """
    submitted_ms: int = 0
    """When it was sent, Unix milliseconds, if it is to run again after a failure that was recorded
    before and may be retried; 0: it isn't."""


def identity_of(request: Request, submitted_ms: int = 0) -> Identity:
    """Which request it is. submitted_ms: when this record of it was sent."""
    key, *former = record_keys(request.tenant, request.id)
    runs_again = request.routing.after_failure == "run"
    fingerprint = _fingerprint(request.body)
    return Identity(key, fingerprint, next(iter(former), None), submitted_ms if runs_again else 0)


def record_keys(tenant: str, request_id: str) -> tuple[str, ...]:
    """Where a request's record may be in Redis: the key, and the one of earlier versions."""
    key = request_key(tenant, request_id)
    return (key,) if ":" in tenant + request_id else (key, f"sg:once:{tenant}:{request_id}")


def _fingerprint(body: ChatBody) -> str:
    content = body.model_dump(mode="json", exclude_none=True)
    text = _SORTED.encode(content)
    return blake2b(text.encode(), digest_size=16).hexdigest()
