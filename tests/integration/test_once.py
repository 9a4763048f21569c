import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from dev.processes import Server, free_port
from producers import chat
from router.serve.begun_requests import BegunRequests
from runtime.limits import OWED_ENDINGS
from runtime.redis.connection import RedisLink, connect_redis
from runtime.redis.pipelining import PipelineLane
from tests.waiting import until
from workers.delivery import idempotency
from workers.delivery.claims import Busy, Claimed, Conflict, FinalRecords, Recorded, Unguarded
from workers.delivery.idempotency import IdempotencyRecords, IdempotencySettings
from workers.delivery.request_identity import Identity, identity_of

pytestmark = pytest.mark.redis

QUICK = IdempotencySettings(lease_s=0.3, keep_s=60, timeout_s=5, look_every_s=0.02)
MINE = FinalRecords(b'{"type":"done"}\n', b"usage\n1")
OTHER = FinalRecords(b"other", b"", "00-trace")
R = Identity("switchgear:once:1:t1:r", "f")


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


class Counted:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def once_of(redis: Redis, settings: IdempotencySettings = QUICK) -> IdempotencyRecords:
    return IdempotencyRecords(PipelineLane(redis), settings, Counted())


async def claimed(once: IdempotencyRecords, identity: Identity = R) -> Claimed:
    claim = await asyncio.wait_for(once.claim(identity), 10)
    assert isinstance(claim, Claimed)
    return claim


async def test_who_comes_later_gets_what_was_recorded(redis: Redis) -> None:
    once = once_of(redis)
    claim = await claimed(once)
    assert await once.store_final(claim, MINE) == MINE
    assert await once.claim(R) == Recorded(MINE)


async def test_what_failed_may_run_again_for_who_sends_it_later_and_says_so(redis: Redis) -> None:
    once = once_of(redis)
    now_ms = int(time.time() * 1000)
    sent = replace(R, submitted_ms=now_ms)
    failed = FinalRecords(b"failed", b"", retryable=True)
    await once.store_final(await claimed(once, sent), failed)
    # the same submission again, one from before the failure, one that doesn't say so
    for repeated in (sent, replace(R, submitted_ms=now_ms - 60_000), R):
        assert await once.claim(repeated) == Recorded(failed)
        assert await once.store_unclaimed(repeated, MINE) == failed
    later = replace(R, submitted_ms=now_ms + 60_000)
    again = await claimed(once, later)
    assert not again.again
    assert await once.store_final(again, MINE) == MINE
    assert await once.claim(replace(R, submitted_ms=now_ms + 120_000)) == Recorded(MINE)


async def test_an_answer_of_the_cache_takes_the_place_of_a_failure(redis: Redis) -> None:
    once = once_of(redis)
    ahead = replace(R, submitted_ms=int(time.time() * 1000) + 60_000)  # by a clock that is wrong
    failed = FinalRecords(b"failed", b"", retryable=True)
    await once.store_final(await claimed(once, ahead), failed)
    assert await once.store_unclaimed(ahead, MINE) == failed
    later = replace(R, submitted_ms=ahead.submitted_ms + 1)
    assert await once.store_unclaimed(later, MINE) == MINE
    assert await once.claim(replace(later, submitted_ms=ahead.submitted_ms + 2)) == Recorded(MINE)


async def test_another_tenants_request_of_the_same_id_is_another(redis: Redis) -> None:
    once = once_of(redis)
    await once.store_final(await claimed(once), MINE)
    assert isinstance(await once.claim(replace(R, key="switchgear:once:1:u1:r")), Claimed)


async def test_two_at_once_make_one_answer(redis: Redis) -> None:
    one, two = once_of(redis), once_of(redis)
    claim = await claimed(one)
    async with one.holding(claim):
        waiting = asyncio.create_task(two.claim(R))
        # longer than a lease: it is renewed as long as its holder lives
        done, _ = await asyncio.wait({waiting}, timeout=3 * QUICK.lease_s)
        assert not done
        await one.store_final(claim, MINE)
    assert await asyncio.wait_for(waiting, 10) == Recorded(MINE)


