import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from dev.processes import Server
from producers.contract import Usage
from runtime.config.catalog import Catalog
from runtime.redis.connection import RedisLink, connect_redis
from tests.waiting import until
from workers.health.admission import CallPermit, DeploymentAdmission
from workers.health.breaker_registry import Transition
from workers.health.gate import NotNow, Ready
from workers.health.limits.rate_budget import (
    BucketLevel,
    LeaseGrant,
    LeaseRequest,
    Quota,
    full_buckets,
    grant_lease,
)
from workers.health.shared_state import BREAKERS, NEWS, BreakerNews, SharedFleetState
from workers.providers.base.call_outcome import Completion, RateLimited, ServerError, UnknownModel

pytestmark = pytest.mark.redis
ANSWER = Completion(body={}, usage=Usage(output=5), finish_reason="stop", first_token_s=0.2)


def catalog(**limits: int) -> Catalog:
    where = {"base_url": "http://localhost", "zone": "us", "provider": "acme", "model": "m"}
    return Catalog.model_validate(
        {
            "models": {"m": {"family": "f", "context_window": 8000}},
            "deployments": {"a": {**where, **limits}, "b": where},
            "tiers": {"only": {"deployments": ["a", "b"]}},
            "default_baseline": "a",
        }
    )


class Worker:
    """One process of the fleet, but for the process."""

    def __init__(self, name: str, url: str, known: Catalog) -> None:
        self.link = RedisLink(connect_redis(url))
        self.heard: list[Transition] = []
        self.skipped = 0
        self.state = SharedFleetState(self.link, name, self._skip)
        self.fleet = DeploymentAdmission(known, time.time, self.heard.append, shared=self.state)

    def _skip(self) -> None:
        self.skipped += 1

    async def admitted(self, target: str = "a") -> CallPermit:
        permit = await self.fleet.admit(target, 10)
        assert isinstance(permit, CallPermit), permit
        return permit


@asynccontextmanager
async def workers(url: str, count: int = 1, **limits: int) -> AsyncIterator[list[Worker]]:
    async with AsyncExitStack() as stack:
        fleet = []
        for number in range(count):
            worker = Worker(f"w{number}-{time.monotonic_ns()}", url, catalog(**limits))
            stack.push_async_callback(worker.link.redis.aclose)
            running = asyncio.create_task(worker.fleet.share_with_fleet())
            stack.push_async_callback(_stopped, running)
            fleet.append(worker)
        async with asyncio.timeout(10):
            await asyncio.gather(*(worker.state.subscribed.wait() for worker in fleet))
        yield fleet


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task  # raises what has ended it before


def shut(worker: Worker, target: str = "a") -> bool:
    return isinstance(worker.fleet.gate(target, 10), NotNow)


async def test_one_workers_429_protects_all_and_its_recovery_frees_all(redis_url: str) -> None:
    async with workers(redis_url, 3) as (first, second, third):
        first.fleet.report_outcome(await first.admitted(), RateLimited(message="", wait_s=0.3))
        await until(lambda: shut(second) and shut(third))
        assert not shut(second, "b")
        assert [(one.after, one.origin) for one in second.heard] == [("open", "peer")]
        await until(lambda: second.fleet.gate("a", 10) == Ready(probe=True))
        second.fleet.report_outcome(await second.admitted(), ANSWER)
        await until(lambda: all(w.fleet.gate("a", 10) == Ready() for w in (first, second, third)))


async def test_a_worker_that_starts_later_knows_at_once(redis_url: str) -> None:
    async with workers(redis_url) as (first,):
        first.fleet.report_outcome(await first.admitted(), RateLimited(message="", wait_s=60))
        await first.state.flush()
        async with workers(redis_url) as (late,):
            assert shut(late)
            gate = late.fleet.gate("a", 10)
            assert isinstance(gate, NotNow)
            assert 55 < gate.until - time.time() <= 60


async def test_the_fleet_probes_with_few_calls_however_many_workers_ask(redis_url: str) -> None:
    async with workers(redis_url, 4) as fleet:
        fleet[0].fleet.report_outcome(
            await fleet[0].admitted(), RateLimited(message="", wait_s=0.2)
        )
        await until(lambda: all(shut(worker) for worker in fleet))
        await until(lambda: not any(shut(worker) for worker in fleet))
        answers = await asyncio.gather(*(worker.fleet.admit("a", 10) for worker in fleet))
        permits = [answer for answer in answers if isinstance(answer, CallPermit)]
        assert len(permits) == 1
        assert all(shut(worker) for worker in fleet)
        fleet[answers.index(permits[0])].fleet.abandon(permits[0])
        await asyncio.gather(*(worker.state.flush() for worker in fleet))
        freed = [await worker.fleet.admit("a", 10) for worker in fleet]
        assert sum(isinstance(answer, CallPermit) for answer in freed) == 1


