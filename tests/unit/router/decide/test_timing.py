"""Time as a reason: what was measured excludes, what is assumed ranks, and the reply says which."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from producers.contract import Request, Route
from router.decide.caller_overrides import RouteRejected
from router.decide.timing import RequestClock
from runtime.config.catalog import Catalog
from runtime.speed.observed_speed import ObservedSpeed
from tests.unit.router.routing_cases import catalog, decide_by, request

SLOW = ObservedSpeed(calls=20, first_token_s=8.0, tokens=50, generation_s=4.0)
FAST = ObservedSpeed(calls=20, first_token_s=0.1, tokens=50, generation_s=0.2)
ECONOMY = ("eco-us", "eco-eu", "own")
ALL = (*ECONOMY, "std-us", "std-eu", "pre-us")


def decided(
    asked: Request,
    speeds: Mapping[str, ObservedSpeed],
    book: Catalog | None = None,
    **clock: float,
) -> Route | RouteRejected:
    chosen = book or catalog(min_quality=0.0)
    return decide_by(chosen, asked, clock=RequestClock(observed=speeds, **clock))


def routed(
    asked: Request, speeds: Mapping[str, ObservedSpeed], book: Catalog | None = None, **clock: float
) -> Route:
    decision = decided(asked, speeds, book, **clock)
    assert isinstance(decision, Route), decision
    return decision


def wanting(**routing: object) -> Request:
    return request(routing=routing)


def speeds(slow: tuple[str, ...] = (), fast: tuple[str, ...] = ()) -> dict[str, ObservedSpeed]:
    return {**dict.fromkeys(slow, SLOW), **dict.fromkeys(fast, FAST)}


def test_price_decides_where_nobody_speaks_of_time() -> None:
    decision = routed(wanting(), speeds(slow=ECONOMY, fast=("std-us", "pre-us")))
    assert decision.tier == "economy"
    assert all(each.expected_s is None for each in decision.candidates)


def test_latency_takes_the_fastest_of_what_is_good_enough() -> None:
    decision = routed(wanting(objective="latency"), speeds(slow=ECONOMY, fast=("std-eu",)))
    assert (decision.tier, decision.objective) == ("standard", "latency")
    assert "fastest expected to succeed" in decision.reasons[0]
    assert "objective latency of the request: answer expected in" in decision.reasons[1]
    assert "(measured, 20 calls lately)" in decision.reasons[1]
    standard = next(each for each in decision.candidates if each.tier == "standard")
    assert standard.expected_s == pytest.approx(0.36, abs=0.1)  # of std-eu, not of the first listed


def test_balanced_weighs_both() -> None:
    dear = routed(wanting(objective="balanced"), speeds(slow=ECONOMY, fast=("pre-us",)))
    assert dear.tier == "economy"  # standard costs ten times as much, premium a hundred times
    worth_it = ObservedSpeed(20, 0.01, 50, 0.02)
    very_slow = ObservedSpeed(20, 60.0, 50, 60.0)
    much = {**dict.fromkeys(ECONOMY, very_slow), "std-us": worth_it}
    assert routed(wanting(objective="balanced"), much).tier == "standard"


def test_request_goes_before_task_before_tenant_before_default() -> None:
    book = catalog(min_quality=0.0, objective="balanced", tasks={"t": {"objective": "latency"}})
    tenants = {**book.tenants, "hasty": book.tenants["*"].model_copy(update={"objective": "cost"})}
    book = book.model_copy(update={"tenants": tenants})
    assert routed(request(), {}, book).objective == "balanced"
    assert routed(request(tenant="hasty"), {}, book).objective == "cost"
    of_task = request(tenant="hasty", routing={"task": "t"})
    assert routed(of_task, {}, book).objective == "latency"
    own = request(tenant="hasty", routing={"task": "t", "objective": "balanced"})
    assert routed(own, {}, book).objective == "balanced"


def test_a_tier_that_was_measured_too_slow_is_out() -> None:
    decision = routed(wanting(deadline_ms=3_000), speeds(slow=ECONOMY, fast=("std-us",)))
    assert decision.tier == "standard"
    out = next(each for each in decision.candidates if each.tier == "economy")
    assert out.rejected is not None
    assert "would answer in about" in out.rejected
    assert "3 s are left" in out.rejected
    assert "measured, 20 calls lately" in out.rejected


def test_one_deployment_in_time_saves_its_tier() -> None:
    decision = routed(wanting(deadline_ms=3_000), speeds(slow=("eco-us", "own"), fast=("eco-eu",)))
    assert decision.tier == "economy"


def test_time_that_has_passed_counts() -> None:
    seen = speeds(fast=ALL)
    assert isinstance(decided(wanting(deadline_ms=2_000), seen), Route)
    assert isinstance(decided(wanting(deadline_ms=2_000), seen, elapsed_s=1.9), RouteRejected)
    assert isinstance(decided(wanting(), seen, deadline_s=0.05), RouteRejected)


def test_a_far_deadline_is_no_reason() -> None:
    decision = routed(wanting(deadline_ms=600_000), speeds(slow=ECONOMY, fast=("std-us",)))
    assert decision.tier == "economy"
    assert all(each.expected_s is None for each in decision.candidates)


def test_what_no_tier_can_keep_is_refused_with_the_reason() -> None:
    refusal = decided(wanting(deadline_ms=1_000), speeds(slow=ALL))
    assert isinstance(refusal, RouteRejected)
    assert refusal.code == "deadline_exceeded"
    for tier in ("economy", "standard", "premium"):
        assert f"{tier}: would answer in about" in refusal.message


def test_nothing_is_refused_for_an_assumption() -> None:
    decision = routed(wanting(deadline_ms=50), {})
    assert "which is late, but nobody has measured it" in " ".join(decision.reasons)


def test_an_assumed_delay_gives_way_to_a_tier_in_time() -> None:
    decision = routed(wanting(deadline_ms=500), speeds(fast=("std-us",)))
    assert decision.tier == "standard"


def test_how_long_unmeasured_answers_are_is_held_against_nobody() -> None:
    decision = routed(wanting(deadline_ms=2_000), speeds(fast=("std-us",)))
    assert decision.tier == "economy"


def test_an_answer_must_begin_in_time() -> None:
    slow_to_finish = ObservedSpeed(20, 0.1, 500, 30.0)
    seen = {**speeds(slow=ECONOMY), **dict.fromkeys(("std-us", "std-eu", "pre-us"), slow_to_finish)}
    streamed = request(body={"stream": True}, routing={"max_ttft_ms": 1_000})
    assert routed(streamed, seen).tier == "standard"
    refusal = decided(wanting(max_ttft_ms=1_000), seen)  # whole, it begins when it ends
    assert isinstance(refusal, RouteRejected)
    assert "would begin its answer in about" in refusal.message


def test_a_named_tier_that_is_too_slow_is_refused() -> None:
    refusal = decided(wanting(tier="economy", deadline_ms=1_000), speeds(slow=ECONOMY))
    assert isinstance(refusal, RouteRejected)
    assert refusal.code == "deadline_exceeded"


def test_quality_goes_before_what_is_only_assumed_of_time() -> None:
    book = catalog(tasks={"t": {"success": {"economy": 0.5, "standard": 0.99, "premium": 0.99}}})
    asked = request(routing={"task": "t", "min_quality": 0.9, "deadline_ms": 500})
    assert routed(asked, speeds(fast=ECONOMY), book).tier == "standard"


def test_the_cost_of_an_error_counts_as_price() -> None:
    success = {"economy": 0.5, "standard": 0.99, "premium": 0.99}
    book = catalog(
        min_quality=0.0, tasks={"t": {"success": success, "error_cost_usd": Decimal(40)}}
    )
    asked = request(routing={"task": "t", "objective": "balanced"})
    assert routed(asked, speeds(fast=ALL), book).tier != "economy"
    hurried = request(routing={"task": "t", "objective": "latency"})
    assert routed(hurried, speeds(fast=ECONOMY), book).tier == "economy"
