"""Versions of the contract, and a schema registry's ids, as callers may write them."""

import json

import pytest

from producers.contract import Done, Failed, codec, topics
from producers.kafka.broker import Outgoing
from tests.flow.stage import catalog, playing

REQUEST = json.dumps(
    {"id": "r1", "tenant": "t", "body": {"messages": [{"role": "user", "content": "Hi"}]}}
).encode()


@pytest.mark.parametrize("version", ["switchgear/1", "switchgear/2", None])
async def test_every_known_version_is_served(version: str | None) -> None:
    async with playing() as stage:
        await stage.send(REQUEST, x_schema=version)
        (reply,) = await stage.replies()
        assert isinstance(reply, Done)


async def test_another_version_is_kept_and_refused_before_it_costs() -> None:
    async with playing() as stage:
        await stage.send(REQUEST, x_schema="switchgear/99")
        (reply,) = await stage.replies()
        assert isinstance(reply, Failed)
        assert (reply.id, reply.code, reply.retryable) == ("r1", "invalid_request", False)
        assert "x-schema: the record says 'switchgear/99'" in reply.message
        assert stage.dead_letters() == [(REQUEST, "invalid_request")]
        assert stage.calls == []


async def test_a_worker_refuses_what_a_router_of_a_later_version_tagged() -> None:
    async with playing() as stage:
        await stage.send(REQUEST)
        (tagged,) = await stage.broker.has("llm.tier.economy", 1)
        await stage.replies()
        headers = [pair for pair in tagged.headers if pair[0] != codec.SCHEMA_HEADER]
        later = [*headers, (codec.SCHEMA_HEADER, b"switchgear/3")]
        await stage.broker.publish(Outgoing("llm.tier.economy", tagged.value, b"k", later))
        _, reply = await stage.replies(2)
        assert isinstance(reply, Failed)
        assert "x-schema" in reply.message
        assert len(stage.calls) == 1


@pytest.mark.parametrize("prefix", [b"\x00\x00\x00\x00\x2a", b"\x01" + bytes(range(16))])
async def test_a_registrys_id_is_taken_off_where_the_operator_allows_it(prefix: bytes) -> None:
    async with playing(catalog=catalog(contract={"wire_format": "confluent"})) as stage:
        await stage.send(prefix + REQUEST)
        (reply,) = await stage.replies()
        assert isinstance(reply, Done)
        (tagged,) = await stage.broker.has("llm.tier.economy", 1)
        assert codec.decode_tagged(tagged.value).request.id == "r1"


async def test_a_registrys_id_is_refused_where_nobody_allowed_it() -> None:
    async with playing() as stage:
        await stage.send(b"\x00\x00\x00\x00\x2a" + REQUEST)
        (reply,) = await stage.replies()
        assert isinstance(reply, Failed)
        assert "contract.wire_format: confluent" in reply.message
        assert stage.calls == []


async def test_a_registrys_id_in_a_header_travels_on_like_any_header() -> None:
    async with playing() as stage:
        pair = ("__value_schema_id", b"\x01" + bytes(range(16)))
        await stage.broker.publish(Outgoing(topics.REQUESTS, REQUEST, b"r1", [pair]))
        (reply,) = await stage.replies()
        assert isinstance(reply, Done)
        (tagged,) = await stage.broker.has("llm.tier.economy", 1)
        assert pair in list(tagged.headers)
