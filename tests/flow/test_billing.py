"""Every attempt is in the account and in the budget's settlement, however its request ends."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest

from producers.contract import Attempt, Done, Failed, Request, Usage, topics
from runtime import limits
from runtime.budgets.reservations import BatchCharge, BudgetLedger, Reservation
from runtime.config.catalog import Catalog, Tenant
from runtime.config.pricing import billed
from runtime.limit import Limit
from tests.fakes import Script, Waits, answer, fails
from tests.flow.stage import Stage, ask, catalog, playing
from workers.planning.request_state import PlanRules
from workers.providers.base.call_outcome import CallOutcome, RateLimited, ServerError
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

PATIENT = PlanRules(hedge=False, backoff_s=0.01)
BROKEN = ServerError(message="it broke", status=500, usage=Usage(input_uncached=7))
"""Seven micro-dollars in vain, at the stage's prices."""


class WatchedBudgets(BudgetLedger):
    """Budgets of one process that remember what each reservation was settled with."""

    def __init__(self) -> None:
        super().__init__(partial(datetime.now, UTC), None)
        self.settled: list[Decimal | None] = []
        self.places: set[tuple[str, str]] = set()

    async def settle_reservation(self, reservation: Reservation, cost: Decimal | None) -> None:
        """As the ledger's."""
        self.settled.append(cost)
        self.places.add((reservation.tenant, reservation.request))
        await super().settle_reservation(reservation, cost)

    async def charge(
        self,
        name: str,
        tenant: Tenant,
        tags: Mapping[str, str],
        charge: BatchCharge,
        cost: Decimal | None,
    ) -> None:
        """As the ledger's."""
        if charge not in self._charges:
            self.settled.append(cost)
            self.places.add((name, charge.gives_back))
        await super().charge(name, tenant, tags, charge, cost)


def with_budget() -> Catalog:
    """The stage's catalog; its tenant has a budget that is never spent."""
    return catalog(tenants={"t": {"budget_usd_day": 1}})


def outcomes(attempts: tuple[Attempt, ...]) -> list[tuple[str, str]]:
    """(deployment, how it ended) of each."""
    return [(attempt.deployment, attempt.outcome) for attempt in attempts]


async def test_cancelled_in_its_second_call_a_request_is_charged_for_both() -> None:
    waits, budgets = Waits(first="x" * 400), WatchedBudgets()
    scripts: dict[str, Script] = {"eco-a": fails(BROKEN), "eco-b": waits}
    async with playing(scripts, catalog=with_budget(), budgets=budgets, rules=PATIENT) as stage:
        sent = ask(stream=True)
        going = asyncio.create_task(_last(stage, sent))
        await waits.begun.wait()
        await stage.client.cancel(sent.id, tenant=sent.tenant)
        failed = await going
        assert failed.code == "cancelled"
        (event,) = await stage.events()
        assert outcomes(event.attempts) == [("eco-a", "ServerError"), ("eco-b", "cancelled")]
        assert failed.attempts == event.attempts
        first, cut = event.attempts
        assert first.cost_micro_usd == 7
        assert cut.usage is not None
        assert cut.usage.output == 100
        assert event.cost_micro_usd == billed(event.attempts)
        assert budgets.settled == [event.cost_micro_usd]


