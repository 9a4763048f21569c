"""Idempotency records in Redis: is a request answered, in another worker's hands, or ours?

At least once, with effects once: a request is claimed by its identity before money is spent, and
its final reply is recorded before it is published. Whoever gets the request again answers with the
record; who asks something else under its id is refused. A submission that says so runs again after
a failure that was recorded before it was sent. A claim is a lease, renewed while the holder lives;
the first to record wins, so that one request never has two different answers. A lease
that lapsed leaves its trace: whoever claims the request next knows that it was begun. Without Redis
the work goes on unguarded, and is counted; its ending is recorded as soon as Redis is back. What
lay in its partition before this worker got that may be answered already, so it waits a while. What
this process has under way and how its latest requests ended it knows without Redis: a machine that
stood still loses its leases and its place in the group at once, and gets its own requests again. A
circuit breaker stands before Redis: one that hangs costs the first request its wait, not each.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from runtime import limits
from runtime.circuit_breaker.breaker import CircuitBreaker
from runtime.circuit_breaker.rules import (
    IGNORED,
    SUCCEEDED,
    BreakerRules,
    BreakerSignal,
    CallFailure,
    Cooldown,
)
from runtime.circuit_breaker.state_machine import BreakerRefused
from runtime.redis.attended_timeout import AttendedClock, AttendedTimeout
from runtime.redis.errors import REDIS_UNAVAILABLE, is_junk_in_a_key
from runtime.redis.lease import LeaseRenewal, owner_token
from runtime.redis.lua_files import lua
from runtime.redis.pipelining import PipelineLane
from workers.delivery.claims import (
    Busy,
    Claim,
    Claimed,
    Conflict,
    FinalRecords,
    Recorded,
    Unguarded,
)
from workers.delivery.known_endings import KnownEnding, KnownEndings
from workers.delivery.request_identity import Identity

_log: Final = logging.getLogger(__name__)
_DONE: Final = b"D"
_UNUSABLE: Final = b"junk"
"""In place of a result: somebody wrote under the key what is no record."""
_MOST_RECORDED: Final = limits.REMEMBERED_ENDINGS.value
_MOST_OWED: Final = limits.OWED_ENDINGS.value
_REPAID_EVERY_S: Final = 0.5
_RULES: Final = BreakerRules(
    consecutive=1, cooldown=Cooldown(first_s=0.5, most_s=2), probe_lease_s=5
)
"""One operation that isn't answered opens it, and one that is closes it.

Asked again soon: what runs unguarded after Redis has come back may be paid twice, while a probe
costs one request its wait.
"""


@dataclass(frozen=True, slots=True)
class IdempotencySettings:
    """Times of leases and records, in seconds."""

    lease_s: float = 10
    """How long a dead worker blocks its requests."""
    keep_s: float = 3600
    """How long a final record is kept."""
    timeout_s: float = 2.0
    """Of the event loop's own time: a busy process isn't taken for a lost Redis."""
    look_every_s: float = 0.2
    """Between two looks at another worker's lease."""
    inherited_wait_s: float = 20
    """How long after its partition was assigned an inherited request waits for Redis."""


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A request in this process's hands. ending: None if it went elsewhere unanswered."""

    fingerprint: str
    ending: "asyncio.Future[FinalRecords | None]"


