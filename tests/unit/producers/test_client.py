import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from producers import (
    Chunk,
    ClientOverloadedError,
    ClientSettings,
    Failed,
    ReplyTimeoutError,
    ReplyTopicError,
    Request,
    RequestTooLargeError,
    RouterClient,
    chat,
)
from producers.contract import codec, topics
from producers.kafka.broker import Outgoing, PublishFailedError
from tests.memory_broker import MemoryBroker


def ask(text: str = "hello", **fields: object) -> Request:
    return chat(text, tenant="t", **fields)


def failed(identifier: str) -> Failed:
    return Failed(id=identifier, code="overloaded", message="", retryable=True)


@asynccontextmanager
async def connected(**settings: object) -> AsyncIterator[tuple[RouterClient, MemoryBroker]]:
    broker = MemoryBroker()
    values = {"reply_partition": "all", **settings}
    async with RouterClient(broker, ClientSettings.model_validate(values)).listening() as client:
        yield client, broker


async def reply(broker: MemoryBroker, *parts: Chunk | Failed) -> None:
    for part in parts:
        await broker.publish(Outgoing(topics.REPLIES, codec.encode(part), part.id.encode()))


async def test_what_is_published_is_the_contract() -> None:
    async with connected() as (client, broker):
        request = ask(routing={"conversation": "c", "ordered": True})
        await client.publish(request, reply_to="llm.replies.mine")
        (record,) = broker.written(topics.REQUESTS)
        assert codec.decode_request(record.value) == request
        assert record.key == b"c"
        headers = dict(record.headers)
        assert headers["correlation_id"] == request.id.encode()
        assert headers["reply_to"] == b"llm.replies.mine"
        assert headers["x-sequence"] == b"c"
        assert "x-deadline" not in headers


async def test_the_requests_own_deadline_goes_before_the_timeout() -> None:
    async with connected() as (client, broker):
        with pytest.raises(ReplyTimeoutError):
            await client.submit(ask(routing={"deadline_ms": 70_000}), timeout=0.01)
        headers = dict(broker.written(topics.REQUESTS)[0].headers)
        assert int(headers["x-deadline"]) - int(headers["x-submitted"]) == 70_000


async def test_five_thousand_requests_are_in_flight_at_once() -> None:
    async with connected() as (client, broker):
        sent = [ask() for _ in range(5000)]
        waiting = [asyncio.create_task(client.submit(request)) for request in sent]
        await broker.has(topics.REQUESTS, 5000)
        for request in reversed(sent):
            await reply(broker, failed(request.id))
        replies = await asyncio.gather(*waiting)
        assert [one.id for one in replies] == [request.id for request in sent]


async def test_one_more_than_it_may_is_refused_at_once_and_later_accepted() -> None:
    async with connected(max_in_flight=1) as (client, broker):
        first = ask()
        waiting = asyncio.create_task(client.submit(first))
        await broker.has(topics.REQUESTS, 1)
        for refused in (client.submit(ask()), client.publish(ask())):
            with pytest.raises(ClientOverloadedError, match="1 requests are under way"):
                await refused
        await reply(broker, failed(first.id))
        await waiting
        await client.publish(ask())


async def test_too_large_is_told_before_it_is_sent() -> None:
    async with connected() as (client, broker):
        with pytest.raises(RequestTooLargeError, match="at most 1,000,000"):
            await client.submit(ask("x" * 1_000_000))
        assert broker.written(topics.REQUESTS) == []


async def test_one_id_twice_at_a_time_is_a_mistake() -> None:
    async with connected() as (client, broker):
        request = ask()
        waiting = asyncio.create_task(client.submit(request))
        await broker.has(topics.REQUESTS, 1)
        with pytest.raises(ValueError, match="already under way"):
            await client.submit(request)
        await reply(broker, failed(request.id))
        assert (await waiting).id == request.id


async def test_a_caller_that_gives_up_leaves_nothing_behind() -> None:
    async with connected(max_in_flight=1) as (client, broker):
        waiting = asyncio.create_task(client.submit(ask()))
        await broker.has(topics.REQUESTS, 1)
        waiting.cancel()
        await asyncio.wait({waiting})
        await client.publish(ask())


async def test_a_broker_that_does_not_take_it_is_told_as_what_it_is() -> None:
    async with connected() as (client, broker):
        broker.refuse(topics.REQUESTS, None)
        with pytest.raises(PublishFailedError):
            await client.submit(ask())


async def test_cancelling_names_the_request() -> None:
    async with connected() as (client, broker):
        await client.cancel("r7", tenant="t")
        (record,) = broker.written(topics.CANCELLATIONS)
        assert record.key == b"r7"
        assert record.headers == (("x-tenant", b"t"),)