async def test_a_crash_in_the_second_call_is_settled_with_both() -> None:
    budgets = WatchedBudgets()

    async def crashes(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        raise RuntimeError("a bug")

    scripts: dict[str, Script] = {"eco-a": fails(BROKEN), "eco-b": crashes}
    async with playing(scripts, catalog=with_budget(), budgets=budgets, rules=PATIENT) as stage:
        reply = await stage.client.submit(ask())
        assert isinstance(reply, Failed)
        assert reply.code == "internal_error"
        await stage.broker.has(topics.DEAD_LETTERS, 1)
        (settled,) = budgets.settled
        assert settled is not None
        assert settled > 7
        (event,) = await stage.events()
        assert event.outcome == "internal_error"
        assert outcomes(event.attempts) == [("eco-a", "ServerError"), ("eco-b", "cancelled")]
        assert event.cost_micro_usd == settled


async def test_an_answer_without_a_message_fails_its_checks_and_is_paid_for() -> None:
    budgets = WatchedBudgets()

    async def nonsense(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        return replace(answer(), body={"choices": ["no choice"]})

    checks = {"validators": [{"kind": "max_length", "characters": 10}]}
    scripts = {"eco-a": nonsense}
    async with playing(scripts, catalog=with_budget(), budgets=budgets, rules=PATIENT) as stage:
        reply = await stage.client.submit(ask(routing=checks))
        assert isinstance(reply, Done)
        (event,) = await stage.events()
        assert outcomes(event.attempts) == [
            ("eco-a", "inadequate"),
            ("eco-a", "inadequate"),
            ("std", "ok"),
        ]
        assert event.cost_micro_usd == 40 + 200
        # the worker that made the first two settled them, the next tier's the third
        assert budgets.settled == [40, 200]


@dataclass
class Refusals:
    """A provider that is busy a few times, and bills its refusals all the same."""

    left: int
    names: list[str] = field(default_factory=list)

    async def __call__(self, call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        """Then it answers."""
        self.names.append(call.deployment.provider)
        if self.left == 0:
            return answer()
        self.left -= 1
        return RateLimited(message="slow down", wait_s=0.3, usage=Usage(input_uncached=1))


async def test_what_was_called_before_a_delay_and_in_another_tier_is_in_one_account() -> None:
    """In order, so the request stays with its worker: one reservation for all its tries."""
    budgets, refusals = WatchedBudgets(), Refusals(4)
    rules = PlanRules(patience_s=0.05, backoff_s=0.01, attempts=3, hedge=False)
    routing = {"conversation": "c", "ordered": True, "latency": "batch"}
    scripts = dict.fromkeys(["eco-a", "eco-b", "std"], refusals)
    async with playing(scripts, catalog=with_budget(), budgets=budgets, rules=rules) as stage:
        await stage.client.submit(ask(routing=routing))
        (event,) = await stage.events()
        assert [attempt.outcome for attempt in event.attempts] == ["RateLimited"] * 4 + ["ok"]
        assert set(refusals.names[:3]) == {"a", "b"}
        assert refusals.names[3:] == ["c", "c"]
        assert event.cost_micro_usd == billed(event.attempts)
        assert budgets.settled == [event.cost_micro_usd]


async def _last(stage: Stage, sent: Request) -> Failed:
    parts = [part async for part in stage.client.stream(sent)]
    assert isinstance(parts[-1], Failed)
    return parts[-1]


@pytest.mark.parametrize(("text", "limit"), [("x", limits.ANSWER), (",", limits.REPLY_MARKS)])
async def test_an_answer_that_no_reply_holds_is_booked_and_told_and_kept_nowhere(
    text: str, limit: Limit
) -> None:
    scripts: dict[str, Script] = {"eco-a": fails(answer(text * limit.value, tokens=9))}
    async with playing(scripts, rules=PATIENT) as stage:
        failed = await stage.client.submit(ask())
        assert isinstance(failed, Failed)
        assert failed.code == "answer_too_large"
        assert not failed.retryable
        assert limit.name in failed.message
        (event,) = await stage.events()
        assert event.outcome == "answer_too_large"
        assert [attempt.deployment for attempt in event.attempts] == ["eco-a"]
        assert event.attempts[0].cost_micro_usd
        assert all(len(record.reply) < 10_000 for record in stage.idempotency.recorded.values())
        assert not stage.broker.written(topics.DEAD_LETTERS)


async def test_the_largest_answer_is_delivered() -> None:
    text = "x" * (limits.ANSWER.value - 10_000)
    async with playing({"eco-a": fails(answer(text))}, rules=PATIENT) as stage:
        done = await stage.client.submit(ask())
        assert isinstance(done, Done)