async def test_a_dead_holders_request_is_taken_over_and_the_first_to_record_wins(
    redis: Redis,
) -> None:
    dead, alive = once_of(redis), once_of(redis)
    old = await claimed(dead)
    assert not old.again
    new = await claimed(alive)  # once the lease has lapsed
    assert new.again
    assert await alive.store_final(new, MINE) == MINE
    assert await dead.store_final(old, OTHER) == MINE


async def test_what_is_released_may_be_claimed_at_once_and_only_by_its_holder(
    redis: Redis,
) -> None:
    once = once_of(redis, IdempotencySettings(lease_s=60, timeout_s=5, look_every_s=0.02))
    first = await claimed(once)
    await once.release(first)
    second = await claimed(once)
    assert not second.again
    await once.release(first)  # a lease that isn't its own any more
    waiting = asyncio.create_task(once.claim(R))
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done
    await once.release(second)
    assert isinstance(await asyncio.wait_for(waiting, 10), Claimed)


async def test_without_redis_the_work_goes_on_and_is_counted() -> None:
    counted = Counted()
    client = Redis.from_url(f"redis://127.0.0.1:{free_port()}", retry=Retry(NoBackoff(), 0))
    once = IdempotencyRecords(PipelineLane(client), QUICK, counted)
    claim = await once.claim(R)
    assert isinstance(claim, Unguarded)
    async with once.holding(claim):
        assert await once.store_final(claim, MINE) == MINE
    await once.release(claim)
    assert counted.times == 1
    await client.aclose()


async def test_redis_that_goes_in_between_costs_no_answer(
    redis: Redis, redis_server: Server
) -> None:
    once = once_of(redis)
    claim = await claimed(once)
    redis_server.stop()
    try:
        assert await once.store_final(claim, MINE) == MINE
    finally:
        redis_server.start()


async def test_what_ended_without_redis_is_recorded_when_redis_is_back(
    redis: Redis, redis_server: Server
) -> None:
    once, another = once_of(redis), once_of(redis)
    claim = await claimed(once)
    redis_server.stop()
    try:
        async with once.holding(claim):
            assert await once.store_final(claim, MINE) == MINE
        assert await once.claim(R) == Recorded(MINE)
    finally:
        redis_server.start()

    async def recorded() -> bool:
        found = await redis.hget(R.key, "state")
        return found == b"recorded"

    await until(recorded)
    assert await another.claim(R) == Recorded(MINE)


async def test_an_ending_whose_key_holds_junk_is_told_and_not_tried_for_ever(
    redis: Redis, redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "_REPAID_EVERY_S", 0)
    await redis.set(R.key, "junk")
    once = once_of(redis)
    claim = await once.claim(R)
    assert isinstance(claim, Unguarded)
    assert await once.store_final(claim, MINE) == MINE
    assert not once._known.owed_keys  # noqa: SLF001 what it owes shows nowhere else
    redis_server.stop()  # what is owed before the junk is seen is given up when it is
    try:
        assert await once.store_final(claim, MINE) == MINE
        assert once._known.owed_keys  # noqa: SLF001
    finally:
        redis_server.start()
    await until(lambda: not once._known.owed_keys)  # noqa: SLF001
    assert await redis.get(R.key) == b"junk"


