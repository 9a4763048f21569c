"""Cells: what doesn't belong to the zone of a process leaves no word of its content there."""

import json
from typing import Any

import pytest

from producers import RouterClient, WrongZoneError
from producers.contract import Demands, Done, Failed, Route, TaggedRequest, codec, topics
from producers.contract.attempt import Attempt
from producers.contract.codec import to_headers
from producers.kafka.broker import Outgoing
from producers.settings import ClientSettings
from tests.flow.stage import Stage, ask, catalog, playing

PLANTED = "the secret of the ostrich"
EU = {"residency": ["eu"]}


def eu_tenant() -> Any:  # noqa: ANN401
    return catalog(tenants={"t": {"residency": ["eu"]}})


def written_elsewhere(stage: Stage, *, than: str) -> str:
    """All that every other topic has, keys and headers too."""
    records = [
        record for topic in stage.broker.topics() if topic != than
        for record in stage.broker.written(topic)
    ]  # fmt: skip
    return repr(records)


def value(routing: object = EU, **changes: object) -> bytes:
    body = {"messages": [{"role": "user", "content": PLANTED}]}
    told = {"id": "r1", "tenant": "t", "body": body, "routing": routing, **changes}
    return json.dumps(told).encode()


async def refused(stage: Stage, *, on: str = topics.REQUESTS, code: str = "wrong_zone") -> None:
    (reply,) = await stage.replies()
    (letter,) = await stage.broker.has(topics.DEAD_LETTERS, 1)
    assert isinstance(reply, Failed)
    assert reply.code == code
    assert PLANTED not in written_elsewhere(stage, than=on)
    assert PLANTED not in stage.seen.text()
    assert letter.value == b""
    assert {name for name, _ in letter.headers} >= {"x-dlq-reason", "x-dlq-topic", "x-dlq-offset"}
    assert stage.calls == []
    assert stage.events_written() == []


async def test_the_client_publishes_nothing_that_another_zone_must_keep() -> None:
    async with playing() as stage:
        client = RouterClient(stage.broker, ClientSettings(zone="us"))
        with pytest.raises(WrongZoneError, match="excludes this cell, us"):
            await client.submit(ask(PLANTED, routing=EU))
        with pytest.raises(WrongZoneError):
            await client.publish(ask(PLANTED, routing=EU))
        assert stage.broker.written(topics.REQUESTS) == []


async def test_a_clients_own_residency_holds_for_all_that_it_sends() -> None:
    async with playing() as stage:
        away = RouterClient(stage.broker, ClientSettings(zone="us", residency=("eu",)))
        with pytest.raises(WrongZoneError, match="excludes this cell"):
            await away.submit(ask(PLANTED))
        here = RouterClient(stage.broker, ClientSettings(residency=("us", "eu")))
        with pytest.raises(WrongZoneError, match="exclude each other"):
            await here.submit(ask(PLANTED, routing={"residency": ["apac"]}))
        async with here.listening():
            assert isinstance(await here.submit(ask("hello")), Done)
        (record,) = stage.broker.written(topics.REQUESTS)
        assert codec.decode_request(record.value).routing.residency == ("us", "eu")


@pytest.mark.parametrize("routing", [{"residency": ["us"]}, {"residency": ["eu", "us"]}, {}])
async def test_what_belongs_to_the_cell_is_served(routing: dict[str, Any]) -> None:
    async with playing(zone="us") as stage:
        assert isinstance(await stage.client.submit(ask(routing=routing)), Done)


async def test_the_router_refuses_what_slipped_through() -> None:
    async with playing(zone="us") as stage:
        await stage.send(value(), correlation_id="r1", x_note=PLANTED)
        await refused(stage)


async def test_self_hosting_lifts_no_residency() -> None:
    async with playing(zone="us") as stage:
        await stage.send(value(EU | {"self_hosted_only": True}), correlation_id="r1")
        await refused(stage)


