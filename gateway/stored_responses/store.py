"""Response store: Redis, shared by all gateways; each entry under its tenant, for its time."""

import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from redis.asyncio import Redis

from gateway.stored_responses.stored_response import StoredResponse, from_text, to_text
from runtime.circuit_breaker.breaker import CircuitBreaker
from runtime.circuit_breaker.rules import (
    BreakerRules,
    BreakerSignal,
    CallFailure,
    Cooldown,
    Ignored,
    Succeeded,
)
from runtime.circuit_breaker.state_machine import BreakerRefused
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.key_names import joined, named

_T = TypeVar("_T")
_RULES: Final = BreakerRules(
    consecutive=1, cooldown=Cooldown(first_s=0.5, most_s=15), probe_lease_s=5
)


class ResponseStoreAwayError(Exception):
    """The store doesn't answer, so nobody knows what is in it."""


class ResponseStore(Protocol):
    """Keeps responses. Every method may raise ResponseStoreAwayError."""

    async def get(self, tenant: str, response_id: str) -> StoredResponse | None:
        """The tenant's response; None where it has none of that id, or none any more."""
        ...

    async def put(
        self, tenant: str, response_id: str, stored: StoredResponse, *, first: bool = False
    ) -> bool:
        """Keeps it; first: unless there is one already. False for one that is too large."""
        ...

    async def delete(self, tenant: str, response_id: str) -> bool:
        """Whether there was one."""
        ...


class RedisResponseStore:
    """The store of a fleet. A breaker stands before it: a dead Redis costs one caller its wait."""

    def __init__(self, redis: Redis, keep_s: Callable[[], int]) -> None:
        """keep_s: how long a response is kept, from its last change."""
        self._redis = redis
        self._keep_s = keep_s
        self._breaker = CircuitBreaker(_RULES)

    async def get(self, tenant: str, response_id: str) -> StoredResponse | None:
        """As ResponseStore's."""
        text = await self._guarded(lambda: self._redis.get(response_key(tenant, response_id)))
        return from_text(text) if isinstance(text, str) else None

    async def put(
        self, tenant: str, response_id: str, stored: StoredResponse, *, first: bool = False
    ) -> bool:
        """As ResponseStore's."""
        text = to_text(stored)
        if text is None:
            return False
        key, keep_s = response_key(tenant, response_id), self._keep_s()
        await self._guarded(lambda: self._redis.set(key, text, ex=keep_s, nx=first))
        return True

    async def delete(self, tenant: str, response_id: str) -> bool:
        """As ResponseStore's."""
        key = response_key(tenant, response_id)
        return bool(await self._guarded(lambda: self._redis.delete(key)))

    async def _guarded(self, command: Callable[[], Awaitable[_T]]) -> _T:
        permit = self._breaker.admit(time.monotonic())
        if isinstance(permit, BreakerRefused):
            raise ResponseStoreAwayError
        signal: BreakerSignal = Ignored()
        try:
            answer = await command()
            signal = Succeeded()
        except REDIS_UNAVAILABLE:
            signal = CallFailure()
            raise ResponseStoreAwayError from None
        finally:
            self._breaker.report(permit, signal, time.monotonic())
        return answer


def response_key(tenant: str, response_id: str) -> str:
    """Where a response is in Redis."""
    return named("response", joined(tenant, response_id))
