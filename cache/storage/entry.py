"""What is kept for one answered question, and how is it written in Redis?

An entry is one JSON value under one key, so that an exact hit costs one read.
"""

import random
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final

from pydantic_core import from_json, to_json

from producers.contract import Usage

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """An answer and what is needed to judge whether it may be served.

    exact, text, sketch: the question it answers, for the verifier too.
    epoch: the tenant's epoch when it was written.
    kept_ms: when; fresh_until_ms: from then on it is stale. cost_micro_usd: what the call cost.
    """

    exact: str
    text: str | None
    sketch: str | None
    epoch: str
    kept_ms: int
    fresh_until_ms: int
    cost_micro_usd: Decimal | None
    usage: dict[str, int]
    body: dict[str, Any]

    def age_s(self, now_ms: int) -> float:
        """Seconds since it was kept."""
        return max(0.0, (now_ms - self.kept_ms) / 1000)


_FIELDS: Final = tuple(field.name for field in fields(CacheEntry))


def encode_entry(entry: CacheEntry) -> bytes:
    """The value in Redis."""
    return to_json({"v": _VERSION, **{name: getattr(entry, name) for name in _FIELDS}})


def decode_entry(raw: bytes) -> CacheEntry | None:
    """None when another version wrote it, or it is damaged: then it is not there."""
    try:
        fields = from_json(raw)
        if fields.pop("v") != _VERSION:
            return None
        cost = fields.pop("cost_micro_usd")
        return CacheEntry(cost_micro_usd=None if cost is None else Decimal(cost), **fields)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError):
        return None


def entry_usage(entry: CacheEntry) -> Usage:
    """What the kept answer had cost in tokens."""
    return Usage(**entry.usage)


def lifetime_ms(ttl_s: float, jitter: float) -> int:
    """The time to live, shortened at random so that entries of one moment don't end together."""
    return max(1, int(ttl_s * 1000 * (1 - jitter * random.random())))
