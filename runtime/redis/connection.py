"""Redis connection behind a circuit breaker. What does a command answer while Redis is away?

While the link is down every command answers None at once, without an attempt, so an outage costs a
request nothing; a `ping` finds out when it is back. Commands have a short deadline for the same
reason.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from runtime.circuit_breaker.breaker import CircuitBreaker
from runtime.circuit_breaker.rules import SUCCEEDED, BreakerRules, CallFailure, Cooldown, Tripped
from runtime.circuit_breaker.state_machine import BreakerRefused
from runtime.redis.connection_pool import connection_pool
from runtime.redis.errors import REDIS_UNAVAILABLE, is_junk_in_a_key
from runtime.redis.pipelining import PipelineLane

_T = TypeVar("_T")
COMMAND_TIMEOUT_S: Final = 1.0
"""Long enough that a busy event loop isn't taken for a lost Redis."""
_NEAR_S: Final = 0.25
"""Within which a ping brings back a link that was lost."""
_CONNECTIONS: Final = 16
"""So that many requests at once wait their turn rather than open a connection each."""

_LINK_RULES: Final = BreakerRules(consecutive=1, cooldown=Cooldown(math.inf, math.inf))
"""One lost command opens it, and none is ever a probe: a request must not wait for a dead Redis."""


def connect_redis(url: str) -> Redis:
    """A client that fails fast and never retries: what it guards can go on alone."""
    pool = connection_pool(
        url,
        max_connections=_CONNECTIONS,
        timeout=COMMAND_TIMEOUT_S,
        decode_responses=True,
        socket_timeout=COMMAND_TIMEOUT_S,
        socket_connect_timeout=COMMAND_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


class RedisLink:
    """The state of the connection, shared by all who use one Redis."""

    def __init__(self, redis: Redis) -> None:
        self.redis: Final = redis
        self.trips: Final = PipelineLane(redis, COMMAND_TIMEOUT_S)
        self._breaker = CircuitBreaker(_LINK_RULES)

    @property
    def up(self) -> bool:
        """Whether Redis answered last time."""
        return self._breaker.closed

    async def run(self, command: Callable[[], Awaitable[_T]]) -> _T | None:
        """The command's answer, or None when Redis is away."""
        permit = self._breaker.admit(time.monotonic())
        if isinstance(permit, BreakerRefused):
            return None
        try:
            answer = await command()
        except REDIS_UNAVAILABLE as error:
            signal = SUCCEEDED if is_junk_in_a_key(error) else CallFailure()
            self._breaker.report(permit, signal, time.monotonic())
            raise_if_cancelled()
            return None
        self._breaker.report(permit, SUCCEEDED, time.monotonic())
        return answer

    def lose(self) -> None:
        """Something that isn't a command of `run` has failed, such as a subscription."""
        self._breaker.open(Tripped("failures"), time.monotonic())
        raise_if_cancelled()

    async def ping(self) -> bool:
        """Whether the link is up: from then on, if Redis answers now, and soon."""
        begun = time.monotonic()
        try:
            await self.redis.ping()
        except REDIS_UNAVAILABLE:
            self.lose()
        else:
            # one that is too far away would be lost again with the next command, which waits
            if time.monotonic() - begun <= _NEAR_S:
                self._breaker.close()
            raise_if_cancelled()
        return self.up


def raise_if_cancelled() -> None:
    """Python 3.11's `wait_for`, with which the client sends, can swallow a cancellation.

    Call it in every loop of commands: one whose cancellation is lost would run for ever, and so
    would whoever waits for its end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
