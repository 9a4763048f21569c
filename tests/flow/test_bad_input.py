"""Every bad input of a sender: a clear error to where it may be sent, and nothing is lost."""

import json
from typing import Any
from uuid import UUID

import pytest

from producers.contract import Attempt, Done, Failed, Request, Route, Usage, codec, topics
from producers.contract.codec import DecodeError, to_headers
from producers.contract.route import TaggedRequest
from producers.kafka.broker import Outgoing, WriteRefusal
from runtime.limits import HEADERS
from tests.fakes import answer
from tests.flow.stage import Stage, ask, playing
from workers.providers.base.call_outcome import CallOutcome
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit


def request(**changes: object) -> bytes:
    body = {"messages": [{"role": "user", "content": "a secret prompt"}]}
    return json.dumps({"id": "r1", "tenant": "t", "body": body, **changes}).encode()


SIXTEEN = bytes(range(16))


def sorted_by_name(**fields: object) -> bytes:
    """A request that can't be read, whose id comes behind its long body."""
    call = {"id": "call_1", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": "x" * 70_000, "tool_calls": [call]}
    body = {"messages": [message], "temperature": "hot"}
    return json.dumps({"body": body, **fields}).encode()


async def refused(stage: Stage, value: bytes, reply_to: str | None = None) -> Failed:
    await stage.send(value, correlation_id="r1", reply_to=reply_to)
    (reply,) = await stage.replies()
    assert isinstance(reply, Failed)
    assert reply.id == "r1"
    assert not reply.retryable
    assert "secret" not in reply.message
    assert stage.calls == []
    return reply


@pytest.mark.parametrize("digits", [19, 400, 4_000])
@pytest.mark.parametrize(
    "name",
    ["max_tokens", "max_completion_tokens", "n", "top_logprobs", "seed", "temperature", "thinking"],
)
@pytest.mark.parametrize("routing", [{"deadline_ms": 60_000}, {"max_ttft_ms": 60_000}, {}])
async def test_a_number_beyond_all_breaks_nobody(
    name: str, digits: int, routing: dict[str, Any]
) -> None:
    number = 10**digits
    value: Any = {"type": "enabled", "budget_tokens": number} if name == "thinking" else number
    body = {"messages": [{"role": "user", "content": "x"}], name: value}
    async with playing() as stage:
        await stage.send(request(body=body, routing=routing), correlation_id="r1", reply_to=None)
        (reply,) = await stage.replies()
        assert isinstance(reply, Done) or reply.code != "internal_error", reply


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"not JSON \xff", "request: the record: Invalid JSON"),
        (b"", "request: the record: Invalid JSON"),
        (b"[]", "request: the record: Input should be an object"),
        (request(body={"messages": "a secret"}), "body.messages: Input should be a valid array"),
        (request(body={"messages": []}), "body.messages: List should have at least 1 item"),
        (request(tenant=7), "tenant: Input should be a valid string"),
        (request(routing={"max_cost_usd": "1e999999"}), "routing.max_cost_usd: Input should be"),
    ],
)
async def test_what_cannot_be_read_is_kept_and_its_sender_told(value: bytes, words: str) -> None:
    async with playing() as stage:
        reply = await refused(stage, value)
        assert reply.code == "invalid_request"
        assert words in reply.message
        assert stage.dead_letters() == [(value, "invalid_request")]


async def test_five_megabytes_of_text() -> None:
    async with playing() as stage:
        value = request(body={"messages": [{"role": "user", "content": "x" * 5_000_000}]})
        reply = await refused(stage, value)
        assert reply.code == "request_too_large"
        assert "at most 1,000,000" in reply.message
        assert stage.dead_letters() == [(value, "request_too_large")]


