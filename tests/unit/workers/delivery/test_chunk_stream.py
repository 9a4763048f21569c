import asyncio
from functools import partial
from typing import Any

import pytest

from producers.contract import Chunk, codec
from producers.contract.reply_address import ReplyAddress
from producers.kafka.broker import Outgoing, PublishFailedError, WriteRefusal
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
            raise PublishFailedError(outgoing[0].topic, "gone", refusal=WriteRefusal.NO_TOPIC)
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


SIGNED = {"anthropic": {"delta": {"type": "signature_delta", "signature": "s"}}}
THOUGHT = {"reasoning_content": "hm", "anthropic": {"block": {"type": "thinking", "thinking": ""}}}


@pytest.mark.parametrize(
    ("delta", "binds"),
    [
        ({"role": "assistant", "reasoning_content": "hm"}, False),
        ({"role": "assistant", "content": "", "tool_calls": None}, False),
        (THOUGHT, False),
        (SIGNED, False),
        ({"anthropic": {"block": {"type": "redacted_thinking", "data": "x"}}}, False),
        ({"anthropic": {"block": {"type": "server_tool_use", "name": "search"}}}, True),
        ({"anthropic": {"block": {"type": "text", "text": ""}, **SIGNED["anthropic"]}}, True),
        ({"reasoning_content": "hm", "content": "a"}, True),
        ({"tool_calls": [{"index": 0, "function": {"name": "f"}}]}, True),
    ],
)
async def test_words_and_calls_bind_and_thoughts_do_not(
    delta: dict[str, Any], *, binds: bool
) -> None:
    topic = SlowTopic()
    topic.may.set()
    pump = pump_to(topic)
    await pump.emit(delta)
    assert pump.emitted is binds
    await pump.flush()


async def test_another_call_begins_a_higher_run_once_the_void_one_is_told() -> None:
    topic = SlowTopic()
    topic.may.set()
    pump = pump_to(topic)
    await pump.restart()  # nothing is void yet
    await pump.emit(THOUGHT)
    await pump.emit(SIGNED)
    await pump.restart()
    await pump.emit(text("a"))
    await pump.flush()
    assert [(chunk.run, chunk.seq) for chunk in topic.chunks] == [(7, 0), (7, 1), (8, 0)]
