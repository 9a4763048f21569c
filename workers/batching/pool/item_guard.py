"""LineItem guard: a request is in one batch at a time, whoever published it twice.

A mark in Redis, set when a batch is sent and taken away when the request has its ending. It stands
behind the table of batches: it also knows a request by its id, and a batch that was formed twice.
While Redis is away the table alone guards.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from runtime.redis.connection import RedisLink
from runtime.redis.key_names import named

_LIFE_S: Final = 14 * 86_400


class ItemGuard(Protocol):
    """Which batch has a request. identities: keys of `request_identity`."""

    async def take(self, identities: Sequence[str], batch: str) -> list[str]:
        """Of each, the batch that has it: this one, if no other had."""
        ...

    async def move(self, identities: Sequence[str], batch: str) -> None:
        """They are this batch's now, whatever the marks of others say."""
        ...

    async def release(self, identities: Sequence[str], batch: str) -> None:
        """They have their ending, or go elsewhere."""
        ...


class RedisItemGuard:
    """The item guard of the fleet."""

    def __init__(self, link: RedisLink, on_unguarded: Callable[[], None]) -> None:
        self._link = link
        self._on_unguarded = on_unguarded

    async def move(self, identities: Sequence[str], batch: str) -> None:
        """In one round trip for all."""
        if not identities:
            return

        async def write() -> bool:
            async with self._link.redis.pipeline(transaction=False) as pipe:
                for identity in identities:
                    pipe.set(_key(identity), batch, ex=_LIFE_S)
                await pipe.execute()
            return True

        await self._link.run(write)

    async def take(self, identities: Sequence[str], batch: str) -> list[str]:
        """In one round trip for all."""

        async def ask() -> list[str | None]:
            async with self._link.redis.pipeline(transaction=False) as pipe:
                for identity in identities:
                    pipe.set(_key(identity), batch, nx=True, get=True, ex=_LIFE_S)
                held: list[str | None] = await pipe.execute()
                return held

        held = await self._link.run(ask)
        if held is None:
            self._on_unguarded()
            return [batch] * len(identities)
        return [holder or batch for holder in held]

    async def release(self, identities: Sequence[str], batch: str) -> None:
        """Only what is this batch's."""

        async def give_back() -> bool:
            redis = self._link.redis
            keys = [_key(identity) for identity in identities]
            held = await redis.mget(keys) if keys else []
            ours = [key for key, holder in zip(keys, held, strict=True) if holder == batch]
            if ours:
                await redis.delete(*ours)
            return True

        await self._link.run(give_back)


def _key(identity: str) -> str:
    return named("batched", identity)
