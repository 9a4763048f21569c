import asyncio
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from observability.metrics.registry import MetricsRegistry
from producers.contract import Usage
from runtime.config.catalog import Catalog
from runtime.redis.connection import RedisLink
from tests.waiting import suspended, until
from workers.health.admission import CallPermit, DeploymentAdmission
from workers.health.breaker_registry import Transition
from workers.health.gate import NotNow, Ready
from workers.health.health_metrics import update_health_gauges
from workers.health.limits.concurrency_limit import ConcurrencyRules
from workers.health.limits.rate_budget import LeaseGrant, LeaseRequest, Quota
from workers.health.shared_state import SharedFleetState
from workers.providers.base.call_outcome import (
    BadCredentials,
    CallOutcome,
    Completion,
    ConnectionLost,
    MalformedResponse,
    Overloaded,
    RampTooFast,
    RateLimited,
    RequestRejected,
    ServerError,
    StreamTruncated,
    TimedOut,
    UnknownModel,
)

ANSWER = Completion(body={}, usage=Usage(output=5), finish_reason="stop", first_token_s=0.2)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def catalog(model: str = "m", rpm: float | None = None) -> Catalog:
    where = {"base_url": "http://localhost", "zone": "us"}
    return Catalog.model_validate(
        {
            "models": {name: {"family": "f", "context_window": 8000} for name in ("m", "n")},
            "deployments": {
                "a1": {"model": model, "provider": "acme", **where},
                "a2": {"model": "m", "provider": "acme", **where},
                "b": {"model": "m", "provider": "other", "rpm": rpm, **where},
            },
            "tiers": {"only": {"deployments": ["a1", "a2", "b"]}},
            "default_baseline": "a1",
        }
    )


class Bench:
    def __init__(self) -> None:
        self.clock = Clock()
        self.heard: list[Transition] = []
        self.fleet = DeploymentAdmission(catalog(), self.clock, self.heard.append)

    async def admitted(self, target: str, tenant: str | None = None) -> CallPermit:
        permit = await self.fleet.admit(target, 100, tenant)
        assert isinstance(permit, CallPermit)
        return permit


async def test_a_rate_limit_shuts_one_deployment_for_the_hinted_time() -> None:
    bench = Bench()
    bench.fleet.report_outcome(await bench.admitted("a1"), RateLimited(message="", wait_s=3))
    assert bench.fleet.gate("a1", 100) == NotNow(103, "rate_limited")
    assert await bench.fleet.admit("a1", 100) == NotNow(103, "rate_limited")
    assert bench.fleet.gate("a2", 100) == Ready()
    bench.clock.now = 103
    assert bench.fleet.gate("a1", 100) == Ready(probe=True)
    bench.fleet.report_outcome(await bench.admitted("a1"), ANSWER)
    assert bench.fleet.gate("a1", 100) == Ready()
    assert [(one.after, one.for_s) for one in bench.heard] == [
        ("open", 3),
        ("half_open", None),
        ("closed", None),
    ]


async def test_an_overload_shuts_the_whole_provider() -> None:
    bench = Bench()
    bench.fleet.report_outcome(await bench.admitted("a1"), Overloaded(message="", wait_s=2))
    assert bench.fleet.gate("a2", 100) == NotNow(102, "overloaded")
    assert bench.fleet.gate("b", 100) == Ready()


CAUSED_BY_A_REQUEST = [
    ServerError(message=""),
    MalformedResponse(message=""),
    StreamTruncated(message=""),
    TimedOut(message=""),
    ConnectionLost(message=""),
    Overloaded(message="", wait_s=60),
    UnknownModel(message=""),
    BadCredentials(message="", status=403),
    replace(ANSWER, first_token_s=60),
]


