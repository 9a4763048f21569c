"""Cache entry: an answered question as one JSON value in Redis.

One value under one key, so that an exact hit costs one read.
"""

import random
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final

from pydantic_core import to_json

from producers.contract import Usage
from producers.json_values import read_json
from runtime import limits

_VERSION: Final = 1
_MOST: Final = 2**53
"""Of any number in an entry."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """An answer and what is needed to judge whether it may be served. The fields are the JSON's."""

    exact: str
    """The digest of the question's very words."""
    text: str | None
    """The question; None when it isn't only text."""
    sketch: str | None
    """The question's quantized embedding, for the verifier; None when it wasn't embedded."""
    epoch: str
    """The tenant's epoch when it was written."""
    kept_ms: int
    """When the answer was asked for, in Unix milliseconds."""
    fresh_until_ms: int
    """From then on it is stale."""
    cost_micro_usd: Decimal | None
    """What the provider's call cost."""
    usage: dict[str, Any]
    """Of `Usage`, what differs from nothing."""
    body: dict[str, Any]
    """The OpenAI `chat.completion`."""
    language: str | None = None
    """The question's, ISO 639-1; None: not known."""
    same_words_only: bool = False
    """Whether the answer serves no other form of the question."""
    space: str | None = None
    """The vector index's space that holds the question; None: it isn't indexed."""

    def age_s(self, now_ms: int) -> float:
        """Seconds since it was stored."""
        return max(0.0, (now_ms - self.kept_ms) / 1000)


_FIELDS: Final = tuple(field.name for field in fields(CacheEntry))


def encode_entry(entry: CacheEntry) -> bytes:
    """The value in Redis."""
    return to_json({"v": _VERSION, **{name: getattr(entry, name) for name in _FIELDS}})


def decode_entry(raw: bytes) -> CacheEntry | None:
    """None when another version wrote it, or it is damaged: then it is not there."""
    try:
        fields = read_json(raw, limits.PROVIDER_MARKS.value)
        if fields.pop("v") != _VERSION:
            return None
        cost = fields.pop("cost_micro_usd")
        entry = CacheEntry(cost_micro_usd=None if cost is None else Decimal(cost), **fields)
        return entry if _is_sound(entry) else None
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError):
        return None


def _is_sound(entry: CacheEntry) -> bool:
    """Whether the fields are what they should be: whoever reaches Redis may have written them."""
    return (
        all(_is_count(count) for count in (entry.kept_ms, entry.fresh_until_ms))
        and all(_is_usage(name, value) for name, value in entry.usage.items())
        and type(entry.same_words_only) is bool
        and isinstance(entry.language, str | None)
        and isinstance(entry.space, str | None)
        and type(entry.exact) is str
        and type(entry.epoch) is str
        and isinstance(entry.text, str | None)
        and isinstance(entry.sketch, str | None)
        and isinstance(entry.body, dict)
        and (entry.cost_micro_usd is None or 0 <= entry.cost_micro_usd < _MOST)
    )


def _is_usage(name: str, value: object) -> bool:
    """Whether a part of a usage is what its kind says: a count, counts by name, or names."""
    match name, value:
        case "unlisted", dict():
            return all(map(_is_count, value.values()))
        case "served", list():
            return all(type(how) is str for how in value)
        case _:
            return _is_count(value)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < _MOST


def entry_usage(entry: CacheEntry) -> Usage:
    """What the stored answer had cost in tokens."""
    return Usage(**entry.usage)


def lifetime_ms(ttl_s: float, jitter: float) -> int:
    """The time to live, shortened at random so that entries of one moment don't end together."""
    return max(1, int(ttl_s * 1000 * (1 - jitter * random.random())))
