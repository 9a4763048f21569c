"""Redis connection errors: the exceptions that mean that Redis is away or late."""

from typing import Final

from redis.exceptions import RedisError

REDIS_UNAVAILABLE: Final = (RedisError, OSError)
"""For `except`: the caller goes on without Redis, or tries again later.

RedisError also covers what the server refuses (out of memory, loading, read only). A deadline's
TimeoutError and a connection's failure are OSErrors.
"""
