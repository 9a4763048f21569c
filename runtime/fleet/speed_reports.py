"""Speed reports: how fast the fleet's workers have seen each deployment, read from Redis.

They lie in the workers' reports, which each worker renews every second and which nobody misses when
Redis loses them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError
from redis.asyncio import Redis
from redis.client import NEVER_DECODE

from producers.json_values import too_many_values
from runtime import limits
from runtime.redis.connection import RedisLink
from runtime.redis.key_names import named
from runtime.speed.observed_speed import ObservedSpeed, faded, merged

REPORTS: Final = named("workers", "reports")
"""A hash: each worker's report, by its name."""
_EVERY_S: Final = 2.0
_AT_ONCE: Final = 20
"""Reports of one command, so that no answer is long."""
_LARGEST_BYTES: Final = 1 << 20
_FORGOTTEN: Final = 0.01
"""The weight of a speed that nobody reports any more, below which it is dropped."""
_Number: TypeAlias = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class SpeedReport(BaseModel):
    """The means of one worker's calls of one deployment; times in seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    calls: _Number
    """By their weight when the report was written."""
    first_token_s: _Number
    tokens: _Number
    """Of an answer."""
    generation_s: _Number
    """From the first token to the last."""
    age_s: _Number = 0
    """Of the latest call."""


class _Deployment(BaseModel):
    model_config = ConfigDict(extra="ignore")

    deployment: str
    speed: SpeedReport | None = None


class _Worker(BaseModel):
    model_config = ConfigDict(extra="ignore")

    worker: str
    deployments: Annotated[tuple[_Deployment, ...], FailFast()]


def reported(speed: ObservedSpeed, now: float) -> SpeedReport | None:
    """What a worker reports of its own; None: it has no calls of late."""
    seen = faded(speed, now)
    if seen.calls < _FORGOTTEN:
        return None
    return SpeedReport(
        calls=round(seen.calls, 3),
        first_token_s=round(seen.first_token_s, 4),
        tokens=round(seen.tokens, 2),
        generation_s=round(seen.generation_s, 4),
        age_s=round(seen.age_s, 1),
    )


async def reported_speeds(redis: Redis, without: str | None = None) -> dict[str, ObservedSpeed]:
    """By deployment, all workers together but `without`. Raises RedisError when Redis is away."""
    speeds: dict[str, list[ObservedSpeed]] = {}
    async for text in stored_reports(redis):
        try:
            report = _Worker.model_validate_json(text)
        except ValidationError:
            continue  # of another version, or somebody else's
        if report.worker == without:
            continue
        for entry in report.deployments:
            if entry.speed is not None:
                seen = ObservedSpeed(**entry.speed.model_dump())
                speeds.setdefault(entry.deployment, []).append(seen)
    return {name: merged(each) for name, each in speeds.items()}


async def stored_reports(redis: Redis) -> AsyncIterator[bytes]:
    """What lies where workers report, as far as a report may be so large. Raises RedisError."""
    cursor: Any = 0
    while True:
        # bytes: one entry that isn't UTF-8 must not hide the others
        page = redis.execute_command(  # type: ignore[no-untyped-call]
            "HSCAN", REPORTS, cursor, "COUNT", _AT_ONCE, **{NEVER_DECODE: True}
        )
        cursor, stored = await cast("Awaitable[tuple[int, dict[bytes, bytes]]]", page)
        for text in stored.values():
            short = len(text) <= _LARGEST_BYTES
            if short and not too_many_values(text, limits.MESSAGE_VALUES.value):
                yield text
        if not cursor:
            return


class FleetSpeeds:
    """The speeds as they were last read."""

    def __init__(
        self,
        link: RedisLink,
        *,
        without: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """without: the worker that asks, which knows its own better."""
        self._link = link
        self._without = without
        self._clock = clock
        self.observed: Mapping[str, ObservedSpeed] = {}
        """By deployment; another mapping after each look."""

    async def poll(self) -> None:
        """Keeps them up to date until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Reads them once; what nobody reports now, or can't be read, fades."""
        read = await self._link.run(lambda: reported_speeds(self._link.redis, self._without))
        now = self._clock()
        fresh = {name: replace(speed, at=now) for name, speed in (read or {}).items()}
        old = {
            name: seen
            for name, speed in self.observed.items()
            if name not in fresh and (seen := faded(speed, now)).calls >= _FORGOTTEN
        }
        self.observed = {**old, **fresh}
