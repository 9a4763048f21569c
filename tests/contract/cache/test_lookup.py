import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from cache.lookup import CacheLookup
from cache.results.lookup_result import Bypass, Hit, Miss, Refresh
from producers.contract import CacheOutcome, Demands, Done, Request, Route, Usage
from runtime.config.sections.cache import CacheSettings
from tests.contract.cache.asking import NOW, ROUTE, answer_of, done, request
from tests.waiting import until

pytestmark = pytest.mark.redis


@pytest.fixture
async def lookup(redis: Redis) -> AsyncIterator[CacheLookup]:
    made = CacheLookup(CacheSettings(budget_ms=500, lease_s=0.3), redis)
    yield made
    await made.close()


async def keep(lookup: CacheLookup, asked: Request, answer: Done | None = None) -> None:
    found = await lookup.find(asked, ROUTE, NOW)
    assert isinstance(found, Miss)
    await lookup.store_answer(found, answer or done())


async def test_a_kept_answer_is_found_with_what_it_saved(lookup: CacheLookup) -> None:
    await keep(lookup, request())
    found = await lookup.find(request(), ROUTE, NOW + 5000)
    assert isinstance(found, Hit)
    assert answer_of(found) == "A lock."
    assert found.usage == Usage(input_uncached=10, output=4)
    assert found.outcome.model_dump(exclude={"entry"}) == {
        "result": "hit",
        "step": "exact",
        "score": 1.0,
        "age_s": 5.0,
        "saved_micro_usd": Decimal(120),
        "reason": None,
    }


async def test_another_form_of_the_same_words_is_a_canonical_hit(lookup: CacheLookup) -> None:
    await keep(lookup, request())
    found = await lookup.find(request("  what is a  mutex "), ROUTE, NOW)
    assert isinstance(found, Hit)
    assert found.outcome.step == "canonical"
    strict = request("what is a mutex?", min_confidence=1)
    assert isinstance(await lookup.find(strict, ROUTE, NOW), Miss)


async def test_no_answer_crosses_tenants_or_tiers(lookup: CacheLookup) -> None:
    await keep(lookup, request())
    assert isinstance(await lookup.find(request(tenant="other"), ROUTE, NOW), Miss)
    assert isinstance(await lookup.find(request(), Route(tier="premium"), NOW), Miss)


@pytest.mark.parametrize("finish", ["length", "content_filter", "tool_calls"])
async def test_an_answer_that_is_not_whole_is_not_kept(lookup: CacheLookup, finish: str) -> None:
    await keep(lookup, request(), done(finish=finish))
    assert not isinstance(await lookup.find(request(), ROUTE, NOW), Hit)


async def test_controls(lookup: CacheLookup) -> None:
    absent = await lookup.find(request(mode="only-if-cached"), ROUTE, NOW)
    assert isinstance(absent, Miss)
    assert absent.leader is None
    await keep(lookup, request(mode="no-store"))
    assert isinstance(await lookup.find(request(mode="only-if-cached"), ROUTE, NOW), Miss)
    await keep(lookup, request())
    await keep(lookup, request(mode="no-cache"), done("A newer lock."))
    assert answer_of(await lookup.find(request(), ROUTE, NOW)) == "A newer lock."


async def test_switched_off_for_a_tenant(redis: Redis) -> None:
    lookup = CacheLookup(CacheSettings(tenants={"acme": {"steps": []}}), redis)
    found = await lookup.find(request(), ROUTE, NOW)
    assert found == Bypass(
        CacheOutcome(result="bypass", reason="switched off for this tenant or tier")
    )


async def test_two_hundred_at_once_on_four_workers_make_one_call(redis: Redis) -> None:
    lookups = [CacheLookup(CacheSettings(budget_ms=2000, lease_s=5), redis) for _ in range(4)]
    begun = calls = 0

    async def serve(lookup: CacheLookup) -> str | None:
        nonlocal begun, calls
        begun += 1
        found = await lookup.find(request(), ROUTE, NOW)
        if isinstance(found, Miss):
            calls += 1
            await until(lambda: begun == 200)
            await lookup.store_answer(found, done())
            return "called"
        return answer_of(found)

    answers = await asyncio.gather(*(serve(lookups[i % 4]) for i in range(200)))
    assert calls == 1
    assert answers.count("A lock.") == 199
    for lookup in lookups:
        await lookup.close()


async def test_a_failed_leader_is_replaced_at_once(
    lookup: CacheLookup, follower_waits: asyncio.Event
) -> None:
    first = await lookup.find(request(), ROUTE, NOW)
    assert isinstance(first, Miss)
    assert first.leader is not None
    waiting = asyncio.create_task(lookup.find(request(), ROUTE, NOW))
    await follower_waits.wait()
    await lookup.abandon(first)
    second = await waiting
    assert isinstance(second, Miss)
    assert second.leader is not None


async def test_a_dead_leader_is_replaced_when_its_lease_ends(redis: Redis) -> None:
    settings = CacheSettings(budget_ms=500, lease_s=0.2)
    dead, alive = CacheLookup(settings, redis), CacheLookup(settings, redis)
    assert isinstance(await dead.find(request(), ROUTE, NOW), Miss)
    await dead.close()
    found = await alive.find(request(), ROUTE, NOW)
    assert isinstance(found, Miss)
    assert found.leader is not None
    await alive.close()