async def test_a_tenants_residency_binds_what_says_nothing() -> None:
    async with playing(catalog=eu_tenant(), zone="us") as stage:
        await stage.send(value({}), correlation_id="r1")
        await refused(stage)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(value(body={"messages": PLANTED}), "wrong_zone", id="a field is wrong"),
        pytest.param(value(extra=PLANTED * 40_000), "wrong_zone", id="too large"),
        pytest.param(value()[:-1], "invalid_request", id="cut"),
        pytest.param(PLANTED.encode(), "invalid_request", id="no JSON"),
        pytest.param(value({"residency": PLANTED}), "invalid_request", id="no list of zones"),
        pytest.param(value([PLANTED]), "invalid_request", id="no object of demands"),
    ],
)
async def test_what_cannot_be_read_leaves_its_envelope_only(raw: bytes, code: str) -> None:
    async with playing(zone="us") as stage:
        await stage.send(raw, correlation_id="r1")
        await refused(stage, code=code)


async def test_an_unreadable_record_that_belongs_here_is_kept_whole() -> None:
    async with playing(zone="us") as stage:
        raw = value({"residency": ["us"]}, body={"messages": PLANTED})
        await stage.send(raw, correlation_id="r1")
        await stage.replies()
        assert stage.dead_letters() == [(raw, "invalid_request")]


def tagged(routing: dict[str, Any], zones: tuple[str, ...] | None, *attempts: Attempt) -> bytes:
    route = Route(tier="economy", demands=Demands(zones=zones), task=None)
    return codec.encode(
        TaggedRequest(
            route=route, request=ask(PLANTED, id="r1", routing=routing), attempts=attempts
        )
    )


@pytest.mark.parametrize(
    ("routing", "zones"),
    [
        pytest.param({}, ("eu",), id="by the router's demands"),
        pytest.param(EU, None, id="by the request, past the router"),
    ],
)
@pytest.mark.parametrize("queue", ["llm.tier.economy", "llm.tier.economy.us", "llm.retry.1000"])
async def test_a_worker_refuses_what_slipped_through(
    routing: dict[str, Any], zones: tuple[str, ...] | None, queue: str
) -> None:
    async with playing(zone="us") as stage:
        headers = to_headers({"correlation_id": "r1", "x-target": "llm.tier.economy"})
        await stage.broker.publish(Outgoing(queue, tagged(routing, zones), b"r1", headers))
        await refused(stage, on=queue)


async def test_earlier_calls_of_a_refused_request_are_booked_without_its_words() -> None:
    called = Attempt(deployment="eco-a", outcome="overloaded", cost_micro_usd=7)
    async with playing(zone="us") as stage:
        routing = EU | {"tags": {"team": PLANTED}}
        headers = to_headers({"correlation_id": "r1"})
        raw = tagged(routing, ("eu",), called)
        await stage.broker.publish(Outgoing("llm.tier.economy", raw, b"r1", headers))
        (event,) = await stage.events()
        assert event.attempts == (called,)
        assert event.tags == {}
        assert PLANTED not in written_elsewhere(stage, than="llm.tier.economy")


async def test_a_request_bound_to_a_zone_without_a_pool_is_refused_at_once() -> None:
    away = {f"llm.tier.{tier}.us": "nobody" for tier in catalog().tiers}
    async with playing(unserved=away) as s:
        reply = await s.client.submit(ask(PLANTED, routing={"residency": ["us"]}))
        assert isinstance(reply, Failed)
        assert reply.code == "overloaded"
        assert reply.retryable
        assert reply.retry_after_s
        assert "economy: nobody" in reply.message
        assert isinstance(await s.client.submit(ask("hello")), Done)


async def test_another_zone_that_the_residency_allows_serves_in_its_place() -> None:
    base = catalog()
    moved = base.deployments["eco-b"].model_copy(update={"zone": "eu"})
    two = base.model_copy(update={"deployments": {**base.deployments, "eco-b": moved}})
    async with playing(catalog=two, unserved={"llm.tier.economy.us": "nobody"}) as stage:
        reply = await stage.client.submit(ask(routing={"residency": ["us", "eu"]}))
        assert isinstance(reply, Done)
        assert len(stage.broker.written("llm.tier.economy.eu")) == 1


async def test_a_tier_whose_queue_is_not_there_leaves_the_others() -> None:
    async with playing(unserved={"llm.tier.economy": "not there"}) as stage:
        reply = await stage.client.submit(ask())
        assert isinstance(reply, Done)
        assert reply.route.tier == "standard"