@pytest.mark.parametrize("outcome", CAUSED_BY_A_REQUEST)
async def test_what_one_tenants_requests_cause_shuts_nobody_else_out(outcome: CallOutcome) -> None:
    bench = Bench()
    for number in range(50):
        permit = await bench.fleet.admit("a1", 100, "hostile")
        if isinstance(permit, CallPermit):
            bench.clock.now += 3
            bench.fleet.report_outcome(permit, outcome, asked=str(number))
    assert isinstance(bench.fleet.gate("a1", 100, "hostile"), NotNow)
    for target in ("a1", "a2"):
        for _ in range(20):
            permit = await bench.admitted(target, "honest")
            bench.clock.now += 0.01
            bench.fleet.report_outcome(permit, ANSWER)
    assert bench.heard[0].tenant == "hostile"


@pytest.mark.parametrize("outcome", CAUSED_BY_A_REQUEST)
async def test_one_call_of_another_tenant_tells_an_outage(outcome: CallOutcome) -> None:
    bench = Bench()
    while isinstance(bench.fleet.gate("a1", 100, "first"), Ready):
        permit = await bench.admitted("a1", "first")
        bench.clock.now += 3
        bench.fleet.report_outcome(permit, outcome, asked=str(permit.number))
    permit = await bench.admitted("a1", "second")
    assert isinstance(bench.fleet.gate("a1", 100, "third"), NotNow)
    bench.clock.now += 3
    bench.fleet.report_outcome(permit, outcome, asked="something else")
    assert isinstance(bench.fleet.gate("a1", 100, "second"), NotNow)
    assert bench.heard[-1].tenant is None


async def test_a_cancelled_probe_leaves_its_place_to_the_next() -> None:
    bench = Bench()
    bench.fleet.report_outcome(await bench.admitted("b"), RateLimited(message="", wait_s=1))
    bench.clock.now += 1
    probe = await bench.admitted("b")
    assert isinstance(await bench.fleet.admit("b", 100), NotNow)
    bench.fleet.abandon(probe)
    assert bench.fleet.gate("b", 100) == Ready(probe=True)


async def test_the_callers_mistakes_open_nothing() -> None:
    bench = Bench()
    for _ in range(50):
        bench.fleet.report_outcome(await bench.admitted("b"), RequestRejected(message=""))
    assert bench.fleet.gate("b", 100) == Ready()


async def test_a_swapped_model_starts_with_a_fresh_breaker() -> None:
    bench = Bench()
    late = await bench.admitted("a1")
    bench.fleet.report_outcome(await bench.admitted("a1"), BadCredentials(message=""))
    assert isinstance(bench.fleet.gate("a1", 100), NotNow)
    bench.fleet.configure(catalog(model="n"))
    assert bench.fleet.gate("a1", 100) == Ready()
    bench.fleet.report_outcome(late, BadCredentials(message=""))
    assert bench.fleet.gate("a1", 100) == Ready()


async def test_whoever_waits_is_woken_by_a_transition() -> None:
    bench = Bench()
    permits = [await bench.admitted("b") for _ in range(5)]
    waiting = asyncio.create_task(bench.fleet.wait_for_change(3600))
    await suspended(waiting)
    for permit in permits:
        bench.fleet.report_outcome(permit, ServerError(message=""))
    async with asyncio.timeout(1):
        await waiting


async def test_the_calls_span_is_told_what_its_end_changed() -> None:
    bench, noted = Bench(), list[str]()
    bench.fleet.report_outcome(
        await bench.admitted("b"), RateLimited(message="", wait_s=1), noted.append
    )
    assert noted == ["breaker other/default/b/m: closed to open"]
    bench.fleet.report_outcome(await bench.admitted("a1"), RateLimited(message="", wait_s=1))
    assert len(noted) == 1


async def test_a_call_overtaken_by_its_hedge_counts_as_slow() -> None:
    bench = Bench()
    for _ in range(5):
        bench.fleet.abandon(await bench.admitted("b"), overtaken=True)
    gate = bench.fleet.gate("b", 100)
    assert isinstance(gate, NotNow)
    assert gate.reason == "slow"


