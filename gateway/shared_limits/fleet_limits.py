"""Fleet limits: a key's requests and tokens a minute and its requests at once, over all gateways.

One trip to Redis for a request whose key has limits, none for others. While Redis is away each
process counts by itself, so that a key has its limits once in each.
"""

import time
import uuid
from dataclasses import dataclass
from typing import Final

from gateway.access.api_keys import Caller
from gateway.access.key_limits import KeyLimits, limit_reached
from gateway.errors.api_error import ApiError
from runtime.redis.connection import RedisLink
from runtime.redis.key_names import named
from runtime.redis.lua_files import lua

_LEASE_MS: Final = 3_600_000
"""A gateway that is killed gives back the places of its requests after so long."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that counts against its key."""

    caller: Caller
    tokens: int
    """As estimated."""

    place: str | None = None
    """Among the requests under way in Redis; None: it was counted here."""


class FleetLimits:
    """The limits of every key."""

    def __init__(self, link: RedisLink | None) -> None:
        """link: None counts in this process alone."""
        self._link = link
        self._local = KeyLimits()
        self._admit = (
            None if link is None else link.trips.script(lua("gateway.shared_limits", "admit"))
        )

    async def admit(self, caller: Caller, tokens: int) -> Admission | ApiError:
        """Whether a request of about `tokens` may begin; it counts from now on."""
        key = caller.key
        if key is None or not (key.rpm or key.tpm or key.concurrency):
            return Admission(caller, tokens)
        place = uuid.uuid4().hex
        answer = await self._ask(caller, tokens, place)
        match answer:
            case None:
                refusal = self._local.admit(caller, tokens, time.monotonic())
                return refusal or Admission(caller, tokens)
            case ["", _]:
                return Admission(caller, tokens, place)
            case [unit, wait_ms]:
                return limit_reached(key, str(unit), int(wait_ms) / 1000)
            case _:
                raise AssertionError("the script answers with two values")

    async def release(self, admission: Admission, used: int | None) -> None:
        """The request is over. used: the tokens billed; None leaves the estimate. Never raises."""
        caller, key = admission.caller, admission.caller.key
        if key is None or not (key.rpm or key.tpm or key.concurrency):
            return
        if admission.place is None or self._link is None:
            self._local.release(caller, admission.tokens, used)
            return
        link, place, buckets, under_way = self._link, admission.place, *_keys(caller)
        if key.concurrency is not None:
            await link.run(lambda: link.trips.ask("ZREM", under_way, place))
        if key.tpm is not None and used is not None and used != admission.tokens:
            more = admission.tokens - used
            await link.run(lambda: link.trips.ask("HINCRBYFLOAT", buckets, "tokens", more))

    async def _ask(self, caller: Caller, tokens: int, place: str) -> list[str | int] | None:
        key, admit, link = caller.key, self._admit, self._link
        if key is None or admit is None or link is None:
            return None
        limits = (key.rpm or 0, key.tpm or 0, key.concurrency or 0)
        args = [*limits, tokens, place, _LEASE_MS]
        answer: list[str | int] | None = await link.run(lambda: admit(_keys(caller), args))
        return answer


def _keys(caller: Caller) -> list[str]:
    """In one slot of a Redis cluster."""
    return [named("key-limits", "{" + caller.name + "}" + part) for part in ("", ":open")]
