"""Attempts: which requests without an idempotency key may be joined by their own SDK's retry?

An SDK's retry differs from what it repeats by a count alone. So each undelivered attempt lies in a
list, by its content and its count; a retry takes one out and lays the request down again under its
own count. Two equal calls that are each retried once take one each. The lists are in Redis, for a
retry may come to another process, or to this one after a crash; a copy here serves without it.
"""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from runtime.redis.connection import RedisLink
from runtime.redis.key_names import named

MOST_RETRIES: Final = 10
"""A higher count looks no further back."""
_WINDOW_MS: Final = 600_000
"""An SDK's retry comes within seconds of the failure, which may take the SDK's own ten minutes."""


@dataclass(frozen=True, slots=True)
class SdkAttempt:
    """One try of one call. Its request's id is another one unless it repeats a try."""

    digest: bytes
    """Equal for equal requests of one caller."""

    number: int
    """0 for the first try, as the caller's SDK counts."""

    @property
    def key(self) -> str:
        """Of its list in Redis."""
        return named("attempt", f"{self.digest.hex()}.{self.number}")

    def earlier(self) -> "list[SdkAttempt]":
        """The tries that this one may repeat, the latest first."""
        latest = min(self.number, MOST_RETRIES)
        return [SdkAttempt(self.digest, number) for number in reversed(range(latest))]


class AttemptRecords(Protocol):
    """The undelivered attempts of the fleet. No method raises."""

    async def begin(self, attempt: SdkAttempt, request_id: str) -> None:
        """From now on a retry may take it."""
        ...

    async def claim(self, attempt: SdkAttempt) -> str | None:
        """The id of the request that `attempt` repeats, begun as its own; None: of none."""
        ...

    async def leave(self, attempt: SdkAttempt, request_id: str) -> bool:
        """It is answered or given up. False: a retry has taken it meanwhile."""
        ...

    async def prefer(self, attempt: SdkAttempt, request_id: str) -> None:
        """Its caller has left: the next retry takes this one before its equals."""
        ...


class LocalAttempts:
    """The attempts of one process."""

    def __init__(self) -> None:
        self._ids: defaultdict[SdkAttempt, deque[str]] = defaultdict(deque)

    async def begin(self, attempt: SdkAttempt, request_id: str) -> None:
        """As the protocol says."""
        self._ids[attempt].append(request_id)

    async def claim(self, attempt: SdkAttempt) -> str | None:
        """As the protocol says."""
        for earlier in attempt.earlier():
            if earlier in self._ids:
                request_id = self._ids[earlier][0]
                self.remove(earlier, request_id)
                await self.begin(attempt, request_id)
                return request_id
        return None

    async def leave(self, attempt: SdkAttempt, request_id: str) -> bool:
        """As the protocol says."""
        return self.remove(attempt, request_id)

    async def prefer(self, attempt: SdkAttempt, request_id: str) -> None:
        """As the protocol says."""
        if self.remove(attempt, request_id):
            self._ids[attempt].appendleft(request_id)

    def remove(self, attempt: SdkAttempt, request_id: str) -> bool:
        """Whether it was there."""
        ids = self._ids.get(attempt)
        if ids is None or request_id not in ids:
            return False
        ids.remove(request_id)
        if not ids:
            del self._ids[attempt]
        return True


class SharedAttempts:
    """The attempts of all gateways on one Redis."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._local = LocalAttempts()

    async def begin(self, attempt: SdkAttempt, request_id: str) -> None:
        """As the protocol says."""
        await self._local.begin(attempt, request_id)
        await self._push(attempt, request_id)

    async def claim(self, attempt: SdkAttempt) -> str | None:
        """As the protocol says."""
        for earlier in attempt.earlier():
            request_id = await self._run("LPOP", earlier.key)
            if request_id is not None:
                self._local.remove(earlier, request_id)
                await self.begin(attempt, request_id)
                return cast("str", request_id)
        if (known := await self._local.claim(attempt)) is not None:
            await self._push(attempt, known)
        return known

    async def leave(self, attempt: SdkAttempt, request_id: str) -> bool:
        """As the protocol says."""
        here = self._local.remove(attempt, request_id)
        removed = await self._run("LREM", attempt.key, 1, request_id)
        return here if removed is None else removed > 0

    async def prefer(self, attempt: SdkAttempt, request_id: str) -> None:
        """As the protocol says."""
        await self._local.prefer(attempt, request_id)
        if await self._run("LREM", attempt.key, 1, request_id):
            await self._run("LPUSH", attempt.key, request_id)
            await self._run("PEXPIRE", attempt.key, _WINDOW_MS)

    async def _push(self, attempt: SdkAttempt, request_id: str) -> None:
        await asyncio.gather(  # in one pipeline
            self._run("RPUSH", attempt.key, request_id),
            self._run("PEXPIRE", attempt.key, _WINDOW_MS),
        )

    async def _run(self, command: str, *args: str | float) -> Any:  # noqa: ANN401 Redis'
        """The answer; None while Redis is away, too."""
        trips = self._link.trips
        return await self._link.run(lambda: trips.ask(command, *args))