class SlowFleet(SharedFleetState):
    """Gives two leases of one call each; who asks first for a probe's place gets no answer."""

    def __init__(self) -> None:
        super().__init__(RedisLink(Redis()), "w1")
        self.asked = asyncio.Event()
        self.leases = [LeaseGrant(1, 100), LeaseGrant(1, 100)]

    async def lease_rate(self, key: str, quota: Quota, request: LeaseRequest) -> LeaseGrant:
        assert (key, quota.rpm, request.tokens) == ("other/default/b/m", 60, 100)
        return self.leases.pop() if self.leases else LeaseGrant(0, 0, wait_s=60)

    async def take_probe(self, breaker: str, number: int, places: int) -> bool:
        assert (breaker, number > 0, places) == ("other/default/b/m", True, 1)
        if not self.asked.is_set():
            self.asked.set()
            await asyncio.Event().wait()
        return True


async def test_an_admission_that_is_cancelled_returns_what_it_reserved() -> None:
    bench, shared = Bench(), SlowFleet()
    bench.fleet = DeploymentAdmission(
        catalog(rpm=60), bench.clock, bench.heard.append, shared=shared
    )
    bench.fleet.report_outcome(await bench.admitted("b"), RateLimited(message="", wait_s=0.5))
    bench.clock.now += 0.5
    waiting = asyncio.create_task(bench.fleet.admit("b", 100))
    await shared.asked.wait()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert shared.leases == []
    await bench.admitted("b")


async def test_concurrency_is_what_bounds_a_deployment_that_drops() -> None:
    bench = Bench()
    bench.fleet = DeploymentAdmission(
        catalog(), bench.clock, bench.heard.append, concurrency=ConcurrencyRules(most=4)
    )
    permits = [await bench.admitted("b") for _ in range(4)]
    gate = bench.fleet.gate("b", 100)
    assert isinstance(gate, NotNow)
    assert gate.reason == "concurrency"
    bench.fleet.report_outcome(permits[0], RampTooFast(message=""))
    assert isinstance(bench.fleet.gate("b", 100), NotNow)
    bench.fleet.abandon(permits[1])
    assert bench.fleet.gate("b", 100) == Ready()
    assert {one.deployment: one.concurrency for one in bench.fleet.reports()}["b"] == 2


async def test_slow_is_measured_by_what_is_typical() -> None:
    bench = Bench()
    for _ in range(20):
        bench.fleet.report_outcome(await bench.admitted("b"), ANSWER)
    late = replace(ANSWER, first_token_s=2.5)
    for _ in range(5):
        bench.fleet.report_outcome(await bench.admitted("b"), late)
    gate = bench.fleet.gate("b", 100)
    assert isinstance(gate, NotNow)
    assert gate.reason == "slow"


async def test_a_deployment_that_never_answers_is_left_even_if_nothing_is_known_of_it() -> None:
    bench = Bench()
    permits = [await bench.admitted("b") for _ in range(5)]
    bench.clock.now += 5
    for permit in permits:
        bench.fleet.report_outcome(permit, TimedOut(message=""))
    assert isinstance(bench.fleet.gate("b", 100), NotNow)


async def test_the_gauges_have_the_speed_of_what_was_called() -> None:
    bench, metrics = Bench(), MetricsRegistry()
    permit = await bench.admitted("b")
    bench.clock.now += 1
    bench.fleet.report_outcome(permit, ANSWER)
    showing = asyncio.create_task(update_health_gauges(bench.fleet, metrics))
    await until(lambda: metrics.value("switchgear_breaker_state", deployment="b") is not None)
    showing.cancel()
    first, rate = "switchgear_mean_first_token_seconds", "switchgear_mean_tokens_per_second"
    assert metrics.value(first, deployment="b") == 0.2
    assert metrics.value(rate, deployment="b") == 5 / 0.8
    assert metrics.value(first, deployment="a1") is None
