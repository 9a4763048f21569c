import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract import Chunk, Failed, codec
from producers.contract.codec import DecodeError
from producers.inbox import Inbox, RecentIds, StreamProgress, read_reply
from producers.kafka.broker import Partition, Record
from tests.waiting import suspended


def chunk(run: int, seq: int) -> Chunk:
    return Chunk(id="r", run=run, seq=seq, delta={"content": f"{run}.{seq} "})


def heard(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    progress = StreamProgress()
    return [part for part in parts if progress.accepts(chunk(*part))]


def test_a_chunk_that_comes_twice_is_heard_once() -> None:
    assert heard([(1, 0), (1, 0), (1, 1), (1, 0), (1, 2)]) == [(1, 0), (1, 1), (1, 2)]


def test_a_higher_run_starts_over_and_voids_the_lower() -> None:
    assert heard([(1, 0), (1, 1), (2, 0), (1, 2), (2, 1)]) == [(1, 0), (1, 1), (2, 0), (2, 1)]


def test_the_end_is_always_heard() -> None:
    progress = StreamProgress()
    progress.accepts(chunk(9, 9))
    assert progress.accepts(Failed(id="r", code="cancelled", message="", retryable=False))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5))))
def test_what_is_heard_is_whole_beginnings_of_rising_runs(parts: list[tuple[int, int]]) -> None:
    result = heard(parts)
    assert result == sorted(set(result))
    for run in {run for run, _ in result}:
        numbers = [seq for one, seq in result if one == run]
        assert numbers == list(range(len(numbers)))


def test_a_stream_that_was_under_way_before_is_not_heard_from_its_middle() -> None:
    """A client that started anew has asked again, under the id of the request that goes on."""
    assert heard([(0, 3), (0, 4), (2, 1), (3, 0), (3, 1)]) == [(3, 0), (3, 1)]


@given(st.lists(st.integers(0, 9).map(str), max_size=60))
def test_recent_remembers_the_last_ids(ids: list[Any]) -> None:
    recent = RecentIds(capacity=10)
    assert [recent.add(one) for one in ids] == [
        one not in ids[:number] for number, one in enumerate(ids)
    ]


def test_recent_forgets_the_oldest() -> None:
    recent = RecentIds(capacity=2)
    assert [recent.add(one) for one in "abcab"] == [True, True, True, True, True]


def test_a_reply_of_a_version_that_is_not_known_cannot_be_read() -> None:
    value = codec.encode(Failed(id="r", code="cancelled", message="", retryable=False))
    later = Record(Partition("t", 0), 0, None, value, [("x-schema", b"switchgear/3")], 0)
    with pytest.raises(DecodeError, match="switchgear/3"):
        read_reply(later)


async def test_a_reader_gets_what_came_before_it_asked_and_what_comes_after() -> None:
    inbox, end = Inbox(), Failed(id="r", code="cancelled", message="", retryable=False)
    inbox.put(chunk(1, 0))
    assert await inbox.get() == chunk(1, 0)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(inbox.get())
        await suspended(reading)
        inbox.put(end)
    assert reading.result() == end


async def test_a_reader_who_has_gone_takes_nothing_with_it() -> None:
    inbox = Inbox()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await inbox.get()
    inbox.put(chunk(1, 0))
    inbox.put(chunk(1, 1))
    assert [await inbox.get(), await inbox.get()] == [chunk(1, 0), chunk(1, 1)]


async def test_after_the_deadline_a_reader_waits_no_more() -> None:
    inbox = Inbox()
    inbox.expire_at(asyncio.get_running_loop().time())
    with pytest.raises(TimeoutError):
        await inbox.get()
