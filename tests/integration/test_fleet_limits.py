"""A key's limits hold over all gateways, and in each one while Redis is away."""

from collections.abc import AsyncIterator

import pytest

from gateway.access.api_keys import Caller
from gateway.errors.api_error import ApiError
from gateway.shared_limits.fleet_limits import Admission, FleetLimits
from runtime.config.sections.gateway import ApiKey
from runtime.redis.connection import RedisLink, connect_redis

pytestmark = pytest.mark.redis


def caller(**limits: int) -> Caller:
    return Caller("k", "t", ApiKey(sha256="0" * 64, tenant="t", **limits))


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[RedisLink]:
    redis = connect_redis(redis_url)
    await redis.flushdb()
    yield RedisLink(redis)
    await redis.aclose()


async def admitted(limits: FleetLimits, who: Caller, tokens: int = 1) -> Admission:
    answer = await limits.admit(who, tokens)
    assert isinstance(answer, Admission)
    return answer


async def refused(limits: FleetLimits, who: Caller, words: str, tokens: int = 1) -> None:
    answer = await limits.admit(who, tokens)
    assert isinstance(answer, ApiError)
    assert words in answer.message
    assert answer.retry_after_s is not None
    assert 1 <= answer.retry_after_s <= 60


async def test_requests_and_tokens_a_minute_are_the_fleets(link: RedisLink) -> None:
    one, other = FleetLimits(link), FleetLimits(link)
    who = caller(rpm=2)
    await admitted(one, who)
    await admitted(other, who)
    await refused(one, who, "2 requests/min")


async def test_what_was_billed_takes_the_place_of_the_estimate(link: RedisLink) -> None:
    one, other = FleetLimits(link), FleetLimits(link)
    who = caller(tpm=1000)
    admission = await admitted(one, who, 900)
    await refused(other, who, "1000 tokens/min", 900)
    await one.release(admission, 10)
    await admitted(other, who, 900)


async def test_requests_at_once(link: RedisLink) -> None:
    one, other = FleetLimits(link), FleetLimits(link)
    who = caller(concurrency=1)
    admission = await admitted(one, who)
    await refused(other, who, "1 requests under way")
    await one.release(admission, None)
    await admitted(other, who)


async def test_without_redis_each_process_counts_by_itself() -> None:
    redis = connect_redis("redis://localhost:1")
    limits = FleetLimits(RedisLink(redis))
    who = caller(rpm=5, concurrency=1)
    admission = await admitted(limits, who)
    await refused(limits, who, "under way")
    await limits.release(admission, None)
    await admitted(limits, who)
    await redis.aclose()


async def test_a_key_without_limits_costs_no_trip() -> None:
    limits = FleetLimits(None)
    await limits.release(await admitted(limits, caller()), 5)
    await limits.release(await admitted(limits, Caller("anonymous", "t", None)), None)