async def test_a_flight_ends_with_the_entry_that_is_stored(redis: Redis) -> None:
    lookup = CacheLookup(CacheSettings(budget_ms=500), redis)
    first = await lookup.find(request(), ROUTE, NOW)
    assert isinstance(first, Miss)
    assert first.leader is not None
    lease = first.leader.lease
    assert await redis.get(lease.key) == lease.token.encode()
    await lookup.store_answer(first, done())
    assert await redis.exists(lease.key) == 0
    await lookup.close()


async def test_an_answer_that_comes_late_leaves_the_flight_of_its_successor(redis: Redis) -> None:
    lookup = CacheLookup(CacheSettings(budget_ms=500), redis)
    first = await lookup.find(request(), ROUTE, NOW)
    assert isinstance(first, Miss)
    assert first.leader is not None
    await redis.set(first.leader.lease.key, "another's token")
    await lookup.store_answer(first, done())
    assert await redis.get(first.leader.lease.key) == b"another's token"
    await lookup.close()


async def test_an_answer_that_cannot_be_shared_sends_the_followers_off(lookup: CacheLookup) -> None:
    first = await lookup.find(request(), ROUTE, NOW)
    assert isinstance(first, Miss)
    waiting = [asyncio.create_task(lookup.find(request(), ROUTE, NOW)) for _ in range(5)]
    await lookup.store_answer(first, done(finish="length"))
    found = await asyncio.gather(*waiting)
    assert all(isinstance(one, Miss) and one.leader is None for one in found)


async def test_one_caller_refreshes_a_stale_entry(redis: Redis) -> None:
    stale = {"ttl_s": 10, "ttl_jitter": 0, "stale_s": 60}
    lookup = CacheLookup(CacheSettings(tenants={"acme": stale}, budget_ms=2000), redis)
    await keep(lookup, request())
    later = NOW + 20_000
    first, second = [await lookup.find(request(), ROUTE, later) for _ in range(2)]
    assert isinstance(first, Hit)
    assert isinstance(second, Hit)
    assert isinstance(first.follow_up, Refresh)
    assert second.follow_up is None
    await lookup.store_answer(first.follow_up.miss, done("Renewed."))
    assert answer_of(await lookup.find(request(), ROUTE, later)) == "Renewed."
    assert isinstance(await lookup.find(request(), ROUTE, later + 71_000), Miss)
    await lookup.close()


async def test_what_may_be_bound_serves_the_same_words_alone_and_for_minutes(
    lookup: CacheLookup,
) -> None:
    unknown = "Какая столица Перу сегодня и всегда?"
    await keep(lookup, request(unknown))
    assert isinstance(await lookup.find(request(unknown), ROUTE, NOW + 60_000), Hit)
    spaced = request(unknown.replace(" ", "  ", 1))
    missed = await lookup.find(spaced, ROUTE, NOW + 60_000)
    assert isinstance(missed, Miss)
    await lookup.abandon(missed)
    assert isinstance(await lookup.find(request(unknown), ROUTE, NOW + 301_000), Miss)


async def test_a_bound_question_is_left_alone_unless_declared(lookup: CacheLookup) -> None:
    bound = "Wo ist meine Bestellung?"
    found = await lookup.find(request(bound), ROUTE, NOW)
    assert isinstance(found, Bypass)
    assert found.outcome.reason == "about the person who asks"
    await keep(lookup, request(bound, about="everyone"))
    timeless = await lookup.find(request("What is a lock?", about="moment"), ROUTE, NOW)
    assert isinstance(timeless, Bypass)


async def test_an_answer_against_its_own_limits_is_not_kept(lookup: CacheLookup) -> None:
    plain = request()
    body = plain.body.model_copy(update={"max_tokens": 3})
    asked = plain.model_copy(update={"body": body})
    await keep(lookup, asked)
    assert isinstance(await lookup.find(asked, ROUTE, NOW), Miss)


async def test_an_answer_of_another_tier_is_not_kept_as_of_this_one(lookup: CacheLookup) -> None:
    premium = Route(tier="premium")
    found = await lookup.find(request(), premium, NOW)
    assert isinstance(found, Miss)
    await lookup.store_answer(found, done())
    assert isinstance(await lookup.find(request(), premium, NOW), Miss)


async def test_what_is_kept_under_one_residency_is_read_under_no_other(lookup: CacheLookup) -> None:
    await keep(lookup, request())
    for demands in (
        Demands(zones=("eu",)),
        Demands(zones=("eu", "us")),
        Demands(self_hosted_only=True),
    ):
        bound = ROUTE.model_copy(update={"demands": demands})
        found = await lookup.find(request(), bound, NOW)
        assert isinstance(found, Miss)
        await lookup.store_answer(found, done(demands.model_dump_json()))
        again = await lookup.find(request(), bound, NOW)
        assert answer_of(again) == demands.model_dump_json()
    assert answer_of(await lookup.find(request(), ROUTE, NOW)) == "A lock."
