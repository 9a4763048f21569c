import asyncio
from functools import partial
from typing import Any

import pytest

from producers.contract import Chunk, codec
from producers.contract.reply_address import ReplyAddress
from producers.kafka.broker import Outgoing, PublishFailedError
from tests.waiting import until
from workers.delivery.chunk_stream import ChunkPublisher


class SlowTopic:
    """A publisher that takes a record when it is let."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.asked = asyncio.Event()
        self.may = asyncio.Event()
        self.broken = False

    async def publish(self, *outgoing: Outgoing) -> None:
        self.asked.set()
        await self.may.wait()
        if self.broken:
            raise PublishFailedError(outgoing[0].topic, "gone", permanent=True)
        for record in outgoing:
            chunk = codec.decode_reply(record.value)
            assert isinstance(chunk, Chunk)
            self.chunks.append(chunk)

    def has(self, number: int) -> bool:
        """Whether so many records came."""
        return len(self.chunks) == number


def pump_to(topic: SlowTopic) -> ChunkPublisher:
    return ChunkPublisher(topic, ReplyAddress("replies"), "r", 7, [])


def text(content: str) -> dict[str, Any]:
    return {"content": content}


async def test_what_arrives_meanwhile_is_merged_in_order() -> None:
    topic = SlowTopic()
    pump = pump_to(topic)
    await pump.emit({"role": "assistant", "content": "a"})
    await topic.asked.wait()
    for letter in "bcd":
        await pump.emit(text(letter))
    topic.may.set()
    await pump.flush()
    assert [chunk.delta["content"] for chunk in topic.chunks] == ["a", "bcd"]
    assert [(chunk.run, chunk.seq) for chunk in topic.chunks] == [(7, 0), (7, 1)]
    assert pump.characters == 4


async def test_a_fast_topic_gets_every_token_by_itself() -> None:
    topic = SlowTopic()
    topic.may.set()
    pump = pump_to(topic)
    for number, letter in enumerate("abc", start=1):
        await pump.emit(text(letter))
        await until(partial(topic.has, number))
    await pump.flush()
    assert [chunk.delta["content"] for chunk in topic.chunks] == ["a", "b", "c"]


async def test_texts_of_another_kind_and_tool_calls_are_not_merged() -> None:
    topic = SlowTopic()
    pump = pump_to(topic)
    calls = [{"index": 0, "function": {"arguments": "{"}}]
    deltas = [
        text("x"),
        {"reasoning_content": "a"},
        {"reasoning_content": "b"},
        text("c"),
        {"tool_calls": calls},
        {"tool_calls": calls},
    ]
    for delta in deltas:
        await pump.emit(delta)
    topic.may.set()
    await pump.flush()
    merged = [text("x"), {"reasoning_content": "ab"}, text("c"), *[{"tool_calls": calls}] * 2]
    assert [chunk.delta for chunk in topic.chunks] == merged


async def test_a_topic_that_is_gone_is_told_at_the_latest_when_flushed() -> None:
    topic = SlowTopic()
    topic.broken = True
    topic.may.set()
    pump = pump_to(topic)
    await pump.emit(text("a"))
    with pytest.raises(PublishFailedError):
        await pump.flush()


async def test_nothing_emitted_is_nothing_seen() -> None:
    topic = SlowTopic()
    pump = pump_to(topic)
    assert not pump.emitted
    await pump.flush()
    assert topic.chunks == []
    await pump.emit(text("a"))
    assert pump.emitted
    topic.may.set()
    await pump.flush()