@pytest.mark.parametrize(
    ("value", "key", "headers", "identifier"),
    [
        (b'{"id": "mine", "tenant": "t", "body": ', b"k", [], "mine"),
        (request(id="mine", tenant=7), b"k", [], "mine"),
        (b"not JSON", b"mine", [], "mine"),
        (b"[" * 100_000, b"mine", [], "mine"),
        (b"{}", b"\xff", [("kafka_correlationId", SIXTEEN)], str(UUID(bytes=SIXTEEN))),
        (b"{}", None, [("kafka_correlationId", b"as-text")], "as-text"),
        (b'\x00\x00\x00\x00\x07{"id": "mine", ', b"k", [], "mine"),
        (b'\xef\xbb\xbf{"id": "mine"}', b"k", [], "mine"),
        (b'{"id": 42, "tenant": "t"}', b"k", [], "42"),
        (b"{}", b'\x00\x00\x00\x00\x07"mine"', [], "mine"),
        (b"{'tenant': 't', oops, \"id\" : \"mine\"", b"\xff", [], "mine"),
        (sorted_by_name(id="mine", tenant="t"), b"chat", [], "mine"),
        (sorted_by_name(id="mine", routing={"tags": {"id": "1"}}), b"chat", [], "mine"),
        (sorted_by_name(id=42, tenant="t") + b"\n", b"chat", [], "42"),
        (sorted_by_name(tenant="t"), b"mine", [], "mine"),
        (sorted_by_name(x=[{"id": "another"}] * 99, id="mine"), b"chat", [], "mine"),
        (json.dumps(request(id="mine").decode()).encode(), b"\xff", [], "mine"),
        (b"{}", b"\xff", [("x-reply-nonce", b"n"), ("kafka_correlationId", b"as-text")], "as-text"),
    ],
)
async def test_an_id_is_found_wherever_it_is(
    value: bytes, key: bytes | None, headers: list[tuple[str, bytes]], identifier: str
) -> None:
    async with playing() as stage:
        await stage.broker.publish(Outgoing(topics.REQUESTS, value, key, headers))
        (reply,) = await stage.replies()
        assert (reply.id, reply.code) == (identifier, "invalid_request")


async def test_who_sent_it_is_unknown_so_only_the_bytes_are_kept() -> None:
    async with playing() as stage:
        await stage.send(b"not JSON", key=b"\xff")
        await stage.broker.has(topics.DEAD_LETTERS, 1)
        await stage.client.submit(ask())  # the router goes on
        assert stage.dead_letters() == [(b"not JSON", "invalid_request")]
        assert {reply.id for reply in await stage.replies()} != {"r1"}


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"routing": {"tier": "ecconomy"}}, "unknown_tier", "Did you mean 'economy'?"),
        ({"body": {"model": "smal", "messages": [{"role": "user"}]}}, "unknown_model", "'small'?"),
        ({"tenant": "stranger"}, "unknown_tenant", "'stranger'"),
        ({"routing": {"residency": ["moon"]}}, "no_deployment_fits", "moon"),
    ],
)
async def test_what_cannot_be_had_is_refused_with_what_can(
    changes: dict[str, Any], code: str, words: str
) -> None:
    async with playing() as stage:
        reply = await refused(stage, request(**changes), reply_to="llm.replies")
        assert reply.code == code
        assert words in reply.message
        assert stage.dead_letters() == []


@pytest.mark.parametrize("topic", ["llm.usage", "llm.tier.economy", "somebody.elses", ".."])
async def test_a_reply_topic_that_is_not_the_tenants(topic: str) -> None:
    async with playing() as stage:
        reply = await refused(stage, request(), reply_to=topic)
        assert reply.code == "reply_to_not_allowed"
        assert "llm.replies.*" in reply.message
        assert stage.dead_letters() == [(request(), "reply_to_not_allowed")]
        assert stage.broker.written(topic) == [] or topic == topics.USAGE


async def test_headers_that_are_no_times_are_as_if_they_were_absent() -> None:
    async with playing() as stage:
        await stage.send(
            request(), correlation_id="²", x_deadline="9" * 5000, x_submitted="9" * 5000
        )
        (reply,) = await stage.replies()
        assert isinstance(reply, Done)


