"""One call, however it ends, is in the log of its request."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pytest

from observability.pricing.prices import Unpriced
from producers.contract import Route, TaggedRequest, Usage, codec
from producers.kafka.broker import Partition, Record
from tests.fakes import Script, Waits, always_42, answer, fails
from tests.flow.stage import Stage, ask, catalog
from workers.calling.attempt_log import AttemptLog
from workers.calling.hedging import HedgeRace
from workers.calling.provider_call import CallContext, EndedCall, ProviderCaller
from workers.delivery.work_item import WorkItem, read_work_item
from workers.health.gate import NotNow
from workers.planning.next_step import CallTarget
from workers.providers.base.call_outcome import BadCredentials, Completion, RateLimited


def work_item() -> WorkItem:
    tagged = TaggedRequest(route=Route(tier="economy"), request=ask())
    record = Record(Partition("llm.tier.economy", 0), 0, None, codec.encode(tagged), [], 0)
    return read_work_item(record)


def calling(scripts: Mapping[str, Script]) -> tuple[ProviderCaller, CallContext]:
    stage = Stage(scripts, catalog())
    trace, log = stage.tracer.begin_trace("serve", []), AttemptLog()
    context = CallContext(work_item(), stage.snapshot, trace, log, time.monotonic())
    return stage.pool("economy").answers.caller, context


def to(name: str) -> CallTarget:
    return CallTarget(name, timeout_s=5)


def ends(context: CallContext) -> list[tuple[str, str]]:
    return [(attempt.deployment, attempt.outcome) for attempt in context.log.made]


async def test_an_answer_is_recorded_with_its_price() -> None:
    caller, context = calling({"eco-a": always_42})
    ended = await caller.call(context, to("eco-a"), context.item.request.body)
    assert isinstance(ended, EndedCall)
    assert context.log.made == (ended.attempt,)
    assert ended.attempt.outcome == "ok"
    assert ended.attempt.cost_micro_usd == 20


async def test_a_usage_that_nobody_can_mean_is_estimated_marked_and_not_learned_from() -> None:
    for odd in (Usage(input_uncached=-5, output=3), Usage(output=10**10), Usage(cache_read=2**70)):
        caller, context = calling({"eco-a": fails(replace(answer(), usage=odd))})
        ended = await caller.call(context, to("eco-a"), context.item.request.body)
        assert isinstance(ended, EndedCall)
        assert ended.attempt.usage_estimated
        assert ended.attempt.usage == caller.expected_usage(context, "eco-a")
        assert (ended.attempt.cost_micro_usd or 0) > 0


async def test_token_factors_learn_from_what_was_counted_alone() -> None:
    told = replace(answer(tokens=5000), usage_estimated=True)
    for outcome, learns in ((told, False), (answer(tokens=5000), True)):
        caller, context = calling({"eco-a": fails(outcome)})
        body = context.item.request.body.model_copy(
            update={"messages": [{"role": "user", "content": "word " * 500}]}
        )
        before = caller.factors.factor_of("small", "f")
        await caller.call(context, to("eco-a"), body)
        assert (caller.factors.factor_of("small", "f") != before) is learns


async def test_a_kind_without_a_price_makes_it_unpriced_and_the_reply_says_which() -> None:
    caller, context = calling({"eco-a": always_42})
    why = "small has no price for citation_tokens"
    unpriced = replace(caller, price=lambda *_: Unpriced(why, ("citation_tokens",)))
    ended = await unpriced.call(context, to("eco-a"), context.item.request.body)
    assert isinstance(ended, EndedCall)
    assert isinstance(ended.outcome, Completion)
    assert ended.outcome.warnings == (why,)
    assert ended.attempt.cost_micro_usd is None


async def test_a_service_tier_that_nobody_knows_is_told_to_the_price_list() -> None:
    for tier, served in (("fast", ("service_tier=fast",)), ("priority", ()), (None, ())):
        outcome = answer()
        caller, context = calling(
            {"eco-a": fails(replace(outcome, body=outcome.body | {"service_tier": tier}))}
        )
        ended = await caller.call(context, to("eco-a"), context.item.request.body)
        assert isinstance(ended, EndedCall)
        assert ended.attempt.usage is not None
        assert ended.attempt.usage.served == served


async def test_a_failure_is_recorded_with_its_status_and_hint() -> None:
    limited = RateLimited(message="slow down", status=429, wait_s=1.5)
    caller, context = calling({"eco-a": fails(limited)})
    await caller.call(context, to("eco-a"), context.item.request.body)
    (attempt,) = context.log.made
    assert (attempt.outcome, attempt.status, attempt.wait_ms) == ("RateLimited", 429, 1500)
    assert attempt.cost_micro_usd is None


async def test_a_call_that_is_not_admitted_is_no_attempt() -> None:
    caller, context = calling({"eco-a": fails(BadCredentials(message="no key"))})
    body = context.item.request.body
    assert isinstance(await caller.call(context, to("eco-a"), body), EndedCall)
    assert isinstance(await caller.call(context, to("eco-a"), body), NotNow)
    assert ends(context) == [("eco-a", "BadCredentials")]


async def test_a_cancelled_call_is_recorded_before_the_cancellation_goes_on() -> None:
    waits = Waits()
    caller, context = calling({"eco-a": waits})
    call = asyncio.create_task(caller.call(context, to("eco-a"), context.item.request.body))
    await waits.begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    (attempt,) = context.log.made
    assert attempt.outcome == "cancelled"
    assert (attempt.cost_micro_usd or 0) > 0


async def test_the_loser_of_a_race_is_recorded_when_the_race_is_over() -> None:
    slow = Waits()
    caller, context = calling({"eco-a": slow})
    body = context.item.request.body
    first, second = (partial(caller.call, context, to(name), body) for name in ("eco-a", "eco-b"))
    race = HedgeRace(first, second, after_s=0.01, may_hedge=lambda: True)
    assert isinstance(await race.run(), EndedCall)
    assert slow.cut
    assert ends(context) == [("eco-b", "ok"), ("eco-a", "overtaken")]
    assert all((attempt.cost_micro_usd or 0) > 0 for attempt in context.log.made)


async def test_both_calls_of_a_cancelled_race_are_recorded() -> None:
    slow = [Waits(), Waits()]
    caller, context = calling({"eco-a": slow[0], "eco-b": slow[1]})
    body = context.item.request.body
    first, second = (partial(caller.call, context, to(name), body) for name in ("eco-a", "eco-b"))
    race = HedgeRace(first, second, after_s=0.01, may_hedge=lambda: True)
    request = asyncio.create_task(race.run())
    await slow[1].begun.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert sorted(ends(context)) == [("eco-a", "cancelled"), ("eco-b", "cancelled")]
