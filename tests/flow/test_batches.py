"""Requests that may wait are answered from a provider's batch, whatever happens on the way."""

import asyncio
from collections import Counter
from itertools import groupby
from typing import Any

import pytest

from producers.contract import Done, Failed, UsageEvent, codec, topics
from producers.kafka.broker import Record
from runtime.redis.key_names import joined
from tests.flow.batch_stage import BatchStage, waiting_stage
from tests.flow.stage import ask
from tests.flow.test_billing import WatchedBudgets
from workers.delivery.claims import FinalRecords
from workers.delivery.request_identity import identity_of
from workers.delivery.work_item import read_work_item


async def submit(stage: BatchStage, number: int, **routing: Any) -> list[str]:  # noqa: ANN401
    """Requests that may wait, on their way; their ids."""
    names = [f"r{each}" for each in range(number)]
    for name in names:
        request = ask(f"What is {name}?", routing={"latency": "batch", **routing})
        request = request.model_copy(update={"id": name})
        await stage.stage.client.publish(request)
    return names


async def finals(stage: BatchStage, number: int) -> list[Any]:
    """The final replies, once there are so many."""
    return await stage.stage.replies(number)


@pytest.mark.parametrize("provider", ["openai", "azure", "mistral", "anthropic"])
async def test_a_batch_answers_at_half_price(provider: str) -> None:
    async with waiting_stage(provider, full=7) as stage:
        names = await submit(stage, 7)
        async with stage.batching():
            replies = await finals(stage, 7)
            events = await stage.stage.events(7)
    assert sorted(reply.id for reply in replies) == names
    assert all(isinstance(reply, Done) for reply in replies)
    assert len(stage.batches()) == 1, replies[0].route.reasons
    assert all("may wait" in " ".join(reply.route.reasons) for reply in replies)
    for event in events:
        assert event.cost_micro_usd is not None
        assert event.savings is not None
        assert event.cost_micro_usd * 2 == event.baseline_micro_usd
        assert event.savings.batch == event.cost_micro_usd
    assert max(Counter(stage.paid()).values()) == 1


FEWEST = 100
"""Records that a job of Bedrock needs."""


async def test_bedrocks_job_answers_at_half_price() -> None:
    async with waiting_stage("aws", full=FEWEST) as stage:
        names = await submit(stage, FEWEST)
        async with stage.batching():
            replies = await finals(stage, FEWEST)
            events = await stage.stage.events(FEWEST)
            await stage.stage.broker.until(lambda: all_closed(stage))
    assert {reply.id for reply in replies} == set(names)
    assert all(isinstance(reply, Done) for reply in replies)
    assert len(stage.batches()) == 1
    assert all(event.savings and event.savings.batch == event.cost_micro_usd for event in events)
    assert Counter(stage.paid()) == dict.fromkeys(stage.paid(), 1)
    assert not stage.stage.calls


async def test_fewer_requests_than_bedrock_takes_go_to_their_tier() -> None:
    async with waiting_stage("aws", offer={"oldest_min": 0}) as stage:
        await submit(stage, 3)
        async with stage.batching():
            replies = await finals(stage, 3)
    assert "the provider takes 100 or more" in " ".join(replies[0].route.reasons)
    assert not stage.batches()
    assert len(stage.stage.calls) == 3


async def test_without_a_pool_of_their_tier_they_fail_at_once_and_say_so() -> None:
    async with waiting_stage("aws") as stage:
        stage.unserved["llm.tier.economy"] = "no worker pool serves its zone us now"
        await submit(stage, 3)
        async with stage.batching():
            replies = await finals(stage, 3)
            events = await stage.stage.events(3)
    for reply in replies:
        assert isinstance(reply, Failed)
        assert (reply.code, reply.retryable) == ("providers_exhausted", True)
        assert "can't go back to economy: no worker pool serves its zone us" in reply.message
    assert {event.outcome for event in events} == {"providers_exhausted"}
    assert not stage.stage.broker.written("llm.tier.economy")
    assert not stage.stage.calls