class IdempotencyRecords:
    """The requests of the fleet, by tenant and id."""

    def __init__(
        self, trips: PipelineLane, settings: IdempotencySettings, on_unguarded: Callable[[], None]
    ) -> None:
        self._trips = trips
        self._settings = settings
        self._lease_ms: Final = int(settings.lease_s * 1000)
        self._keep_ms: Final = int(settings.keep_s * 1000)
        self._on_unguarded = on_unguarded
        self._breaker = CircuitBreaker(_RULES)
        self._patience = AttendedClock(settings.timeout_s)
        self._under_way: dict[str, _UnderWay] = {}
        """By the identity's key."""
        self._known: Final = KnownEndings(settings.keep_s, _MOST_RECORDED, _MOST_OWED)
        self._repaying: asyncio.Task[None] | None = None
        # by token: of two claims of one request, only the later one's lease is still its own
        self._renewal = LeaseRenewal[Claimed](settings.lease_s, self._renew_all)
        self._claim = trips.script(lua("workers.delivery", "claim"))
        self._record = trips.script(lua("workers.delivery", "record"))
        self._release = trips.script(lua("workers.delivery", "release"))
        self._renew: Final = lua("workers.delivery", "renew")

    async def claim(self, identity: Identity, inherited_s: float | None = None) -> Claim:
        """Waits while another worker holds it, until that one records, releases or dies.

        inherited_s: of its record. Such a request may have its answer, so it waits for Redis, too.
        """
        known = self._known.find(identity, time.monotonic())
        if known is not None:
            return Recorded(known)
        token = owner_token()
        earlier = self._ask_former(identity)  # leaves with the claim
        claim = await self._try(identity, token)
        former = None if earlier is None else await self._read_former(earlier)
        if former is not None:
            await self.release(claim)
            return Recorded(former)
        if isinstance(claim, Busy | Unguarded):
            claim = await self._claim_after_others(claim, identity, token, inherited_s)
        if isinstance(claim, Unguarded):
            self._on_unguarded()
        if isinstance(claim, Unguarded) or (isinstance(claim, Claimed) and claim.again):
            return await self._own_ending(claim)
        return claim

    async def _claim_after_others(
        self, claim: Busy | Unguarded, identity: Identity, token: str, inherited_s: float | None
    ) -> Claim:
        """The claim after those who may be at work on it, or have been, though Redis is away."""
        settings, until = self._settings, 0.0
        if inherited_s is not None:
            until = inherited_s + settings.inherited_wait_s
        found: Claim | Busy = claim
        while True:
            match found:
                case Busy():
                    until = max(until, time.monotonic() + settings.lease_s)
                case Unguarded() if self._may_wait(identity, until):
                    pass
                case ready:
                    return ready
            await asyncio.sleep(settings.look_every_s)  # leases lapse silently
            known = self._known.find(identity, time.monotonic())
            if known is not None:
                return Recorded(known)
            was_away, found = isinstance(found, Unguarded), await self._try(identity, token)
            if was_away and isinstance(found, Claimed) and inherited_s is not None:
                found = await self._claim_after_payers(found)

    async def _claim_after_payers(self, first: Claimed) -> Claim | Busy:
        """Redis is back: who ended the request meanwhile records that first."""
        await self.release(first)
        await asyncio.sleep(2 * _REPAID_EVERY_S)
        match await self._try(first.identity, first.token):
            case Claimed(again=again, lapsed=lapsed) as second:
                times = max(lapsed, first.lapsed)
                return replace(second, again=again or first.again, lapsed=times)
            case found:
                return found

    def _may_wait(self, identity: Identity, until: float) -> bool:
        """Until then; what this process has under way itself tells its ending sooner."""
        return time.monotonic() < until and identity.key not in self._under_way

    async def _own_ending(self, claim: Claimed | Unguarded) -> Claim:
        """What this process records of the request, if the former holder is this process."""
        mine = self._under_way.get(claim.identity.key)
        if mine is None or mine.fingerprint != claim.identity.fingerprint:
            return claim
        ending = await asyncio.shield(mine.ending)
        return claim if ending is None else Recorded(ending)

    @asynccontextmanager
    async def holding(self, claim: Claim) -> AsyncIterator[None]:
        """The lease is renewed inside this context; a redelivery to this process waits for it."""
        if not isinstance(claim, Claimed | Unguarded):
            yield
            return
        identity = claim.identity
        mine = _UnderWay(identity.fingerprint, asyncio.get_running_loop().create_future())
        self._under_way[identity.key] = mine
        if isinstance(claim, Claimed):
            self._renewal.start(claim.token, claim)
        try:
            yield
        finally:
            if isinstance(claim, Claimed):
                self._renewal.stop(claim.token)
            if self._under_way.get(identity.key) is mine:
                del self._under_way[identity.key]
            if not mine.ending.done():
                mine.ending.set_result(None)

    async def store_final(
        self, claim: Claimed | Unguarded, ending: FinalRecords
    ) -> FinalRecords | Conflict:
        """The ending to publish: ours, or the one that another worker recorded first."""
        identity = claim.identity
        match await self._recorded(identity, ending):
            case [b"recorded", *parts]:
                first = _ending(parts)
            case [b"other"]:
                return Conflict()
            case None:
                first = ending
                self._owe(identity, ending)
            case _:
                first = ending
                self._known.add_recorded(identity, ending, time.monotonic())
        mine = self._under_way.get(identity.key)
        if mine is not None and not mine.ending.done():
            mine.ending.set_result(first)
        return first

    async def _recorded(self, identity: Identity, ending: FinalRecords) -> Any:  # noqa: ANN401
        records = ending.reply, ending.usage, ending.trace
        runs = identity.submitted_ms, int(ending.retryable)
        args = [identity.fingerprint, self._keep_ms, *records, *runs]
        return await self._guarded(lambda: self._record(keys=[identity.key], args=args))

    def _owe(self, identity: Identity, ending: FinalRecords) -> None:
        """Its request may be delivered again when Redis is back: then it must have its record."""
        self._known.add_owed(identity, ending, time.monotonic())
        if self._repaying is None or self._repaying.done():
            self._repaying = asyncio.create_task(self._repay())

    async def _repay(self) -> None:
        turns = deque[str]()
        while self._known.owed_keys:
            await asyncio.sleep(_REPAID_EVERY_S)
            while turns or (turns := deque(self._known.owed_keys)):
                key = turns.popleft()
                owed = self._known.owed(key)
                if owed is None:
                    continue
                if not await self._has_repaid(owed):
                    if owed.until > time.monotonic():
                        break  # it may be this one alone: next time it is another's turn
                    self._known.forget(key)

    async def close(self) -> None:
        """What it owes is recorded while Redis answers; then nothing of it goes on."""
        repaying, self._repaying = self._repaying, None
        if repaying is None:
            return
        repaying.cancel()
        await asyncio.wait({repaying})
        for key in self._known.owed_keys:
            owed = self._known.owed(key)
            if owed is not None and not await self._has_repaid(owed):
                break

    async def _has_repaid(self, owed: KnownEnding) -> bool:
        key = owed.identity.key
        match await self._recorded(owed.identity, owed.ending):
            case None:
                return False
            case [b"recorded" | b"other", *_]:
                self._known.forget(key)  # another worker's came first, and counts
            case _:
                self._known.settle(key)
        return True

    async def store_unclaimed(
        self, identity: Identity, ending: FinalRecords
    ) -> FinalRecords | Conflict:
        """As `store_final`, for an answer that cost nothing and so needed no claim."""
        earlier = self._ask_former(identity)  # leaves with the record, and counts before it
        stored = await self.store_final(Unguarded(identity), ending)
        former = None if earlier is None else await self._read_former(earlier)
        return stored if former is None else former

    async def release(self, claim: Claim | Busy) -> None:
        """The request goes elsewhere unanswered: whoever gets it may claim it at once."""
        if isinstance(claim, Claimed):
            await self._let_go(claim, forget=False)

    async def forget(self, claim: Claimed) -> None:
        """As `release`; nothing counts against the request any more, should it be sent again."""
        await self._let_go(claim, forget=True)

    async def _let_go(self, claim: Claimed, *, forget: bool) -> None:
        self._renewal.stop(claim.token)
        args = [claim.token, self._keep_ms, int(forget)]
        await self._guarded(lambda: self._release(keys=[claim.identity.key], args=args))

    async def _try(self, identity: Identity, token: str) -> Claim | Busy:
        times = self._lease_ms, self._keep_ms, identity.submitted_ms
        args = [identity.fingerprint, token, *times]
        match await self._guarded(lambda: self._claim(keys=[identity.key], args=args)):
            case [b"claimed", again, lapsed]:
                return Claimed(identity, token, again == b"1", int(lapsed))
            case [b"recorded", *parts]:
                return Recorded(_ending(parts))
            case [b"other"]:
                return Conflict()
            case [b"busy"]:
                return Busy()
            case _:
                return Unguarded(identity)

    def _ask_former(self, identity: Identity) -> "asyncio.Future[Any] | None":
        """What a worker of an earlier version recorded: without a fingerprint, so it counts."""
        former = identity.former
        if former is None or self._breaker.refuses(time.monotonic()):
            return None
        asked = self._trips.ask("GET", former)
        # whoever asked may have gone: its error is nobody's then, and no line in the log
        asked.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
        return asked

    async def _read_former(self, asked: "asyncio.Future[Any]") -> FinalRecords | None:
        record = await self._guarded(lambda: asked)
        return _unpack(record) if isinstance(record, bytes) and record.startswith(_DONE) else None

    async def _renew_all(self, claims: Sequence[Claimed]) -> None:
        await asyncio.gather(*(self._renewed(claim) for claim in claims))

    async def _renewed(self, claim: Claimed) -> None:
        # asked at the last moment: a lease renewed after its release keeps its request from all
        if self._renewal.get(claim.token) is not None:
            identity = claim.identity
            args = identity.fingerprint, claim.token, self._lease_ms, self._keep_ms
            # whole, not by its digest: so it keeps its turn before a release
            await self._guarded(
                lambda: self._trips.ask("EVAL", self._renew, 1, identity.key, *args)
            )

    async def _guarded(self, operation: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
        """The result; None: Redis doesn't answer in time, or lately didn't; or _UNUSABLE."""
        permit = self._breaker.admit(time.monotonic())
        if isinstance(permit, BreakerRefused):
            return None
        signal: BreakerSignal = IGNORED
        try:
            with AttendedTimeout(self._patience):
                result = await operation()
            signal = SUCCEEDED
        except REDIS_UNAVAILABLE as error:
            _log.warning("Redis did not answer: %s", type(error).__name__)
            is_junk = is_junk_in_a_key(error)
            signal, result = (SUCCEEDED, _UNUSABLE) if is_junk else (CallFailure(), None)
        finally:
            self._breaker.report(permit, signal, time.monotonic())
        return result


def _ending(parts: Sequence[bytes]) -> FinalRecords:
    reply, usage, trace = parts
    return FinalRecords(reply, usage, trace.decode())


def _unpack(packed: bytes) -> FinalRecords:
    """A record as earlier versions wrote it."""
    head, _, rest = packed.removeprefix(_DONE).partition(b"\n")
    size, _, trace = head.decode().partition(" ")
    return FinalRecords(rest[: int(size)], rest[int(size) :], trace)