async def test_replies_of_others_and_late_ones_are_skipped() -> None:
    async with connected() as (client, broker):
        request = ask()
        waiting = asyncio.create_task(client.submit(request))
        await broker.has(topics.REQUESTS, 1)
        await broker.publish(Outgoing(topics.REPLIES, b"poison", b"somebody-else"))
        await reply(broker, failed("another"), failed(request.id), failed(request.id))
        assert (await waiting).id == request.id


async def test_a_stream_hears_each_chunk_once_and_starts_over_with_a_new_run() -> None:
    def chunk(run: int, seq: int) -> Chunk:
        return Chunk(id=request.id, run=run, seq=seq, delta={"content": f"{run}{seq}"})

    async with connected() as (client, broker):
        request = ask(stream=True)
        parts = client.stream(request)
        heard: list[object] = []

        async def hear() -> None:
            heard.extend([part async for part in parts])

        hearing = asyncio.create_task(hear())
        await broker.has(topics.REQUESTS, 1)
        again = [chunk(1, 0), chunk(1, 0), chunk(1, 1), chunk(2, 0), chunk(1, 2), chunk(2, 1)]
        await reply(broker, *again, failed(request.id))
        await hearing
        texts = [part.delta["content"] for part in heard if isinstance(part, Chunk)]
        assert texts == ["10", "11", "20", "21"]
        assert isinstance(heard[-1], Failed)


async def test_a_reply_stream_skips_poison_drops_what_comes_twice_and_commits() -> None:
    async with connected() as (client, broker):
        await reply(broker, failed("a"), failed("b"))
        await broker.publish(Outgoing(topics.REPLIES, b"poison", b"x"))
        await broker.publish(Outgoing(topics.REPLIES, json.dumps({"type": "done"}).encode(), b"y"))
        await reply(broker, failed("a"), failed("c"))
        stream = client.replies(group="g")
        heard = {(await anext(stream)).id for _ in range(3)}
        assert heard == {"a", "b", "c"}
        await reply(broker, failed("d"))
        assert (await anext(stream)).id == "d"
        assert sum(broker.committed("g").values()) == 6
        await stream.aclose()  # type: ignore[attr-defined]


def test_chat_takes_text_or_messages_and_any_parameter() -> None:
    text = ask("hi", max_tokens=5, top_p=0.5)
    assert text.body.messages == [{"role": "user", "content": "hi"}]
    assert text.body.model_extra == {"top_p": 0.5}
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    assert chat(messages, tenant="t").body.messages == messages
    assert ask().id != ask().id


async def test_each_client_is_answered_on_a_partition_of_its_own() -> None:
    async with connected(reply_partition=2) as (client, broker):
        waiting = asyncio.create_task(client.submit(ask()))
        (record,) = await broker.has(topics.REQUESTS, 1)
        assert dict(record.headers)["x-reply-partition"] == b"2"
        sent = failed(codec.decode_request(record.value).id)
        value, key = codec.encode(sent), sent.id.encode()
        elsewhere = sent.model_copy(update={"message": "elsewhere"})
        await broker.publish(
            Outgoing(topics.REPLIES, codec.encode(elsewhere), key, partition=1),
            Outgoing(topics.REPLIES, value, key, partition=2),
        )
        assert await waiting == sent


async def test_without_a_choice_the_partition_is_one_that_there_is() -> None:
    async with connected(reply_partition="own") as (client, broker):
        with pytest.raises(ReplyTimeoutError):
            await client.submit(ask(), timeout=0.01)
        headers = dict(broker.written(topics.REQUESTS)[0].headers)
        assert 0 <= int(headers["x-reply-partition"]) < broker.partitions


async def test_all_partitions_are_read_and_none_is_asked_for() -> None:
    async with connected() as (client, broker):
        waiting = asyncio.create_task(client.submit(ask()))
        (record,) = await broker.has(topics.REQUESTS, 1)
        assert "x-reply-partition" not in dict(record.headers)
        sent = failed(codec.decode_request(record.value).id)
        await reply(broker, sent)
        assert await waiting == sent


@pytest.mark.parametrize(
    ("settings", "missing", "words"),
    [
        ({"reply_topic": "llm.replies.gone"}, {"llm.replies.gone"}, "doesn't exist"),
        ({"reply_partition": 4}, set[str](), "has 4 partitions, none with number 4"),
    ],
)
async def test_a_reply_topic_of_no_use_is_told_at_the_start(
    settings: dict[str, object], missing: set[str], words: str
) -> None:
    broker = MemoryBroker()
    broker.missing |= missing
    client = RouterClient(broker, ClientSettings.model_validate(settings))
    with pytest.raises(ReplyTopicError, match=words):
        async with client.listening():
            pass
