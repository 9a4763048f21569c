"""Nothing lost, nothing paid twice, and in order where order was asked for."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import pytest

from producers import ReplyTimeoutError
from producers.contract import Attempt, Chunk, Done, Failed, Route, codec, topics
from producers.contract.codec import to_headers
from producers.contract.route import TaggedRequest
from producers.kafka.broker import Outgoing, Record
from runtime.limits import LAPSED_CLAIMS
from runtime.process.dead_letters import replay_records
from runtime.speed.observed_speed import ObservedSpeed
from tests.fakes import Script, Waits, answer, content, fails
from tests.flow.stage import Stage, ask, catalog, playing
from tests.waiting import until
from workers.delivery.claims import Claimed, Conflict, FinalRecords, Unguarded
from workers.delivery.request_identity import identity_of
from workers.planning.request_state import PlanRules
from workers.providers.base.call_outcome import (
    BadCredentials,
    CallOutcome,
    ContextTooLong,
    RateLimited,
    RequestRejected,
)
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

NO_STORE = {"cache": {"mode": "no-store"}}


def again_of(record: Record) -> Outgoing:
    """The same record, as whoever sent it may send it again."""
    return Outgoing(topics.REQUESTS, record.value, record.key, record.headers)


async def twice(stage: Stage, topic: str) -> None:
    """The last record of `topic` is written again."""
    record = stage.broker.written(topic)[-1]
    await stage.broker.publish(Outgoing(topic, record.value, record.key, record.headers))


@pytest.mark.parametrize("topic", [topics.REQUESTS, "llm.tier.economy"])
async def test_a_request_published_twice_is_answered_from_the_record(topic: str) -> None:
    async with playing() as stage:
        await stage.client.submit(ask(routing=NO_STORE))
        await twice(stage, topic)
        first, second = await stage.broker.has(topics.REPLIES, 2)
        assert first.value == second.value
        assert len(stage.calls) == 1
        assert len({event.id for event in await stage.events(2)}) == 1
        replayed = ("replayed", "llm.tier.economy")
        await stage.broker.until(lambda: stage.reports.heard.count(replayed) == 1)


@pytest.mark.parametrize("deadline_ms", [None, 30_000])
async def test_what_comes_again_after_its_deadline_keeps_its_answer(
    deadline_ms: int | None,
) -> None:
    async with playing() as stage:
        asked = ask(routing=NO_STORE | {"deadline_ms": deadline_ms})
        assert isinstance(await stage.client.submit(asked), Done)
        record = stage.broker.written(topics.REQUESTS)[-1]
        late = [(name, value) for name, value in record.headers if name != "x-deadline"]
        late.append(("x-deadline", b"1"))
        await stage.broker.publish(Outgoing(topics.REQUESTS, record.value, record.key, late))
        first, again = await stage.broker.has(topics.REPLIES, 2)
        assert again.value == first.value
        assert len(stage.calls) == 1


@pytest.mark.parametrize("reason", ["requests", "tokens", "budget", "pool", "slow"])
async def test_what_comes_again_is_refused_for_no_reason_that_passes(reason: str) -> None:
    """Its sender has its answer: a refusal after it would be a second ending."""
    limits = {"requests": {"requests_s": 0.001}, "tokens": {"tokens_min": 40}}.get(reason, {})
    settings = catalog().policy.model_dump() | {"budget": {"when_spent": "reject"}}
    async with playing(
        catalog=catalog(tenants={"t": {"limits": limits}}, policy=settings)
    ) as stage:
        wanted = NO_STORE | {"deadline_ms": 30_000}
        asked = ask(model="economy", max_tokens=30, routing=wanted)
        assert isinstance(await stage.client.submit(asked), Done)
        stage.budget_used = 2.0 if reason == "budget" else 0.0
        if reason == "pool":
            stage.unserved = {f"llm.tier.{tier}": "nobody is there" for tier in stage.catalog.tiers}
        if reason == "slow":
            crawling = ObservedSpeed(20, 900.0, 2_000, 9_000.0, 0.0, 0.0)
            stage.speeds = dict.fromkeys(stage.catalog.deployments, crawling)
        refused = await stage.client.submit(
            ask("Another?", model="economy", max_tokens=30, routing=wanted)
        )
        assert isinstance(refused, Failed), "the reason holds for what is new"
        await stage.broker.publish(again_of(stage.broker.written(topics.REQUESTS)[0]))
        first, _, again = await stage.broker.has(topics.REPLIES, 3)
        assert again.value == first.value
        assert len(stage.calls) == 1


async def test_one_id_sent_for_ever_is_refused_in_the_end() -> None:
    async with playing(catalog=catalog(tenants={"t": {"limits": {"requests_s": 2}}})) as stage:
        await stage.client.submit(ask(routing=NO_STORE))
        again = again_of(stage.broker.written(topics.REQUESTS)[0])
        for _ in range(20):
            await stage.broker.publish(again)
        replies = await stage.replies(21)
        assert any(isinstance(reply, Failed) for reply in replies)
        assert len(stage.calls) == 1


async def test_an_answer_from_the_cache_is_recorded_too() -> None:
    async with playing() as stage:
        await stage.client.submit(ask())
        await stage.broker.until(lambda: bool(stage.answers.kept))
        await stage.client.submit(ask())
        stage.answers.kept.clear()
        await twice(stage, "llm.tier.economy")
        _, hit, again = await stage.broker.has(topics.REPLIES, 3)
        assert again.value == hit.value


async def test_what_was_answered_before_the_cache_knew_it_is_not_answered_from_the_cache() -> None:
    async with playing() as stage:
        await stage.client.submit(ask())
        await stage.broker.until(lambda: bool(stage.answers.kept))
        await twice(stage, "llm.tier.economy")
        first, again = await stage.broker.has(topics.REPLIES, 2)
        assert again.value == first.value


async def test_a_failure_is_recorded_too() -> None:
    async with playing() as stage:
        await stage.client.submit(ask(routing={"cache": {"mode": "only-if-cached"}}))
        await twice(stage, "llm.tier.economy")
        first, second = await stage.broker.has(topics.REPLIES, 2)
        assert first.value == second.value


@pytest.mark.parametrize("routing", [NO_STORE, {}])
async def test_an_id_used_again_for_something_else_is_refused_and_not_paid_for(
    routing: dict[str, object],
) -> None:
    async with playing() as stage:
        first = ask("one", routing=routing)
        assert isinstance(await stage.client.submit(first), Done)
        other = ask("two", routing=routing).model_copy(update={"id": first.id})
        for _ in range(2):
            refused = await stage.client.submit(other)
            assert isinstance(refused, Failed)
            assert refused.code == "id_reused"
            assert "used before with another request" in refused.message
        assert isinstance(await stage.client.submit(first), Done)
        assert len(stage.calls) == 1
        assert {event.outcome for event in await stage.events(2)} == {"done"}


async def test_tenants_whose_names_run_into_their_ids_get_their_own_answers() -> None:
    shared = catalog(tenants={"t": {}, "a": {}, "a:b": {}})
    async with playing(catalog=shared) as stage:
        for tenant, name in (("a:b", "1"), ("a", "b:1")):
            asked = ask(tenant=tenant, routing=NO_STORE).model_copy(update={"id": name})
            reply = await stage.client.submit(asked)
            assert isinstance(reply, Done)
            assert reply.id == name
        assert len(stage.calls) == 2


async def test_a_request_that_a_dead_worker_had_begun_is_accounted_as_redelivered() -> None:
    async with playing() as stage:
        for died in (False, True):
            asked = ask(routing=NO_STORE)
            if died:
                stage.idempotency.died.add(identity_of(asked).key)
            assert isinstance(await stage.client.submit(asked), Done)
        events = await stage.events(2)
        assert [event.redelivered for event in events] == [False, True]
        assert ("taken over", "llm.tier.economy") in stage.reports.heard
        # what comes again once it is finished is no second account
        await twice(stage, "llm.tier.economy")
        assert (await stage.events(3))[2] == events[1]


async def test_the_repeat_of_a_hit_asks_for_no_new_answer() -> None:
    async with playing() as stage:
        stage.answers.renews = True
        await stage.client.submit(ask())
        await stage.broker.until(lambda: bool(stage.answers.kept))
        await stage.client.submit(ask())
        await stage.events(3)  # of the answer, of the hit, and of its renewal
        await twice(stage, "llm.tier.economy")
        first, second = (await stage.broker.has(topics.REPLIES, 3))[1:]
        assert first.value == second.value
    assert len(stage.calls) == 2
    assert stage.answers.open == 0


async def test_a_request_that_breaks_its_workers_is_put_aside_unpaid() -> None:
    async with playing() as stage:
        for workers in (LAPSED_CLAIMS.value, LAPSED_CLAIMS.value + 1):
            asked = ask(routing=NO_STORE)
            stage.idempotency.lapsed[identity_of(asked).key] = workers
            reply = await stage.client.submit(asked)
            calls = len(stage.calls)
            assert calls == 1
        assert isinstance(reply, Failed)
        assert (reply.code, reply.retryable) == ("internal_error", False)
        assert reply.message == "the request broke its worker 5 times"
        assert [reason for _, reason in stage.dead_letters()] == ["internal_error"]
        assert [event.outcome for event in await stage.events(2)] == ["done", "internal_error"]
        # once the cause is mended, the operator sends it again
        assert isinstance(await stage.client.submit(asked), Done)


async def test_two_workers_with_one_id_make_one_call() -> None:
    waits = Waits()
    async with playing({"eco-a": waits}) as stage:
        await stage.client.publish(ask(routing=NO_STORE))
        await waits.begun.wait()
        await twice(stage, "llm.tier.economy")
        await twice(stage, "llm.tier.economy")
        waits.let.set()
        replies = await stage.broker.has(topics.REPLIES, 3)
        assert len({record.value for record in replies}) == 1
        assert len(stage.calls) == 1


async def test_a_request_handed_over_is_given_up_for_the_next_tier() -> None:
    refused = fails(BadCredentials(message="no"))
    async with playing({"eco-a": refused, "eco-b": refused}) as stage:
        await stage.client.submit(ask(routing=NO_STORE))
        await twice(stage, "llm.tier.economy")
        first, second = await stage.broker.has(topics.REPLIES, 2)
        assert first.value == second.value
        assert stage.called() == ["a", "b", "c"]


# --------------------------------------------------------------------------------- cancellation


async def test_a_request_cancelled_before_its_turn_is_not_called() -> None:
    waits = Waits()
    async with playing({"eco-a": waits}, concurrency=1) as stage:
        first, second = ask("one", model="economy"), ask("two", model="economy")
        going = asyncio.create_task(stage.client.submit(first))
        await waits.begun.wait()
        waiting = asyncio.create_task(stage.client.submit(second))
        await stage.broker.has("llm.tier.economy", 2)
        await stage.client.cancel(second.id, tenant=second.tenant)
        waits.let.set()
        assert isinstance(await going, Done)
        reply = await waiting
        assert isinstance(reply, Failed)
        assert reply.code == "cancelled"
        assert len(stage.calls) == 1


async def test_a_running_stream_is_stopped_and_what_came_is_paid_for() -> None:
    waits = Waits(first="x" * 400)
    async with playing({"eco-a": waits}) as stage:
        sent = ask(stream=True)
        parts = stage.client.stream(sent)
        first = await anext(parts)
        assert isinstance(first, Chunk)
        await stage.client.cancel(sent.id, tenant=sent.tenant)
        last = [part async for part in parts][-1]
        assert isinstance(last, Failed)
        assert last.code == "cancelled"
        assert waits.cut
        (attempt,) = last.attempts
        assert attempt.outcome == "cancelled"
        assert attempt.usage is not None
        assert attempt.usage.output == 100
        (event,) = await stage.events()
        assert event.cost_micro_usd == attempt.cost_micro_usd
        assert (event.cost_micro_usd or 0) >= Decimal(100)
    assert stage.answers.open == 0


@pytest.mark.parametrize("outcome", [answer, lambda: RequestRejected(message="no")])
async def test_the_calls_of_a_worker_that_was_outrun_are_booked(
    outcome: Callable[[], CallOutcome],
) -> None:
    slow = Waits()

    async def script(call: ProviderRequest, emit: Emit | None) -> CallOutcome:
        if slow.begun.is_set():
            return answer()
        await slow(call, emit)
        return outcome()

    async with playing({"eco-a": script}) as stage:
        asked = ask(routing=NO_STORE)
        await stage.client.publish(asked)
        await slow.begun.wait()
        stage.idempotency.lapse(identity_of(asked))
        await twice(stage, "llm.tier.economy")
        (answered,) = await stage.events()
        slow.let.set()
        _, outrun, again = await stage.events(3)
        assert again == answered
        assert (outrun.id.split("-")[0], outrun.outcome) == (f"{asked.id}:broke", "internal_error")
        assert outrun.cost_micro_usd == sum(a.cost_micro_usd or 0 for a in outrun.attempts)
        assert len(answered.attempts) + len(outrun.attempts) == len(stage.calls)
        first, second = await stage.broker.has(topics.REPLIES, 2)
        assert first.value == second.value


async def test_what_an_outrun_worker_handed_over_is_booked_once() -> None:
    slow, wordy = Waits(), "words that fail the check"

    async def script(call: ProviderRequest, emit: Emit | None) -> CallOutcome:
        if not slow.begun.is_set():
            await slow(call, emit)
        return answer(wordy if slow.let.is_set() else "42")

    async with playing({"eco-a": script, "eco-b": script}) as stage:
        checks = [{"kind": "max_length", "characters": 5}]
        asked = ask(routing={**NO_STORE, "validators": checks})
        await stage.client.publish(asked)
        await slow.begun.wait()
        stage.idempotency.lapse(identity_of(asked))
        await twice(stage, "llm.tier.economy")
        (answered,) = await stage.events()
        slow.let.set()
        await stage.broker.has("llm.tier.standard", 1)
        for _ in range(2):  # as after a crash before the commit
            _, outrun, *_ = await stage.events(3)
            assert outrun.id.startswith(f"{asked.id}:broke-")
            assert {attempt.outcome for attempt in outrun.attempts} == {"inadequate"}
            assert outrun.cost_micro_usd
            await twice(stage, "llm.tier.standard")
        told = {(event.id, event.at_ms) for event in await stage.events(5)}
        assert told == {(event.id, event.at_ms) for event in (answered, outrun)}
        assert len(answered.attempts) + len(outrun.attempts) == len(stage.calls)


@pytest.mark.parametrize("is_taken", [False, True], ids=["recorded", "its id is another's"])
async def test_an_answer_is_kept_while_its_ending_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
    is_taken: bool,  # noqa: FBT001 a case
) -> None:
    let = asyncio.Event()
    async with playing() as stage:
        store = stage.idempotency.store_final

        async def slow(claim: Claimed | Unguarded, ending: FinalRecords) -> FinalRecords | Conflict:
            await let.wait()
            return Conflict() if is_taken else await store(claim, ending)

        monkeypatch.setattr(stage.idempotency, "store_final", slow)
        replying = asyncio.create_task(stage.client.submit(ask()))
        await until(lambda: stage.answers.kept)
        assert stage.answers.open == 0
        let.set()
        assert isinstance(await replying, Failed if is_taken else Done)
        assert stage.answers.open == 0


async def test_a_request_that_breaks_has_earlier_workers_calls_apart_and_in_our_time() -> None:
    async def breaks(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        raise RecursionError

    earlier = Attempt(deployment="eco-b", outcome="timeout", cost_micro_usd=7)
    async with playing({"eco-a": breaks}) as stage:
        asked = ask(routing=NO_STORE)
        tagged = TaggedRequest(route=Route(tier="economy"), request=asked, attempts=(earlier,))
        headers = to_headers({"correlation_id": asked.id, "x-submitted": 1})
        queue, key = "llm.tier.economy", asked.id.encode()
        await stage.broker.publish(Outgoing(queue, codec.encode(tagged), key, headers))
        ours, theirs = await stage.events(2)
        assert len(ours.attempts) == len(stage.calls) == 1
        assert theirs.attempts == (earlier,)
        assert ours.id != theirs.id
        assert theirs.at_ms == stage.broker.written(queue)[0].timestamp_ms


async def test_a_timeout_at_the_client_is_the_requests_deadline() -> None:
    async with playing({"eco-a": Waits(), "eco-b": Waits()}) as stage:
        with suppress(ReplyTimeoutError):
            late = await stage.client.submit(ask(), timeout=0.1)
            # the worker keeps the same deadline, and may be the first to say so
            assert isinstance(late, Failed)
            assert late.code == "deadline_exceeded"
        deadline = dict(stage.broker.written(topics.REQUESTS)[0].headers)["x-deadline"]
        submitted = dict(stage.broker.written(topics.REQUESTS)[0].headers)["x-submitted"]
        assert int(deadline) - int(submitted) == 100


# ----------------------------------------------------------------------------------------- order


async def in_order(stage: Stage, first: Waits | None = None) -> list[str]:
    """Three requests of one conversation, the first slow; the ids in the order of the replies."""
    sent = [
        ask(f"turn {number}", routing={"conversation": "c", "ordered": True, **NO_STORE})
        for number in range(3)
    ]
    for request in sent:
        await stage.client.publish(request)
    if first is not None:
        await first.begun.wait()
        await stage.broker.has("llm.tier.economy", 3)
        first.let.set()
    replies = await stage.replies(3)
    assert [reply.id for reply in replies] == [request.id for request in sent]
    return [reply.route.tier for reply in replies]


async def test_a_conversation_is_answered_in_order_although_the_first_call_is_slow() -> None:
    slow = Waits()

    async def script(call: ProviderRequest, emit: Emit | None) -> CallOutcome:
        is_first = "turn 0" in str(call.body.messages)
        return await slow(call, emit) if is_first else answer()

    async with playing({"eco-a": script}) as stage:
        assert await in_order(stage, slow) == ["economy"] * 3


async def test_it_stays_in_order_when_the_first_goes_to_another_tier() -> None:
    async with playing(_first_only(lambda: ContextTooLong(message="too long"))) as stage:
        assert await in_order(stage) == ["standard", "economy", "economy"]
        assert stage.broker.written("llm.tier.standard") == []


async def test_it_stays_in_order_when_the_first_must_wait() -> None:
    limited = [RateLimited(message="slow down", wait_s=0.3)] * 2
    rules = PlanRules(patience_s=0.05, backoff_s=0.01, most_reroutes=0, hedge=False)
    scripts = _first_only(lambda: limited.pop() if limited else answer())
    async with playing(scripts, rules=rules) as stage:
        assert await in_order(stage) == ["economy"] * 3
        assert stage.broker.written("llm.retry.1000") == []


def _first_only(outcome: Callable[[], CallOutcome]) -> dict[str, Script]:
    async def script(call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        return outcome() if "turn 0" in str(call.body.messages) else answer()

    return {"eco-a": script, "eco-b": script}


# ------------------------------------------------------------------------------------ many at once


async def test_three_hundred_requests_on_one_client_are_each_answered() -> None:
    # a busy machine may hedge a call: that is a call more
    async with playing(rules=PlanRules(hedge=False)) as stage:
        sent = [ask(f"question {number}") for number in range(300)]
        replies = await asyncio.gather(
            *(stage.client.submit(request, timeout=60) for request in sent)
        )
        assert [reply.id for reply in replies] == [request.id for request in sent]
        assert all(isinstance(reply, Done) and content(reply.body) == "42" for reply in replies)
        assert len(stage.calls) == 300
        assert len(stage.reports.events) == 300


@pytest.mark.parametrize("past_router", [True, False])
async def test_a_replayed_letter_s_calls_are_booked_beside_those_of_the_first_run(
    past_router: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    crashes = iter([True])

    async def breaks_once(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        if next(crashes, False):
            raise RecursionError
        return answer()

    async with playing({"eco-a": breaks_once}) as stage:
        reply = await stage.client.submit(ask(routing=NO_STORE))
        assert isinstance(reply, Failed)
        (letter,) = await stage.broker.has(topics.DEAD_LETTERS, 1)
        for record in replay_records(letter, past_router=past_router):
            await stage.broker.publish(record)
        _, again = await stage.replies(2)
        assert isinstance(again, Done)
        first, second = await stage.events(2)
        assert second.id == reply.id
        assert first.id.startswith(f"{reply.id}:broke-")
        assert [len(event.attempts) for event in (first, second)] == [1, 1]
        assert second.cost_micro_usd
        assert len(stage.calls) == 2
