"""Redis errors: which mean that Redis is away or late, and which that one key holds junk."""

from typing import Final

from redis.exceptions import RedisError, ResponseError

REDIS_UNAVAILABLE: Final = (RedisError, OSError)
"""For `except`: the caller goes on without Redis, or tries again later.

RedisError also covers what the server refuses (out of memory, loading, read only). A deadline's
TimeoutError and a connection's failure are OSErrors.
"""

_JUNK: Final = ("WRONGTYPE", "not an integer", "not a valid float", "user_script")
"""What a command or a script says of a value that it can't work with."""


def is_junk_in_a_key(error: BaseException) -> bool:
    """Whether Redis is there, and what somebody wrote under one key can't be used.

    It must not count against Redis: whoever may write one key would switch off what the fleet
    shares of all others.
    """
    if not isinstance(error, ResponseError):
        return False
    said = str(error)
    # a script's error has its place in it, whatever it is about
    away = said.startswith(("OOM", "READONLY", "MISCONF", "NOREPLICAS", "LOADING", "BUSY"))
    return not away and any(word in said for word in _JUNK)
