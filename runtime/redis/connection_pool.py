"""Redis connection pool whose connections tell every loss as one: what can't be written is lost.

uvloop raises RuntimeError when something is written to a transport that is closed. redis-py expects
an OSError there and lets the other one through, past its own retries and past everybody who goes on
without Redis.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.exceptions import ConnectionError as RedisConnectionError


class _LossIsTold(AbstractConnection):
    async def send_packed_command(
        self,
        command: bytes | str | Iterable[bytes],
        check_health: bool = True,  # noqa: FBT001, FBT002 redis-py's own
    ) -> None:
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            raise RedisConnectionError(f"nothing can be written: {error}") from error


class _Tcp(_LossIsTold, Connection):
    pass


class _Tls(_LossIsTold, SSLConnection):
    pass


class _Unix(_LossIsTold, UnixDomainSocketConnection):
    pass


_TOLD: Final[Mapping[type[AbstractConnection], type[AbstractConnection]]] = {
    Connection: _Tcp,
    SSLConnection: _Tls,
    UnixDomainSocketConnection: _Unix,
}


def connection_pool(url: str, **settings: Any) -> BlockingConnectionPool:  # noqa: ANN401 redis-py's own
    """A pool of connections to the Redis at `url`; who finds none free waits for one.

    settings: of redis-py's pool and of its connections. Raises ValueError for a URL that is none.
    """
    pool = BlockingConnectionPool.from_url(url, **settings)
    pool.connection_class = _TOLD[pool.connection_class]
    return pool
