"""Does a follower of a topic outlive a record that its receiver cannot take?"""

import asyncio
import logging
from typing import cast

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from producers.kafka.aiokafka_broker import _read_forever, to_record
from producers.kafka.broker import Record
from producers.kafka.loop_turns import LoopTurns
from runtime import limits


class OnePoll:
    """Gives its records once, then ends as a cancelled follower does."""

    def __init__(self, *values: bytes) -> None:
        self._polls = [[raw(offset, value) for offset, value in enumerate(values)]]

    async def getmany(
        self, timeout_ms: int
    ) -> dict[TopicPartition, list["ConsumerRecord[bytes, bytes]"]]:
        if not self._polls:
            raise asyncio.CancelledError(timeout_ms)
        return {TopicPartition("t", 0): self._polls.pop()}


def raw(offset: int, value: bytes) -> "ConsumerRecord[bytes, bytes]":
    return ConsumerRecord("t", 0, offset, 0, 0, b"k", value, None, 1, len(value), ())


async def test_a_record_that_cannot_be_taken_is_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    taken: list[bytes] = []

    def receive(record: Record) -> None:
        if record.value.startswith(b"bad"):
            raise ValueError(record.value)
        taken.append(record.value)

    caplog.set_level(logging.WARNING)
    with pytest.raises(asyncio.CancelledError):
        await _read_forever(
            cast("AIOKafkaConsumer", OnePoll(b"one", b"bad secret", b"two")), receive
        )
    assert taken == [b"one", b"two"]
    assert "a record of t was passed over: ValueError" in caplog.text
    assert "secret" not in caplog.text


async def test_others_run_between_many_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoopTurns, "over", lambda _: True)
    seen: list[str] = []

    async def other() -> None:
        while len(seen) < 5:
            seen.append("other")
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    with pytest.raises(asyncio.CancelledError):
        await _read_forever(
            cast("AIOKafkaConsumer", OnePoll(b"one", b"two")),
            lambda record: seen.append(record.value.decode()),
        )
    await beside
    assert seen[:4] == ["other", "one", "other", "two"]


def test_of_headers_by_the_thousand_the_first_are_looked_at() -> None:
    headers = [(str(number), b"") for number in range(64_000)]
    record = ConsumerRecord("t", 0, 1, 0, 0, b"k", b"v", None, 1, 1, headers)
    read = to_record(record).headers
    assert [name for name, _ in read] == [str(number) for number in range(1_024)]
    assert len(read) > limits.HEADERS.value