async def test_an_operator_holds_a_breaker_against_all_outcomes(redis_url: str) -> None:
    key = "acme/default/a/m"
    async with workers(redis_url, 2) as (first, second):
        held = BreakerNews(key, "forced_open", "operator", "forced", force=True)
        assert await first.state.publish(held)
        await until(lambda: shut(first) and shut(second))
        assert not await second.state.publish(BreakerNews(key, "closed", second.state.worker))
        assert await first.state.publish(
            BreakerNews(key, "closed", "operator", "forced", force=True)
        )
        await until(lambda: not shut(first) and not shut(second))


KEY = "acme/default/a/m"
JUNK: list[str | bytes] = [
    *("{", "[]", "null", "{}", '"text"', "[" * 5_000),
    *('{"breaker": 1}', '{"breaker":"b","state":"half","by":"x","reason":"new reason","for_s":1}'),
    *(f'{{"breaker":"b","state":"open","by":"x","for_s":{n}}}' for n in ("1e999", "-1", '"a"')),
    json.dumps({"breaker": "b" * 10_000, "state": "open", "by": "x"}),
]


async def test_junk_is_skipped_and_counted_and_the_operator_is_heard(redis_url: str) -> None:
    async with workers(redis_url, 2) as (first, second):
        redis = first.link.redis
        for junk in JUNK:
            assert await redis.publish(NEWS, junk) == 2
        await until(lambda: first.skipped == second.skipped == len(JUNK))
        # what isn't UTF-8 costs the subscription, which begins anew
        await redis.publish(NEWS, b"\xff\xfe")
        held = BreakerNews(KEY, "forced_open", "operator", "forced", force=True)
        assert await first.state.publish(held)
        await until(lambda: shut(first) and shut(second))
        assert first.skipped == second.skipped == len(JUNK) + 1
        newer = {"breaker": KEY, "state": "closed", "by": "o", "a field of a later version": [1]}
        await redis.publish(NEWS, json.dumps(newer))
        await until(lambda: not shut(first) and not shut(second))


async def test_junk_entries_hide_no_breaker_and_are_replaced(redis_url: str) -> None:
    async with workers(redis_url) as (first,):
        await first.link.redis.hset(BREAKERS, mapping={f"j{n}": j for n, j in enumerate(JUNK)})
        await first.link.redis.hset(BREAKERS, KEY, "{")
        await first.link.redis.hset(BREAKERS, b"\xff", "{}")
        held = BreakerNews(KEY, "forced_open", "operator", "forced", force=True)
        other = BreakerNews("j5", "open", "w", "quota", 60)
        assert await first.state.publish(held)
        assert await first.state.publish(other)
        async with workers(redis_url) as (late,):
            assert shut(late)
            assert {news.breaker for news in await late.state.all_news()} == {KEY, "j5"}
            assert late.skipped >= len(JUNK)


async def test_what_is_open_to_one_tenant_is_so_everywhere_until_another_finds_it_down(
    redis_url: str,
) -> None:
    def shut_to(worker: Worker, tenant: str) -> bool:
        return isinstance(worker.fleet.gate("a", 10, tenant), NotNow)

    async with workers(redis_url, 2) as (first, second):
        permit = await first.fleet.admit("a", 10, "acme")
        assert isinstance(permit, CallPermit)
        first.fleet.report_outcome(permit, UnknownModel(message=""))
        await until(lambda: shut_to(second, "acme"))
        assert not shut_to(second, "other")
        await first.state.flush()
        async with workers(redis_url) as (late,):
            assert shut_to(late, "acme")
            assert not shut_to(late, "other")
            permit = await late.fleet.admit("a", 10, "other")
            assert isinstance(permit, CallPermit)
            late.fleet.report_outcome(permit, UnknownModel(message=""))
            await until(lambda: all(shut_to(w, "third") for w in (first, second)))
            await late.state.flush()
        async with workers(redis_url) as (latest,):
            assert shut_to(latest, "third")