async def test_what_a_batch_was_paid_for_is_in_the_budget_although_nobody_else_answers() -> None:
    async with waiting_stage("openai", full=2, tenants={"t": {"budget_usd_day": 1}}) as stage:
        stage.stage.budgets = budgets = WatchedBudgets()
        stage.unserved["llm.tier.economy"] = "no worker pool serves its zone us now"
        await submit(stage, 2, validators=[{"kind": "contains", "texts": ["never said"]}])
        async with stage.batching():
            replies = await finals(stage, 2)
            events = await stage.stage.events(2)
            await stage.stage.broker.until(lambda: len(budgets.settled) == 2)
    assert {reply.code for reply in replies} == {"providers_exhausted"}
    costs = [event.cost_micro_usd for event in events]
    assert all(costs)
    assert sorted(map(str, budgets.settled)) == sorted(map(str, costs))


@pytest.mark.parametrize("event", ["lost_answer", "expire"])
async def test_bedrocks_job_is_found_again_and_read_in_part(event: str) -> None:
    async with waiting_stage("aws", full=FEWEST) as stage:
        stage.simulator.batches.settings.set({"next": [event], "list_lag_s": 0.1})
        await submit(stage, FEWEST)
        async with stage.batching():
            replies = await finals(stage, FEWEST)
            await stage.stage.broker.until(lambda: all_closed(stage))
    assert all(isinstance(reply, Done) for reply in replies)
    assert len(stage.batches()) == 1
    assert len(stage.paid()) + len(stage.stage.calls) == FEWEST
    assert len(stage.stage.calls) == (FEWEST // 2 if event == "expire" else 0)


STATES = ["formed", "submitting", "submitted", "ended", "closed"]


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("state", STATES)
async def test_whoever_dies_another_goes_on_and_nothing_is_paid_twice(
    state: str,
    written: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    async with waiting_stage("openai", full=6, pace={"submit_s": 0.5}) as stage:
        names = await submit(stage, 6)
        async with stage.batching((state, written)) as log:
            await asyncio.wait_for(log.hung.wait(), 10)
        async with stage.batching():
            replies = await finals(stage, 6)
            await stage.stage.broker.until(lambda: stage.records()[-1].state == "closed")
    assert {reply.id for reply in replies} == set(names)
    assert answers_of(replies) == answers_of(replies[:6])
    assert Counter(stage.paid()) == dict.fromkeys(stage.paid(), 1)


async def test_what_is_settled_again_is_in_the_budget_once() -> None:
    async with waiting_stage("openai", full=2, tenants={"t": {"budget_usd_day": 1}}) as stage:
        stage.stage.budgets = budgets = WatchedBudgets()
        await submit(stage, 2)
        # the second record of that state says how many results were settled
        async with stage.batching(("ended", False), nth=2) as log:
            await asyncio.wait_for(log.hung.wait(), 10)
        assert len(budgets.settled) == 2
        async with stage.batching():
            await stage.stage.broker.until(lambda: stage.records()[-1].state == "closed")
    assert len(budgets.settled) == 2


@pytest.mark.parametrize("event", ["lost_answer", "error_after"])
@pytest.mark.parametrize("provider", ["openai", "mistral", "anthropic"])
async def test_a_creation_without_a_clear_answer_is_looked_up(provider: str, event: str) -> None:
    async with waiting_stage(provider, full=5) as stage:
        stage.simulator.batches.settings.set({"next": [event], "list_lag_s": 0.1})
        await submit(stage, 5)
        async with stage.batching():
            replies = await finals(stage, 5)
    assert all(isinstance(reply, Done) for reply in replies)
    assert len(stage.batches()) == 1


async def test_a_creation_that_never_arrived_is_sent_again() -> None:
    async with waiting_stage("openai") as stage:
        stage.simulator.batches.settings.set({"down": True})
        await submit(stage, 3)
        async with stage.batching():
            await stage.stage.broker.until(lambda: any(one.attempt for one in stage.records()))
            stage.simulator.batches.settings.set({"down": False})
            replies = await finals(stage, 3)
    assert all(isinstance(reply, Done) for reply in replies)
    assert Counter(stage.paid()) == dict.fromkeys(stage.paid(), 1)


@pytest.mark.parametrize("provider", ["openai", "mistral", "anthropic"])
@pytest.mark.parametrize("event", ["expire", "drop_lines", "refuse"])
async def test_what_a_batch_does_not_answer_goes_to_its_tier(provider: str, event: str) -> None:
    if provider == "anthropic" and event == "refuse":
        event = "expire"
    async with waiting_stage(provider, full=20) as stage:
        stage.simulator.batches.settings.set({"next": [event], "item_failures": 0.2})
        names = await submit(stage, 20)
        async with stage.batching():
            replies = await finals(stage, 20)
            await stage.stage.broker.until(lambda: stage.records()[-1].state == "closed")
    assert {reply.id for reply in replies} == set(names)
    assert all(isinstance(reply, Done) for reply in replies)
    assert len(stage.stage.calls) > 0
    assert len(stage.stage.calls) + len(stage.paid()) == 20
    assert len(replies) == 20


@pytest.mark.parametrize("provider", ["openai", "azure", "mistral", "anthropic"])
@pytest.mark.parametrize("event", ["bad_line", "bad_line_untold"])
async def test_a_refused_line_returns_alone(provider: str, event: str) -> None:
    async with waiting_stage(provider, full=20) as stage:
        stage.simulator.batches.settings.set({"next": [event]})
        names = await submit(stage, 20)
        async with stage.batching():
            replies = await finals(stage, 20)
            await stage.stage.broker.until(lambda: all_closed(stage))
    assert {reply.id for reply in replies} == set(names)
    assert all(isinstance(reply, Done) for reply in replies)
    assert len(stage.stage.calls) == 1
    assert Counter(stage.paid()) == dict.fromkeys(stage.paid(), 1)
    assert len(stage.paid()) == 19


@pytest.mark.parametrize("written", [False, True])
async def test_whoever_dies_while_a_refused_batch_is_halved(
    written: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    async with waiting_stage("openai", full=6, pace={"submit_s": 0.5}) as stage:
        stage.simulator.batches.settings.set({"next": ["bad_line_untold"]})
        names = await submit(stage, 6)
        # the second record of this state is the half's
        async with stage.batching(("formed", written), 2) as log:
            await asyncio.wait_for(log.hung.wait(), 10)
        async with stage.batching():
            replies = await finals(stage, 6)
            await stage.stage.broker.until(lambda: all_closed(stage))
    assert {reply.id for reply in replies} == set(names)
    assert len(stage.stage.calls) == 1
    assert Counter(stage.paid()) == dict.fromkeys(stage.paid(), 1)


async def test_a_refused_batch_is_never_taken_for_its_second_sending() -> None:
    async with waiting_stage("openai", full=4) as stage:
        # the second creation is unclear and didn't happen: only the refused batch is listed
        stage.simulator.batches.settings.set({"next": ["queue_full", "lost_request"]})
        await submit(stage, 4)
        async with stage.batching():
            await finals(stage, 4)
            await stage.stage.broker.until(lambda: all_closed(stage))
    names = [name for name, _ in groupby(record.provider_id for record in stage.records())]
    assert names == [None, "batch_1", None, "batch_2"]
    assert Counter(stage.paid()) == dict.fromkeys(stage.paid(), 1)


async def test_a_full_queue_is_waited_for() -> None:
    async with waiting_stage("openai") as stage:
        stage.simulator.batches.settings.set({"next": ["queue_full"]})
        await submit(stage, 4)
        async with stage.batching():
            replies = await finals(stage, 4)
    assert not stage.stage.calls
    assert len(replies) == len(stage.paid()) == 4


async def test_deadlines_are_kept_and_late_answers_are_booked() -> None:
    pace = {"margin_s": 1, "cancel_s": 1}
    waiting = {"short_deadlines": True, "shortest_h": 0.0001}
    policy = {"min_quality": 0.0, "waiting": waiting}
    async with waiting_stage("anthropic", full=4, pace=pace, policy=policy) as stage:
        stage.simulator.batches.settings.set({"seconds": 1.5, "next": ["never"]})
        await submit(stage, 4, deadline_ms=4_000)
        async with stage.batching():
            replies = await finals(stage, 4)
            await stage.stage.broker.until(lambda: stage.records()[-1].state == "closed")
    assert all(isinstance(reply, Done) for reply in replies)
    assert all(reply.timings.total_ms < 4_000 for reply in replies)
    assert stage.batches()[0]["cancelled"]
    returned = stage.stage.broker.written("llm.tier.economy")
    assert {codec.header(record.headers, codec.LATENCY) for record in returned} == {"interactive"}


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_deadlines_are_kept_when_the_results_cannot_be_read(provider: str) -> None:
    policy = {"min_quality": 0.0, "waiting": {"short_deadlines": True, "shortest_h": 0.0001}}
    pace = {"margin_s": 4, "cancel_s": 1}
    tenants = {"t": {"budget_usd_day": 1}}
    parts: dict[str, Any] = {"pace": pace, "policy": policy, "tenants": tenants}
    async with waiting_stage(provider, full=4, **parts) as stage:
        stage.stage.budgets = budgets = WatchedBudgets()  # the batch pool's alone
        stage.simulator.batches.settings.set({"results_down": True})
        await submit(stage, 4, deadline_ms=9_000)
        async with stage.batching():
            replies = await finals(stage, 4)
            stage.simulator.batches.settings.set({"results_down": False})
            await stage.stage.broker.until(lambda: all_closed(stage))
    late = [event.cost_micro_usd for event in await stage.stage.events(8) if event.aside]
    assert len(late) == 4
    assert all(late)
    assert sorted(map(str, budgets.settled)) == sorted(map(str, late))
    assert all(isinstance(reply, Done) for reply in replies)
    assert all(reply.timings.total_ms < 9_000 for reply in replies)
    assert len(stage.stage.calls) == 4


async def test_a_provider_that_hangs_holds_up_its_own_batches_alone() -> None:
    policy = {"min_quality": 0.0, "waiting": {"short_deadlines": True, "shortest_h": 0.0001}}
    pace = {"margin_s": 2, "submit_s": 60}
    async with waiting_stage("openai", full=1, pace=pace, policy=policy) as stage:
        stage.simulator.batches.settings.set({"next": ["hang"]})
        await submit(stage, 3, deadline_ms=7_000)
        async with stage.batching():
            replies = await finals(stage, 3)
    assert all(isinstance(reply, Done) for reply in replies)
    assert all(reply.timings.total_ms < 7_000 for reply in replies)


async def test_a_primer_writes_the_prefix_that_its_batch_reads() -> None:
    system = {"role": "system", "content": "Answer in the house style. " * 400}
    async with waiting_stage("anthropic", full=8) as stage:
        for number in range(8):
            request = ask(f"What is r{number}?", routing={"latency": "batch"})
            body = request.body.model_copy(update={"messages": [system, *request.body.messages]})
            await stage.stage.client.publish(request.model_copy(update={"body": body}))
        async with stage.batching():
            replies = await finals(stage, 8)
            events = await stage.stage.events(8)
    assert all(isinstance(reply, Done) for reply in replies)
    assert [len(batch["lines"]) for batch in stage.batches()] == [1, 7]
    written = [event.usage.cache_write_1h for event in events]
    read = [event.usage.cache_read for event in events]
    assert sum(map(bool, written)) == 1
    assert sum(map(bool, read)) == 7
    assert not stage.stage.calls


async def test_the_same_request_published_twice_is_paid_once() -> None:
    async with waiting_stage("openai", full=4) as stage:
        await submit(stage, 2)
        await submit(stage, 2)
        async with stage.batching():
            await finals(stage, 2)
            await stage.stage.broker.until(lambda: stage.records()[-1].state == "closed")
    assert Counter(stage.paid()) == dict.fromkeys(stage.paid(), 1)


async def test_what_can_no_longer_be_answered_is_in_no_batch() -> None:
    async with waiting_stage("openai", full=1) as stage:
        await submit(stage, 1)
        stage.stage.broker.missing.add(topics.REPLIES)
        async with stage.batching():
            await stage.stage.broker.has(topics.DEAD_LETTERS, 1)
    assert [reason for _, reason in stage.stage.dead_letters()] == ["reply_to_not_allowed"]
    assert stage.records() == []


async def test_the_mark_of_a_batch_that_is_over_keeps_nobody_waiting() -> None:
    async with waiting_stage("openai", full=2) as stage:
        for name in await submit(stage, 2):
            request = ask().model_copy(update={"id": name})
            stage.guard.held[identity_of(request).key] = "a-batch-nobody-knows"
        async with stage.batching():
            replies = await finals(stage, 2)
    assert all(isinstance(reply, Done) for reply in replies)
    assert not stage.stage.calls


async def test_the_cache_answers_before_a_batch_is_formed() -> None:
    async with waiting_stage("openai") as stage:
        await stage.stage.client.submit(ask("What is r0?"))
        await submit(stage, 1)
        async with stage.batching():
            replies = await finals(stage, 2)
    assert replies[1].cache.result == "hit"
    assert not stage.batches()


async def test_an_answer_that_fails_its_checks_goes_to_its_tier() -> None:
    async with waiting_stage("openai") as stage:
        await submit(stage, 2, validators=[{"kind": "contains", "texts": ["42"]}])
        async with stage.batching():
            replies = await finals(stage, 2)
    assert [reply.route.attempts[0].outcome for reply in replies] == ["inadequate"] * 2
    assert len(stage.stage.calls) == 2


async def test_what_goes_to_its_tier_has_its_batchs_answer_in_the_budget() -> None:
    async with waiting_stage("openai", tenants={"t": {"budget_usd_day": 1}}) as stage:
        stage.stage.budgets = budgets = WatchedBudgets()  # the batch pool's alone
        await submit(stage, 2, validators=[{"kind": "contains", "texts": ["42"]}])
        async with stage.batching():
            replies = await finals(stage, 2)
    bought = [reply.route.attempts[0].cost_micro_usd for reply in replies]
    assert all(bought)
    assert sorted(map(str, budgets.settled)) == sorted(map(str, bought))


@pytest.mark.parametrize("same", [True, False], ids=["same request", "another body"])
async def test_an_answer_whose_request_ended_otherwise_is_booked_aside(same: bool) -> None:  # noqa: FBT001
    async with waiting_stage("openai", full=1, tenants={"t": {"budget_usd_day": 1}}) as stage:
        stage.stage.budgets = budgets = WatchedBudgets()  # the batch pool's alone
        # until its ending is there, the results aren't
        stage.simulator.batches.settings.set({"results_down": True})
        await submit(stage, 1)
        async with stage.batching():
            await stage.stage.broker.until(lambda: bool(stage.batches()))
            (record,) = stage.stage.broker.written(topics.batch_topic())
            identity = identity_of(read_work_item(record).request)
            ending = FinalRecords(b'{"type":"failed"}', b"{}")
            idempotency = stage.stage.idempotency
            idempotency.recorded[identity.key] = ending
            idempotency.fingerprints[identity.key] = identity.fingerprint if same else "f"
            stage.simulator.batches.settings.set({"results_down": False})
            await stage.stage.broker.until(lambda: all_closed(stage))
    asides = [event for event in map(event_of, stage.stage.events_written()) if event]
    (aside,) = asides
    assert (aside.id, aside.aside) == ("r0:batch", "batch")
    assert aside.cost_micro_usd
    assert budgets.settled[-1] == aside.cost_micro_usd
    assert sum(filter(None, budgets.settled)) == aside.cost_micro_usd


async def test_strangers_share_one_budget_in_batches_too() -> None:
    tenants = {"t": {}, "*": {"budget_usd_day": 1}}
    async with waiting_stage("openai", full=2, tenants=tenants) as stage:
        stage.stage.budgets = budgets = WatchedBudgets()
        for tenant in ("one", "another"):
            request = ask("What is r0?", routing={"latency": "batch"})
            asked = request.model_copy(update={"id": "r0", "tenant": tenant})
            await stage.stage.client.publish(asked)
        async with stage.batching():
            await finals(stage, 2)
            await stage.stage.broker.until(lambda: len(budgets.settled) == 2)
    assert budgets.places == {("*", joined("one", "r0")), ("*", joined("another", "r0"))}


def event_of(record: Record) -> UsageEvent | None:
    """A usage event; None: the record is none."""
    try:
        return codec.decode_usage(record.value)
    except codec.DecodeError:
        return None


def all_closed(stage: BatchStage) -> bool:
    """Whether each batch is over."""
    last = {record.key: record.state for record in stage.records()}
    return set(last.values()) == {"closed"}


def answers_of(replies: list[Any]) -> dict[str, str]:
    """By id, what was answered; twice and differently fails."""
    answers: dict[str, str] = {}
    for reply in replies:
        text = reply.body["choices"][0]["message"]["content"]
        assert answers.setdefault(reply.id, text) == text
    return answers