async def test_an_id_that_no_request_can_have_stops_nobody() -> None:
    async with playing() as stage:
        await stage.send(b"not JSON", key=b"\xff", correlation_id="²", x_deadline="9" * 5000)
        await stage.broker.has(topics.DEAD_LETTERS, 1)
        await stage.broker.until(lambda: sum(stage.broker.committed("router").values()) == 1)


async def test_what_the_router_reads_and_the_worker_cannot_is_answered() -> None:
    async with playing() as stage:
        headers = to_headers({"correlation_id": "r1"})
        await stage.broker.publish(Outgoing("llm.tier.economy", b"{}", b"r1", headers))
        (reply,) = await stage.replies()
        assert isinstance(reply, Failed)
        assert reply.code == "invalid_request"
        assert stage.dead_letters() == [(b"{}", "invalid_request")]


async def test_a_retry_without_a_target_is_kept() -> None:
    async with playing() as stage:
        await stage.broker.publish(Outgoing(topics.retry_topic_name(1000), b"?", b"k"))
        await stage.broker.has(topics.DEAD_LETTERS, 1)
        assert stage.dead_letters() == [(b"?", "invalid_request")]


async def test_a_handler_that_crashes_keeps_the_record_and_tells_its_sender() -> None:
    async def script(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        raise KeyError("a secret prompt")

    async with playing({"eco-a": script}) as stage:
        reply = await stage.client.submit(ask("a secret prompt"))
        assert isinstance(reply, Failed)
        assert reply.code == "internal_error"
        ((value, reason),) = stage.dead_letters()
        assert b"a secret prompt" in value
        assert reason == "internal_error"
        detail = dict(stage.broker.written(topics.DEAD_LETTERS)[0].headers)["x-dlq-detail"]
        assert b"KeyError in" in detail
        assert b"secret" not in detail
    assert stage.answers.open == 0


async def test_a_dead_letter_that_cannot_be_written_yet_is_not_lost() -> None:
    async def script(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        stage.broker.refuse(topics.DEAD_LETTERS, WriteRefusal.NO_TOPIC)
        raise KeyError

    async with playing({"eco-a": script}) as stage:
        sent = ask()
        await stage.client.publish(sent)
        await stage.broker.until(lambda: bool(stage.calls))
        stage.broker.accept(topics.DEAD_LETTERS)
        (reply,) = await stage.replies()
        assert (reply.id, reply.code) == (sent.id, "internal_error")
        assert len(stage.dead_letters()) == 1


async def test_a_reply_topic_that_does_not_exist_is_told_on_the_shared_one() -> None:
    async with playing() as stage:
        stage.broker.refuse("llm.replies.nowhere", WriteRefusal.NO_TOPIC)
        await stage.send(request(), correlation_id="r1", reply_to="llm.replies.nowhere")
        (reply,) = await stage.replies()
        assert isinstance(reply, Failed)
        assert reply.code == "reply_to_not_allowed"
        assert len(stage.dead_letters()) == 1


async def test_what_cannot_be_answered_is_refused_before_it_costs_anything() -> None:
    async with playing() as stage:
        stage.broker.missing.add("llm.replies.nowhere")
        reply = await refused(stage, request(), reply_to="llm.replies.nowhere")
        assert reply.code == "reply_to_not_allowed"
        assert "'llm.replies.nowhere' doesn't exist" in reply.message
        assert stage.dead_letters() == [(request(), "reply_to_not_allowed")]


async def test_without_the_shared_reply_topic_nothing_is_called() -> None:
    async with playing() as stage:
        stage.broker.missing.add(topics.REPLIES)
        await stage.send(request(), correlation_id="r1")
        await stage.broker.has(topics.DEAD_LETTERS, 1)
        await stage.broker.until(lambda: sum(stage.broker.committed("router").values()) == 1)
        assert stage.dead_letters() == [(request(), "reply_to_not_allowed")]
        assert stage.broker.written(topics.REPLIES) == []
        assert stage.calls == []


@pytest.mark.parametrize("gone", [["llm.replies.mine"], ["llm.replies.mine", topics.REPLIES]])
async def test_a_reply_topic_that_vanishes_in_the_queue_is_refused_before_the_call(
    gone: list[str],
) -> None:
    earlier = Attempt(deployment="eco-a", outcome="timeout", usage=Usage(input=7))
    tagged = TaggedRequest(
        route=Route(tier="economy"),
        request=Request.model_validate_json(request()),
        attempts=(earlier,),
    )
    async with playing() as stage:
        stage.broker.missing.update(gone)
        headers = to_headers({"correlation_id": "r1", "reply_to": "llm.replies.mine"})
        await stage.broker.publish(
            Outgoing("llm.tier.economy", codec.encode(tagged), b"r1", headers)
        )
        (event,) = await stage.events()
        assert event.outcome == "reply_to_not_allowed"
        assert event.attempts == (earlier,)
        assert [reason for _, reason in stage.dead_letters()] == ["reply_to_not_allowed"]
        written = stage.broker.written(topics.REPLIES)
        assert len(written) == (topics.REPLIES not in gone)
        assert stage.broker.written("llm.replies.mine") == []
        assert stage.calls == []


async def test_a_partition_that_is_not_there_is_told_on_the_topic() -> None:
    async with playing() as stage:
        await stage.send(request(), reply_to="llm.replies.mine", x_reply_partition=4)
        (reply,) = await stage.replies(topic="llm.replies.mine")
        assert isinstance(reply, Failed)
        assert "has 4 partitions, so none with number 4" in reply.message
        assert stage.calls == []


@pytest.mark.parametrize(
    ("name", "value", "topic"),
    [
        ("x-reply-partition", b"\x00\x00\x00\x03", "llm.replies.mine"),
        ("kafka_replyPartition", b"3", "llm.replies.mine"),
        ("reply_to", b"llm.replies.\xe4", topics.REPLIES),
    ],
)
async def test_an_address_that_cannot_be_read_is_refused_before_it_costs(
    name: str, value: bytes, topic: str
) -> None:
    headers = {"reply_to": b"llm.replies.mine", name: value}
    async with playing() as stage:
        await stage.broker.publish(Outgoing(topics.REQUESTS, request(), b"r1", [*headers.items()]))
        (reply,) = await stage.replies(topic=topic)
        assert reply.code == "reply_to_not_allowed"
        assert reply.message.startswith(f"{name}: ")
        assert stage.calls == []
        assert stage.dead_letters() == [(request(), "reply_to_not_allowed")]


async def test_an_answer_of_no_use_to_the_client_is_an_error_of_the_client() -> None:
    sent: list[Request] = []

    async def script(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        for partition in range(stage.broker.partitions):
            poison = Outgoing(topics.REPLIES, b"{}", sent[0].id.encode(), partition=partition)
            await stage.broker.publish(poison)
        return answer()

    async with playing({"eco-a": script}) as stage:
        sent.append(ask())
        with pytest.raises(DecodeError, match="reply: "):
            await stage.client.submit(sent[0])


async def test_a_request_with_too_many_headers_is_kept_and_refused() -> None:
    async with playing() as stage:
        many: dict[str, Any] = {f"h{n}": "v" for n in range(HEADERS.value)}
        await stage.send(request(), correlation_id="r1", **many)
        (reply,) = await stage.replies()
        assert isinstance(reply, Failed)
        assert reply.code == "invalid_request"
        assert reply.message == "headers of a request: 101 headers, at most 100 may be"
        assert stage.dead_letters() == [(request(), "invalid_request")]


async def test_what_cannot_be_read_is_told_on_the_topic_that_a_tenant_may_name() -> None:
    async with playing() as stage:
        await stage.send(b"not JSON", correlation_id="r1", reply_to="llm.replies.mine")
        (reply,) = await stage.replies(topic="llm.replies.mine")
        assert isinstance(reply, Failed)
        assert reply.code == "invalid_request"
        await stage.send(b"not JSON", correlation_id="r2", reply_to="elsewhere")
        (reply,) = await stage.replies()
        assert reply.id == "r2"
        assert stage.broker.written("elsewhere") == []