def looks_of(waiter: IdempotencyRecords, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What each of its looks at a request finds, as it looks: that shows nowhere else."""
    looks = list[object]()
    look = waiter._try  # noqa: SLF001

    async def noted(identity: Identity, token: str) -> object:
        looks.append(await look(identity, token))
        return looks[-1]

    monkeypatch.setattr(waiter, "_try", noted)
    return looks


async def test_who_waits_for_a_holder_waits_on_when_redis_goes_away(
    redis: Redis, redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = replace(QUICK, lease_s=30)
    holder, waiter = once_of(redis, patient), once_of(redis, patient)
    looks = looks_of(waiter, monkeypatch)
    claim = await claimed(holder)
    async with holder.holding(claim):
        waiting = asyncio.create_task(waiter.claim(R))
        await until(lambda: Busy() in looks)
        redis_server.stop()
        try:
            assert await holder.store_final(claim, MINE) == MINE
            await until(lambda: Unguarded(R) in looks)
        finally:
            redis_server.start()
    assert await asyncio.wait_for(waiting, 20) == Recorded(MINE)


async def test_a_holder_who_is_not_heard_of_for_a_lease_is_not_waited_for(
    redis: Redis, redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, waiter = once_of(redis), once_of(redis)
    looks = looks_of(waiter, monkeypatch)
    claim = await claimed(holder)
    async with holder.holding(claim):
        waiting = asyncio.create_task(waiter.claim(R))
        await until(lambda: Busy() in looks)
        redis_server.stop()
        try:
            assert await asyncio.wait_for(waiting, 20) == Unguarded(R)
        finally:
            redis_server.start()
    assert looks.count(Unguarded(R)) > 1  # the first of them wasn't believed


async def test_an_inherited_request_waits_for_redis_and_gets_its_former_ending(
    redis: Redis, redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever had its partition before has answered it, and Redis goes away in that moment."""
    former, heir = once_of(redis), once_of(redis)
    looks = looks_of(heir, monkeypatch)
    claim = await claimed(former)
    redis_server.stop()
    try:
        assert await former.store_final(claim, MINE) == MINE
        waiting = asyncio.create_task(heir.claim(R, time.monotonic()))
        await until(lambda: looks.count(Unguarded(R)) > 1)
        assert await asyncio.wait_for(heir.claim(replace(R, key="new")), 20) == Unguarded(
            replace(R, key="new")
        )
        assert not waiting.done()
    finally:
        redis_server.start()
    assert await asyncio.wait_for(waiting, 20) == Recorded(MINE)


async def test_an_heir_lets_those_record_first_who_ended_the_request_without_redis(
    redis: Redis, redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis is back, and the lease of who had the request has lapsed: its ending is on its way."""
    heir, former = once_of(redis), once_of(redis)
    looks = looks_of(heir, monkeypatch)
    redis_server.stop()
    try:
        waiting = asyncio.create_task(heir.claim(R, time.monotonic()))
        await until(lambda: Unguarded(R) in looks)
    finally:
        redis_server.start()
    await until(lambda: any(isinstance(look, Claimed) for look in looks))
    assert await former.store_final(Unguarded(R), MINE) == MINE
    assert await asyncio.wait_for(waiting, 20) == Recorded(MINE)


async def test_an_inherited_request_waits_no_longer_than_its_time_since_the_assignment(
    redis: Redis, redis_server: Server
) -> None:
    heir = once_of(redis, replace(QUICK, inherited_wait_s=30))
    redis_server.stop()
    try:
        long_ago = time.monotonic() - 30
        assert await asyncio.wait_for(heir.claim(R, long_ago), 20) == Unguarded(R)
    finally:
        redis_server.start()


async def test_an_inherited_request_that_is_under_way_here_gets_that_ending_without_redis(
    redis: Redis, redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = once_of(redis, replace(QUICK, inherited_wait_s=3600))
    claim = await claimed(once)
    looks = looks_of(once, monkeypatch)
    redis_server.stop()
    try:
        async with once.holding(claim):
            again = asyncio.create_task(once.claim(R, time.monotonic()))
            await until(lambda: Unguarded(R) in looks)
            assert await once.store_final(claim, MINE) == MINE
        assert await asyncio.wait_for(again, 20) == Recorded(MINE)
        assert await asyncio.wait_for(once.claim(R, time.monotonic()), 20) == Recorded(MINE)
    finally:
        redis_server.start()


async def test_what_this_process_recorded_is_answered_from_its_record_without_redis(
    redis: Redis, redis_server: Server
) -> None:
    once, other = once_of(redis), replace(R, key=f"{R.key}2")
    await once.store_final(await claimed(once), MINE)
    await redis.flushdb()
    assert await once.claim(R) == Recorded(MINE)
    assert await once.claim(replace(R, fingerprint="g")) != Recorded(MINE)
    claim = await claimed(once, other)
    assert await once.store_final(claim, OTHER) == OTHER
    redis_server.stop()
    try:
        assert await once.claim(R) == Recorded(MINE)
        assert await once.claim(other) == Recorded(OTHER)
    finally:
        redis_server.start()


async def test_of_endings_that_wait_for_redis_the_oldest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idempotency, "_REPAID_EVERY_S", 0)
    client = Redis.from_url(f"redis://127.0.0.1:{free_port()}", retry=Retry(NoBackoff(), 0))
    once = IdempotencyRecords(PipelineLane(client), QUICK, Counted())
    tried = list[str]()
    record = once._recorded  # noqa: SLF001 what is tried again shows nowhere else

    async def recorded(identity: Identity, ending: FinalRecords) -> object:
        tried.append(identity.key)
        return await record(identity, ending)

    monkeypatch.setattr(once, "_recorded", recorded)
    half = FinalRecords(b"x" * (OWED_ENDINGS.value // 2 - 2_000), b"")
    requests = [replace(R, key=f"{R.key}{number}") for number in range(3)]
    for number, request in enumerate(requests[:2], 1):
        await once.store_final(Unguarded(request), half)
        # the repayment has gone round all that is owed, the latest among them
        await until(partial(_tried_again, tried, requests[:number]))
    assert [await once.claim(request) for request in requests[:2]] == [Recorded(half)] * 2
    await once.store_final(Unguarded(requests[2]), half)
    claims = [await once.claim(request) for request in requests]
    assert claims == [Unguarded(requests[0]), Recorded(half), Recorded(half)]
    await client.aclose()


def _tried_again(tried: list[str], requests: list[Identity]) -> bool:
    return all(tried.count(request.key) > 1 for request in requests)


async def test_an_ending_that_cannot_be_recorded_holds_up_no_other(
    redis: Redis, redis_server: Server
) -> None:
    once, junk, good = once_of(redis), R, replace(R, key=f"{R.key}2")
    redis_server.stop()
    try:
        for request in (junk, good):
            await once.store_final(Unguarded(request), MINE)
    finally:
        redis_server.start()
    await redis.set(junk.key, "somebody's junk")

    async def recorded() -> bool:
        return await redis.type(good.key) == b"hash"

    await until(recorded)


async def test_a_released_lease_stays_released(redis: Redis) -> None:
    once, held = once_of(redis), replace(R, key=f"{R.key}2")
    claim, other = await claimed(once), await claimed(once, held)
    ends = set[object]()

    async def renewed_twice() -> bool:
        ends.add(await redis.hget(held.key, "ends_ms"))
        return len(ends) > 2

    async with once.holding(claim), once.holding(other):
        await once.release(claim)
        await until(renewed_twice)
        assert await redis.hget(R.key, "state") == b"handed over"


ELSE = replace(R, fingerprint="g")


async def test_another_request_under_the_same_id_is_told_so_and_records_nothing(
    redis: Redis,
) -> None:
    once = once_of(redis)
    claim = await claimed(once)
    assert await once.claim(ELSE) == Conflict()
    assert await once.store_unclaimed(ELSE, OTHER) == Conflict()
    await once.release(claim)
    assert await once.claim(ELSE) == Conflict()
    assert await once.store_final(await claimed(once), MINE) == MINE
    assert await once.claim(ELSE) == Conflict()
    assert await once.store_unclaimed(ELSE, OTHER) == Conflict()
    assert await once.claim(R) == Recorded(MINE)


async def test_that_a_holder_died_is_known_after_a_hand_over_too(redis: Redis) -> None:
    once = once_of(redis)
    await claimed(once)
    await once.release(await claimed(once))  # once the lease has lapsed
    assert (await claimed(once)).again


async def test_every_holder_that_died_is_counted_until_it_is_forgotten(redis: Redis) -> None:
    once = once_of(redis, replace(QUICK, lease_s=0.02))
    claims = [await claimed(once) for _ in range(6)]
    assert [claim.lapsed for claim in claims] == [0, 1, 2, 3, 4, 5]
    await once.release(claims[-1])  # or it has lapsed too
    last = await claimed(once)
    assert last.lapsed >= 5
    await once.forget(last)
    anew = await claimed(once)
    assert (anew.again, anew.lapsed) == (False, 0)


async def test_a_death_that_an_earlier_version_noted_counts(redis: Redis) -> None:
    for name, value in (("state", "handed over"), ("fingerprint", "f"), ("again", "1")):
        await redis.hset(R.key, name, value)
    assert (await claimed(once_of(redis))).lapsed == 1


async def test_a_recorded_ending_keeps_its_trace(redis: Redis) -> None:
    once = once_of(redis)
    assert await once.store_unclaimed(R, OTHER) == OTHER
    assert await once.store_unclaimed(R, MINE) == OTHER
    assert await once.claim(R) == Recorded(OTHER)


async def test_what_an_earlier_version_recorded_is_answered_from_its_record(redis: Redis) -> None:
    once, upgraded = once_of(redis), replace(R, former="sg:once:t:r")
    await redis.set("sg:once:t:r", b"D5 00-trace\notherrest")
    recorded = FinalRecords(b"other", b"rest", "00-trace")
    assert await once.claim(upgraded) == Recorded(recorded)
    assert await once.store_unclaimed(upgraded, MINE) == recorded


async def test_a_lease_is_taken_back_when_redis_was_flushed(redis: Redis) -> None:
    once = once_of(redis)
    async with once.holding(await claimed(once)):
        await redis.flushdb()
        await until(lambda: redis.exists(R.key))
        assert await redis.hget(R.key, "fingerprint") == b"f"


async def test_a_process_that_loses_redis_waits_for_its_own_call_under_way() -> None:
    """A machine stands still: Redis isn't heard in time, and the group gives the record again."""
    client = Redis.from_url(f"redis://127.0.0.1:{free_port()}", retry=Retry(NoBackoff(), 0))
    once = IdempotencyRecords(PipelineLane(client), QUICK, Counted())
    first = await once.claim(R)
    assert isinstance(first, Unguarded)
    async with once.holding(first):
        again = asyncio.create_task(once.claim(R))
        done, _ = await asyncio.wait({again}, timeout=0.3)
        assert not done
        another = replace(R, fingerprint="g")
        assert isinstance(await once.claim(another), Unguarded)
        assert await once.store_final(first, MINE) == MINE
    assert await asyncio.wait_for(again, 10) == Recorded(MINE)
    assert await once.claim(R) == Recorded(MINE)
    await client.aclose()


async def test_a_lease_that_lapsed_under_its_holder_isnt_taken_over_by_itself(
    redis: Redis,
) -> None:
    once = once_of(redis)
    first = await claimed(once)
    async with once.holding(first):
        once._renewal.stop(first.token)  # noqa: SLF001 as if the process had stood still
        again = asyncio.create_task(once.claim(R))
        done, _ = await asyncio.wait({again}, timeout=3 * QUICK.lease_s)
        assert not done
        assert await once.store_final(first, MINE) == MINE
    assert await asyncio.wait_for(again, 10) == Recorded(MINE)


async def test_a_call_that_went_elsewhere_leaves_its_redelivery_to_go_on() -> None:
    client = Redis.from_url(f"redis://127.0.0.1:{free_port()}", retry=Retry(NoBackoff(), 0))
    once = IdempotencyRecords(PipelineLane(client), QUICK, Counted())
    first = await once.claim(R)
    async with once.holding(first):
        again = asyncio.create_task(once.claim(R))
        done, _ = await asyncio.wait({again}, timeout=0.3)
        assert not done
    assert isinstance(await asyncio.wait_for(again, 10), Unguarded)
    await client.aclose()


@pytest.mark.parametrize("after_failure", ["repeat", "run"])
async def test_the_router_sees_what_a_worker_has_begun(
    redis: Redis, redis_url: str, after_failure: str
) -> None:
    asked = chat("?", tenant="a:b", id="r", routing={"after_failure": after_failure})
    now_ms = int(time.time() * 1000)
    later_ms, identity = now_ms + 60_000, identity_of(asked, now_ms)
    link = RedisLink(connect_redis(redis_url))
    begun, once = BegunRequests(link), once_of(redis)
    assert not await begun.include(asked, now_ms)
    claim = await claimed(once, identity)
    assert await begun.include(asked, now_ms)
    assert not await begun.include(asked.model_copy(update={"tenant": "a"}), now_ms)
    await once.store_final(claim, FinalRecords(b"failed", b"\xff", retryable=True))
    assert await begun.include(asked, now_ms)
    assert await begun.include(asked, later_ms) is (after_failure == "repeat")
    await redis.delete(identity.key)
    await redis.set(identity.key, b"\xff junk")
    assert not await begun.include(asked, now_ms)
    assert link.up
    link.lose()
    assert not await begun.include(asked, now_ms)
    await link.redis.aclose()
