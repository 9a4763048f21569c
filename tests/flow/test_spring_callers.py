"""Callers with Spring Kafka's headers: a `ReplyingKafkaTemplate` works unchanged."""

import json

import pytest

from producers.contract import Chunk, Done, Failed, codec, topics
from producers.kafka.broker import Outgoing, Record
from tests.fakes import answer
from tests.flow.stage import Stage, playing
from workers.providers.base.call_outcome import CallOutcome, RateLimited
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

CORRELATION = bytes(range(240, 256))
SPRING = [
    ("kafka_replyTopic", b"llm.replies.java"),
    ("kafka_replyPartition", (3).to_bytes(4, "big")),
    ("kafka_correlationId", CORRELATION),
]


def request(**body: object) -> bytes:
    messages = [{"role": "user", "content": "Hi"}]
    return json.dumps({"id": "r1", "tenant": "t", "body": {"messages": messages, **body}}).encode()


async def in_pieces(_call: ProviderRequest, emit: Emit | None) -> CallOutcome:
    if emit is not None:
        await emit({"content": "4"})
    return answer("42")


async def busy(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
    return RateLimited(message="busy", wait_s=60)


async def ask_as_spring(stage: Stage, value: bytes, *more: tuple[str, bytes]) -> None:
    await stage.broker.publish(Outgoing(topics.REQUESTS, value, None, [*SPRING, *more]))


def assert_springs(*records: Record) -> None:
    for record in records:
        assert record.partition == ("llm.replies.java", 3)
        assert dict(record.headers)["kafka_correlationId"] == CORRELATION


async def test_the_answer_comes_back_with_the_same_bytes_on_its_partition() -> None:
    async with playing() as stage:
        await ask_as_spring(stage, request())
        (record,) = await stage.broker.has("llm.replies.java", 1)
        assert isinstance(codec.decode_reply(record.value), Done)
        assert_springs(record)


@pytest.mark.parametrize(
    ("more", "kinds"), [((), [Done]), ((("x-reply-chunks", b"true"),), [Chunk, Done])]
)
async def test_a_stream_is_one_record_unless_chunks_are_asked_for(
    more: tuple[tuple[str, bytes], ...], kinds: list[type]
) -> None:
    async with playing({"eco-a": in_pieces}) as stage:
        await ask_as_spring(stage, request(stream=True), *more)
        await stage.events(1)
        records = await stage.broker.has("llm.replies.java", len(kinds))
        assert_springs(*records)
        found = [type(codec.decode_reply(record.value)) for record in records]
        assert list(dict.fromkeys(found)) == kinds


@pytest.mark.parametrize("value", [b"not JSON", request(model="nobody")])
async def test_a_refusal_comes_back_too(value: bytes) -> None:
    async with playing() as stage:
        await ask_as_spring(stage, value)
        (record,) = await stage.broker.has("llm.replies.java", 1)
        assert isinstance(codec.decode_reply(record.value), Failed)
        assert_springs(record)


async def test_what_is_handed_over_is_still_its_callers() -> None:
    async with playing({"eco-a": busy, "eco-b": busy}) as stage:
        await ask_as_spring(stage, request())
        (record,) = await stage.broker.has("llm.replies.java", 1)
        assert_springs(record)
        assert stage.called()[-1] == "c"
