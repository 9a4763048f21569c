"""Batch key: the name of a batch, from what it holds, at us and at its provider."""

import hashlib
from collections.abc import Iterable

from runtime.redis.key_names import joined


def batch_key(deployment: str, queue: str, places: Iterable[tuple[int, int]]) -> str:
    """20 hexadecimal digits, the same for the same requests. places: (partition, offset)."""
    numbers = ",".join(f"{partition}:{offset}" for partition, offset in sorted(places))
    return hashlib.blake2b(joined(deployment, queue, numbers).encode(), digest_size=10).hexdigest()
