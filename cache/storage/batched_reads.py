"""Batched Redis reads: one MGET for all requests of a moment, within a time limit.

Reads asked for in the same turn of the event loop leave as one MGET, on a lane of their own: they
wait for no write, and no task is made for them.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from redis.asyncio import Redis

from cache.storage.circuit_breaker import DEPENDENCY_RULES
from cache.storage.time_limit import give_up
from runtime.circuit_breaker.breaker import CircuitBreaker
from runtime.circuit_breaker.rules import IGNORED, SUCCEEDED, BreakerSignal, CallFailure
from runtime.circuit_breaker.state_machine import BreakerPermit, BreakerRefused
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.pipelining import PipelineLane

MAX_BATCH: Final = 256


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Redis or the embedder is away, late, or has been too often: `reason`."""

    reason: str


_REFUSED: Final = Unavailable("Redis failed repeatedly; asked again soon")
Values: TypeAlias = list[bytes | None]


@dataclass(slots=True)
class _Batch:
    """The reads that share an MGET, and the permit under which it is asked."""

    permit: BreakerPermit
    waiting: list[tuple[Sequence[str], "asyncio.Future[Values | Unavailable]"]] = field(
        default_factory=list
    )
    keys: list[str] = field(default_factory=list)
    """Each once, as they have left."""


class BatchedReads:
    """GETs, batched, within a time limit; never raises. One per Redis client and event loop."""

    def __init__(self, redis: Redis, budget_s: float) -> None:
        self._lane = PipelineLane(redis)
        self._budget_s = budget_s
        self._open: _Batch | None = None
        """What leaves after this turn, if anything does."""
        self._breaker = CircuitBreaker(DEPENDENCY_RULES)

    async def get(self, *keys: str) -> Values | Unavailable:
        """The values of `keys`, None where there is none."""
        batch = self._open
        if batch is None or len(batch.waiting) >= MAX_BATCH:
            batch = self._begin()
        if batch is None:
            return _REFUSED
        answer: asyncio.Future[Values | Unavailable] = asyncio.get_running_loop().create_future()
        batch.waiting.append((keys, answer))
        return await answer

    def _begin(self) -> _Batch | None:
        """A batch that is on its way; None: Redis is left alone, or another batch is the probe."""
        permit = self._breaker.admit(time.monotonic())
        if isinstance(permit, BreakerRefused):
            return None
        self._open = batch = _Batch(permit)
        asked, loop = (
            self._lane.ask_at_last(partial(self._words, batch)),
            asyncio.get_running_loop(),
        )
        limit = loop.call_later(self._budget_s, give_up, asked)
        asked.add_done_callback(partial(self._answered, batch, limit))
        loop.call_soon(self._close, batch)  # who asks later has a time of its own
        return batch

    def _words(self, batch: _Batch) -> tuple[str, ...]:
        """Of the batch's command, which leaves now: who asks later isn't in it."""
        self._close(batch)
        batch.keys = list(dict.fromkeys([key for keys, _ in batch.waiting for key in keys]))
        return ("MGET", *batch.keys)

    def _close(self, batch: _Batch) -> None:
        if self._open is batch:
            self._open = None

    def _answered(
        self, batch: _Batch, limit: asyncio.TimerHandle, asked: "asyncio.Future[Values]"
    ) -> None:
        limit.cancel()
        signal: BreakerSignal = IGNORED
        reason = "cancelled"
        try:
            value_of = dict(zip(batch.keys, asked.result(), strict=True))
            signal = SUCCEEDED
            for keys, answer in batch.waiting:
                if not answer.done():
                    answer.set_result([value_of[key] for key in keys])
        except REDIS_UNAVAILABLE as error:
            signal, reason = CallFailure(), f"Redis: {type(error).__name__}"
        except Exception as error:  # noqa: BLE001 - such as a key that can't be said: not Redis' fault
            reason = type(error).__name__
        finally:
            self._breaker.report(batch.permit, signal, time.monotonic())
            for _, answer in batch.waiting:
                if not answer.done():
                    answer.set_result(Unavailable(reason))