async def test_an_opening_to_one_tenant_narrows_none_that_is_for_all(redis_url: str) -> None:
    async with workers(redis_url) as (first,):
        publish = first.state.publish
        assert await publish(BreakerNews("k", "open", "x", "overloaded", 50))
        assert await publish(BreakerNews("k", "open", "y", "overloaded", 90, tenant="acme"))
        (kept,) = await first.state.all_news()
        assert (kept.tenant, kept.for_s > 80) == (None, True)
        assert await publish(BreakerNews("l", "open", "x", "overloaded", 90, tenant="acme"))
        assert not await publish(BreakerNews("l", "open", "x", "overloaded", 50, tenant="acme"))
        assert await publish(BreakerNews("l", "open", "y", "overloaded", 50))
        widened = {news.breaker: news for news in await first.state.all_news()}["l"]
        assert (widened.tenant, widened.for_s > 80) == (None, True)


async def test_a_longer_opening_is_not_cut_short_by_a_shorter_one(redis_url: str) -> None:
    async with workers(redis_url, 2) as (first, second):
        assert await first.state.publish(BreakerNews("k", "open", "x", "quota", 100))
        assert not await second.state.publish(BreakerNews("k", "open", "y", "failures", 1))
        (kept,) = await first.state.all_news()
        assert kept.reason == "quota"


async def test_the_rate_budget_is_one_for_the_whole_fleet(redis_url: str) -> None:
    async with workers(redis_url, 4, rpm=600) as fleet:
        started, admitted = time.monotonic(), 0
        for _ in range(100):
            answers = await asyncio.gather(*(worker.fleet.admit("a", 10) for worker in fleet))
            admitted += sum(isinstance(answer, CallPermit) for answer in answers)
        burst, per_s = 100, 10
        assert 90 <= admitted <= burst + per_s * (time.monotonic() - started) + 1
        gates = {type(worker.fleet.gate("a", 10)) for worker in fleet}
        assert gates == {NotNow}


async def test_without_redis_each_worker_goes_on_alone_and_tells_when_it_is_back(
    redis_url: str, redis_server: Server
) -> None:
    async with workers(redis_url, 2, rpm=6000) as (first, second):
        redis_server.kill()
        await until(lambda: not first.state.up and not second.state.up)
        first.fleet.report_outcome(await first.admitted(), RateLimited(message="", wait_s=60))
        assert shut(first)
        assert not shut(second)
        for _ in range(5):
            second.fleet.report_outcome(await second.admitted("b"), ServerError(message=""))
        assert shut(second, "b")
        redis_server.start()
        await until(lambda: shut(second))


async def test_a_hung_redis_delays_one_call_and_then_none(
    redis_url: str, redis_server: Server
) -> None:
    async with workers(redis_url, 1, rpm=6000) as (worker,):
        await worker.admitted()
        os.kill(redis_server.pid, signal.SIGSTOP)
        try:
            await until(lambda: not worker.state.up)
            for _ in range(50):
                await worker.admitted()
        finally:
            os.kill(redis_server.pid, signal.SIGCONT)
        await until(lambda: worker.state.up)


# ------------------------------------------------------- the Lua script does what limits.grant does

ASKS = [
    LeaseRequest(tokens=100),
    LeaseRequest(tokens=4000),
    LeaseRequest(tokens=7000, returned_requests=1, returned_tokens=50),
    LeaseRequest(tokens=10, remaining_requests=3),
    LeaseRequest(tokens=10, returned_tokens=-900, remaining_tokens=200),
    LeaseRequest(tokens=10),
    LeaseRequest(tokens=99_999),
]


@pytest.mark.parametrize("quota", [Quota(60, 6000), Quota(6, None), Quota(None, 60_000)])
async def test_the_fleets_bucket_grants_what_the_pure_one_does(
    redis_url: str, quota: Quota
) -> None:
    link = RedisLink(connect_redis(redis_url))
    state, started = SharedFleetState(link, "w"), time.monotonic()
    level: BucketLevel = full_buckets(quota, 0)
    for ask in ASKS:
        level, expected = grant_lease(level, quota, ask, 0)
        granted = await state.lease_rate("k", quota, ask)
        assert granted is not None
        assert _close(granted, expected, time.monotonic() - started, quota)
    await link.redis.aclose()


def _close(granted: LeaseGrant, expected: LeaseGrant, passed_s: float, quota: Quota) -> bool:
    """Equal but for what the real clock has refilled meanwhile."""
    slack = (quota.tpm or quota.rpm or 0) / 60 * passed_s + 0.001
    return (
        granted.requests == pytest.approx(expected.requests, abs=slack)
        and granted.tokens == pytest.approx(expected.tokens, abs=slack)
        and granted.wait_s == pytest.approx(expected.wait_s, abs=passed_s + 0.001)
    )
