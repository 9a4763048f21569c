"""Batched Redis reads: one MGET for all requests of a moment, within a time limit.

Reads asked for in the same turn of the event loop leave as one MGET, on a lane of their own: they
wait for no write.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from redis.asyncio import Redis

from cache.storage.circuit_breaker import DEPENDENCY_RULES
from cache.storage.time_limit import within_time_limit
from runtime.circuit_breaker.breaker import CircuitBreaker
from runtime.circuit_breaker.rules import SUCCEEDED, CallFailure
from runtime.circuit_breaker.state_machine import BreakerRefused
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.pipelining import PipelineLane

MAX_BATCH: Final = 256


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Redis or the embedder is away, late, or has been too often: `reason`."""

    reason: str


_REFUSED: Final = Unavailable("Redis failed repeatedly; asked again soon")
Values: TypeAlias = list[bytes | None]
_Waiting: TypeAlias = list[tuple[Sequence[str], "asyncio.Future[Values | Unavailable]"]]


class BatchedReads:
    """GETs, batched, within a time limit; never raises. One per Redis client and event loop."""

    def __init__(self, redis: Redis, budget_s: float) -> None:
        self._lane = PipelineLane(redis)
        self._budget_s = budget_s
        self._waiting: _Waiting = []
        self._running: set[asyncio.Task[None]] = set()
        self._breaker = CircuitBreaker(DEPENDENCY_RULES)

    async def get(self, *keys: str) -> Values | Unavailable:
        """The values of `keys`, None where there is none."""
        loop = asyncio.get_running_loop()
        if self._breaker.refuses(time.monotonic()):
            return _REFUSED
        if not self._waiting:
            loop.call_soon(self._send)
        answer: asyncio.Future[Values | Unavailable] = loop.create_future()
        self._waiting.append((keys, answer))
        return await answer

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), MAX_BATCH):
            task = asyncio.ensure_future(self._fetch(waiting[start : start + MAX_BATCH]))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _fetch(self, batch: _Waiting) -> None:
        permit = self._breaker.admit(time.monotonic())
        if isinstance(permit, BreakerRefused):  # another batch of this turn is the probe
            _resolve(batch, _REFUSED)
            return
        try:
            unique = list(dict.fromkeys([key for keys, _ in batch for key in keys]))
            asked = self._lane.ask("MGET", *unique)
            values: Values = await within_time_limit(self._budget_s, asked)
        except REDIS_UNAVAILABLE as error:
            self._breaker.report(permit, CallFailure(), time.monotonic())
            _resolve(batch, Unavailable(f"Redis: {type(error).__name__}"))
        else:
            self._breaker.report(permit, SUCCEEDED, time.monotonic())
            value_of = dict(zip(unique, values, strict=True))
            for keys, answer in batch:
                _resolve([(keys, answer)], [value_of[key] for key in keys])
        finally:
            _resolve(batch, Unavailable("cancelled"))


def _resolve(batch: _Waiting, value: Values | Unavailable) -> None:
    for _, answer in batch:
        if not answer.done():
            answer.set_result(value)
