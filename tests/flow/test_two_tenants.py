"""Two tenants whose requests, conversations and words are called alike: does anything cross?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers import Done, Failed, RouterClient
from producers.contract import Request, codec, topics
from producers.contract.message import NAME_PATTERN
from producers.inbox import Waiting
from producers.kafka.broker import Outgoing, Partition, Record
from producers.settings import ClientSettings
from runtime.identity.record_guard import RecordGuard
from runtime.identity.record_signature import RecordSigner
from tests.fakes import answer
from tests.flow.stage import Stage, ask, catalog, playing
from workers.delivery.request_identity import identity_of
from workers.providers.base.call_outcome import CallOutcome, Overloaded, ServerError
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

TENANTS: dict[str, object] = {"acme": {}, "globex": {}, "t": {}}


async def echo(call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
    """What was asked comes back."""
    return answer(f"to {call.body.messages[-1]['content']}")


def job(tenant: str, request_id: str = "job-1", **routing: object) -> Request:
    request = ask(f"{tenant}'s secret", tenant=tenant, routing=routing)
    return request.model_copy(update={"id": request_id})


def said(reply: object) -> str:
    assert isinstance(reply, Done), reply
    return str(reply.body["choices"][0]["message"]["content"])


@asynccontextmanager
async def two_clients(stage: Stage) -> AsyncIterator[dict[str, RouterClient]]:
    """On one reply topic, as it is by default; both read all of it."""
    told = ClientSettings(timeout_s=10, reply_partition="all")
    clients = {tenant: RouterClient(stage.broker, told) for tenant in ("acme", "globex")}
    async with clients["acme"].listening(), clients["globex"].listening():
        yield clients


@asynccontextmanager
async def echoing(**parts: object) -> AsyncIterator[Stage]:
    scripts = dict.fromkeys(("eco-a", "eco-b", "std"), echo)
    async with playing(scripts, catalog=catalog(tenants=TENANTS), **parts) as stage:
        yield stage


async def test_one_id_of_two_tenants_is_two_requests_for_everybody() -> None:
    async with echoing() as stage, two_clients(stage) as clients:
        replies = await asyncio.gather(
            *(client.submit(job(tenant)) for tenant, client in clients.items())
        )
        assert [said(reply) for reply in replies] == ["to acme's secret", "to globex's secret"]
        events = await stage.events(2)
        assert sorted(event.tenant for event in events) == ["acme", "globex"]
        # and again: each gets its own recorded answer
        again = [said(await client.submit(job(tenant))) for tenant, client in clients.items()]
        assert again == ["to acme's secret", "to globex's secret"]
        assert len(stage.called()) == 2


async def test_one_client_may_wait_for_both() -> None:
    async with echoing() as stage:
        both = await asyncio.gather(*(stage.client.submit(job(t)) for t in ("acme", "globex")))
        assert [said(reply) for reply in both] == ["to acme's secret", "to globex's secret"]
        with pytest.raises(ValueError, match="under way"):
            await asyncio.gather(*(stage.client.submit(job("acme", "two")) for _ in range(2)))


async def test_a_consumer_of_replies_sees_both() -> None:
    async with echoing() as stage:
        for tenant in ("acme", "globex"):
            await stage.client.publish(job(tenant))
        found: set[str] = set()
        async for reply in stage.client.replies(group="bulk"):
            found.add(said(reply))
            if len(found) == 2:
                break
        assert found == {"to acme's secret", "to globex's secret"}


async def test_conversations_of_one_name_do_not_wait_for_each_other() -> None:
    held = asyncio.Event()

    async def slow_for_acme(call: ProviderRequest, emit: Emit | None) -> CallOutcome:
        if "acme" in str(call.body.messages):
            await held.wait()
        return await echo(call, emit)

    scripts = dict.fromkeys(("eco-a", "eco-b"), slow_for_acme)
    async with playing(scripts, catalog=catalog(tenants=TENANTS)) as stage:
        ordered: dict[str, Any] = {"conversation": "c-1", "ordered": True}
        waiting = asyncio.create_task(stage.client.submit(job("acme", **ordered)))
        await stage.broker.until(lambda: len(stage.calls) == 1)
        assert said(await stage.client.submit(job("globex", **ordered))) == "to globex's secret"
        held.set()
        assert said(await waiting) == "to acme's secret"


async def test_a_cancellation_of_one_leaves_the_others_request() -> None:
    async with echoing() as stage, two_clients(stage) as clients:
        await clients["globex"].cancel("job-1", tenant="globex")
        assert said(await clients["acme"].submit(job("acme"))) == "to acme's secret"
        cancelled = await clients["globex"].submit(job("globex"))
        assert isinstance(cancelled, Failed)
        assert cancelled.code == "cancelled"


async def test_a_reply_in_anothers_name_reaches_nobody() -> None:
    """What a tenant's own, lawful request brings back is no other's reply."""
    async with echoing() as stage, two_clients(stage) as clients:
        victim = asyncio.create_task(clients["acme"].submit(job("acme", "known-id")))
        await stage.broker.has(topics.REQUESTS, 1)
        forged = codec.to_headers({codec.TENANT_HEADER: "globex"})
        value = codec.encode(
            Failed(id="known-id", code="internal_error", message="x", retryable=False)
        )
        await stage.broker.publish(Outgoing(topics.REPLIES, value, b"known-id", forged))
        assert said(await victim) == "to acme's secret"


async def test_a_refusal_that_anybody_can_cause_ends_no_others_request() -> None:
    """An unproven record with a known id is told `forbidden`; the id's owner goes on waiting."""
    signer = RecordSigner(["k" * 32])
    own = [topics.tenant_topic(topics.REQUESTS, tenant) for tenant in TENANTS]
    async with echoing(
        guard=RecordGuard("topic", signer),
        signer=signer,
        request_topics=(topics.REQUESTS, *own),
    ) as stage:
        told = ClientSettings(timeout_s=10, reply_partition="all", tenant_topics=True)
        client = RouterClient(stage.broker, told)
        async with client.listening():
            headers = codec.to_headers({codec.CORRELATION_ID: "known-id"})
            request = codec.encode_request(job("acme", "known-id"))
            attack = Outgoing(topics.REQUESTS, request, b"k", headers)
            victim = asyncio.create_task(client.submit(job("acme", "known-id")))
            for _ in range(3):
                await stage.broker.publish(attack)
            assert said(await victim) == "to acme's secret"
            await stage.broker.has(topics.REPLIES, 4)


