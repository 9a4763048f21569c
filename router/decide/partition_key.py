"""Partition key: which partition of its tier's queue does a request get?

Requests with the same long prefix share a partition, so that one worker and one account see them
and the provider's prompt cache is warm. A hot prefix must not make a hot partition: its key is
salted over as many values as its share of the traffic takes partitions.
"""

import hashlib
import math
from collections import OrderedDict
from typing import Final

from producers.contract import Request
from runtime.redis.key_names import joined

MIN_PREFIX_TOKENS: Final = 1024
"""Below this no provider caches a prefix (Anthropic's and OpenAI's smallest minimum but one)."""

_REMEMBERED: Final = 10_000
_HALF_LIFE_REQUESTS: Final = 5_000


class PrefixShares:
    """How much of the recent traffic each prefix makes up, forgetting by half every so often."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, float] = OrderedDict()
        self._total = 0.0

    def add(self, prefix: str | None) -> float:
        """The share (0..1) of `prefix` in the traffic, this request included."""
        self._total += 1
        # shares need no exact window: halving all counts now and then costs less than a sliding one
        if self._total > 2 * _HALF_LIFE_REQUESTS:
            self._forget()
        if prefix is None:
            return 0.0
        self._counts[prefix] = self._counts.get(prefix, 0.0) + 1
        self._counts.move_to_end(prefix)
        if len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)
        return self._counts[prefix] / self._total

    def _forget(self) -> None:
        self._total /= 2
        self._counts = OrderedDict((name, count / 2) for name, count in self._counts.items())


def record_key(request: Request, prefix: str | None, share: float, partitions: int) -> bytes:
    """The record's key. share: of the traffic with this prefix; partitions: of the tier's topic."""
    if request.routing.ordered and request.routing.conversation is not None:
        return request.routing.conversation.encode()
    if prefix is None:
        return request.id.encode()
    # a prefix with a third of the traffic takes a third of the partitions; the request's id, not
    # chance, picks the salt, so that a redelivered request gets the same key
    salts = max(1, math.ceil(share * partitions))
    return f"{prefix}:{_spread(request.id, salts)}".encode()


def prefix_hash(request: Request, system_tokens: int) -> str | None:
    """The tenant-scoped hash of the part that repeats, if it is long enough to be cached."""
    if system_tokens < MIN_PREFIX_TOKENS:
        return None
    digest = hashlib.blake2b(joined(request.tenant).encode(), digest_size=12)
    for message in request.body.messages:
        if message["role"] not in ("system", "developer"):
            break
        digest.update(joined(repr(message.get("content"))).encode())
    return digest.hexdigest()


def _spread(request_id: str, salts: int) -> int:
    return int.from_bytes(hashlib.blake2b(request_id.encode(), digest_size=4).digest()) % salts
