"""Leases in Redis: the right to do something alone, or with few others, while its holder lives.

A lease has a life and an owner token. The holder renews it at a third of its life; renewal and
release compare the token first, so that a holder who comes late never touches its successor's
lease. The token is random, no growing fence number: two holders can overlap after a lease has
lapsed, and whoever guards money or answers by a lease makes the first write win besides.
"""

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeAlias, TypeVar

from runtime.redis.connection import RedisLink
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.lua_files import lua
from runtime.redis.pipelining import PipelineLane

_log: Final = logging.getLogger(__name__)
_RENEWALS_A_LIFE: Final = 3
_RELEASE_TIMEOUT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Lease:
    """An exclusive lease that is ours."""

    key: str
    token: str


@dataclass(frozen=True, slots=True)
class HeldElsewhere:
    """Another holder has the lease, or has left a mark in its place."""

    value: bytes
    """Its owner token, or the mark."""


@dataclass(frozen=True, slots=True)
class RedisAway:
    """Redis didn't answer: whether the lease is free isn't known."""

    reason: str
    """The name of the error."""


LeaseAttempt: TypeAlias = Lease | HeldElsewhere | RedisAway
_T = TypeVar("_T")


def owner_token() -> str:
    """A token that no other lease has."""
    return secrets.token_hex(16)


class LeaseRenewal(Generic[_T]):
    """Renewal in the background of all leases of one kind that this process holds, by name.

    It runs while there are any. A renewal that fails is logged and comes again: what has lapsed
    meanwhile is for the lease's own script to notice.
    """

    def __init__(
        self,
        life_s: float,
        renew: Callable[[Sequence[_T]], Awaitable[object]],
        *,
        longest_s: float = math.inf,
    ) -> None:
        """longest_s: a holder that was forgotten must not keep the others out for ever."""
        self._pause_s = life_s / _RENEWALS_A_LIFE
        self._renew = renew
        self._longest_s = longest_s
        self._ours: dict[str, _T] = {}
        self._ends: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    def get(self, name: str) -> _T | None:
        """The lease that is renewed under `name`, if any."""
        return self._ours.get(name)

    def start(self, name: str, lease: _T) -> None:
        """Renews `lease` from now on: call it as soon as the lease is taken."""
        self._ours[name] = lease
        self._ends[name] = time.monotonic() + self._longest_s
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def stop(self, name: str) -> None:
        """Renews it no more; harmless when repeated."""
        self._ours.pop(name, None)
        self._ends.pop(name, None)

    async def close(self) -> None:
        """Stops all renewal; leases still held lapse by themselves."""
        self._ours.clear()
        self._ends.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._ours:
            await asyncio.sleep(self._pause_s)
            now = time.monotonic()
            for name in [name for name, end in self._ends.items() if end <= now]:
                self.stop(name)
            try:
                await self._renew(tuple(self._ours.values()))
            except REDIS_UNAVAILABLE as error:
                _log.debug("leases not renewed: %s", type(error).__name__)
            except Exception as error:  # noqa: BLE001 its end would let every lease lapse unseen
                _log.error("leases not renewed: %s", type(error).__name__)


class ExclusiveLeases:
    """Leases that one holder has at a time: those of one process, and their renewal."""

    def __init__(self, lane: PipelineLane, *, life_s: float, longest_s: float = math.inf) -> None:
        """life_s: how long a dead holder keeps the others out; longest_s: as in LeaseRenewal."""
        self._lane = lane
        self._life_ms = max(1, int(life_s * 1000))
        self._renewal = LeaseRenewal(self._life_ms / 1000, self._renew_all, longest_s=longest_s)
        self._release = lane.script(lua("runtime.redis", "release_lease"))
        self._renew = lane.script(lua("runtime.redis", "renew_leases"))

    def held(self, key: str) -> bool:
        """Whether this process has taken the lease of `key` and renews it."""
        return self._renewal.get(key) is not None

    async def take(self, key: str, behind: Callable[[], object] | None = None) -> LeaseAttempt:
        """The lease of `key` if nobody has it, renewed from then on until it is released.

        behind: called as soon as the attempt is on its way, so that what it sends on the same lane
        is answered next, and finds what was there when the lease was taken.

        A caller that is cancelled meanwhile may leave a lease behind, which lapses.
        """
        token = owner_token()
        try:
            asked = self._lane.ask("SET", key, token, "NX", "GET", "PX", self._life_ms)
            if behind is not None:
                behind()
            holder: bytes | None = await asked
        except REDIS_UNAVAILABLE as error:
            return RedisAway(type(error).__name__)
        # our own token: the reply was lost with its connection, and the client asked again
        if holder is not None and holder != token.encode():
            return HeldElsewhere(holder)
        lease = Lease(key, token)
        self._renewal.start(key, lease)
        return lease

    async def release(self, lease: Lease, *, mark: str = "", mark_ms: int = 1) -> bool | RedisAway:
        """Whether the lease was still ours; whoever asks next may take it.

        mark: left in its place for mark_ms, to be met as HeldElsewhere.
        """
        self.ended(lease)
        args = [lease.token, mark, mark_ms]
        try:
            async with asyncio.timeout(_RELEASE_TIMEOUT_S):
                return bool(await self._release(keys=[lease.key], args=args))
        except REDIS_UNAVAILABLE as error:
            return RedisAway(type(error).__name__)

    def ended(self, lease: Lease) -> None:
        """Renews it no more: a script of its holder's has released it, or will."""
        if self._renewal.get(lease.key) == lease:
            self._renewal.stop(lease.key)

    async def close(self) -> None:
        """As `LeaseRenewal.close`."""
        await self._renewal.close()

    async def _renew_all(self, leases: Sequence[Lease]) -> None:
        tokens = [lease.token for lease in leases]
        await self._renew(keys=[lease.key for lease in leases], args=[self._life_ms, *tokens])


class CountingLeases:
    """Leases that a few holders have at a time, each for one life: not renewed."""

    def __init__(self, link: RedisLink, *, life_s: float) -> None:
        """life_s: after that the place of a holder that died is free again."""
        self._link = link
        self._life_s = life_s
        self._take = link.redis.register_script(lua("runtime.redis", "take_place"))

    async def take(self, key: str, holder: str, places: int) -> bool | RedisAway:
        """Whether one of the `places` of `key` was free. holder: the owner token of this place."""
        args: list[str | float] = [places, self._life_s, holder]
        taken: int | None = await self._link.run(lambda: self._take([key], args))
        return RedisAway("link down") if taken is None else taken == 1

    async def release(self, key: str, holder: str) -> None:
        """Frees the holder's own place, if it still has one."""
        await self._link.run(lambda: self._link.redis.zrem(key, holder))