NAMES = st.from_regex(NAME_PATTERN, fullmatch=True).filter(lambda name: len(name) <= 200)
PAIRS = st.tuples(NAMES, NAMES)


@settings(max_examples=100)
@given(PAIRS, PAIRS)
def test_no_two_requests_have_one_key(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert (key_of(*first) == key_of(*second)) == (first == second)


@settings(max_examples=60)
@given(st.text("ab:@/", min_size=2, max_size=8), st.data())
def test_no_other_cut_of_the_same_characters_has_the_key(text: str, data: st.DataObject) -> None:
    cuts = [(text[:at], text[at:]) for at in range(1, len(text))]
    first, second = data.draw(st.sampled_from(cuts)), data.draw(st.sampled_from(cuts))
    assert (key_of(*first) == key_of(*second)) == (first == second)


def key_of(tenant: str, request_id: str) -> str:
    return identity_of(job("t").model_copy(update={"tenant": tenant, "id": request_id})).key


def test_a_record_without_a_tenant_is_for_the_only_one_who_waits() -> None:
    """As workers of the first version write a failure."""
    waiting = Waiting("n")
    waiting.open("acme", "r")
    both = Waiting("n")
    both.open("acme", "r")
    both.open("globex", "r")
    failed = Failed(id="r", code="internal_error", message="x", retryable=False)
    record = Record(Partition("t", 0), 0, b"r", codec.encode(failed), (), 0)
    for inboxes, number in ((waiting, 1), (both, 0)):
        inboxes.receive(record)
        found = inboxes._inboxes[b"r"]["acme"]  # noqa: SLF001 what has arrived can't be seen otherwise
        assert len(found._parts) == number  # noqa: SLF001


@pytest.mark.parametrize(
    "fault",
    [ServerError(message="m", status=500), Overloaded(message="m", status=503, wait_s=60)],
)
async def test_requests_that_break_a_provider_take_it_from_no_other_tenant(
    fault: CallOutcome,
) -> None:
    async def breakable(call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        return fault if "break" in str(call.body.messages[-1]["content"]) else answer("42")

    async with playing({"eco-a": breakable}, catalog=catalog(tenants=TENANTS)) as stage:
        for number in range(10):
            for same in ("break", f"break {number}"):
                reply = await stage.client.submit(ask(same, tenant="acme"))
                assert isinstance(reply, Done)
        assert len(stage.called()) < 40  # acme itself is kept away from what it breaks
        for number in range(3):
            reply = await stage.client.submit(ask(f"honest {number}", tenant="globex"))
            assert isinstance(reply, Done)
            assert reply.route.deployment == "eco-a"
