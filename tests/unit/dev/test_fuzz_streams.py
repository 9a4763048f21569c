"""A bounded run of the stream fuzzer, and that it sees what it is for."""

from random import Random

import pytest

from dev.fuzz_streams.damage import DAMAGES, Damaged
from dev.fuzz_streams.laws import attempt, chunked, violations
from dev.fuzz_streams.reading import message_of, read
from dev.fuzz_streams.recordings import DIALECTS, framed, parsed, recordings


@pytest.mark.parametrize("dialect", DIALECTS)
def test_damage_is_an_answer_or_one_clear_failure_in_any_split(dialect: str) -> None:
    attempts = [attempt(dialect, 13, number) for number in range(3_000)]
    assert [each for each in attempts if each[2]] == []
    assert {damage for damage, _, _ in attempts} == {damage.__name__ for damage in DAMAGES}
    assert {"the same answer", "answer", "malformed", "StreamTruncated"} <= {
        ending for _, ending, _ in attempts
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_recording_in_any_split_is_the_same_answer(dialect: str) -> None:
    random = Random(7)
    for recording in recordings(dialect):
        assert recording.said > 40
        sizes = [[recording.stream[n : n + 1] for n in range(len(recording.stream))]]
        sizes += [chunked(random, recording.stream) for _ in range(20)]
        for chunks in sizes:
            ending = read(DIALECTS[dialect], chunks)
            assert ending.answer is not None
            assert message_of(ending.answer) == recording.message


@pytest.mark.parametrize("dialect", DIALECTS)
def test_events_are_taken_apart_and_put_together_again(dialect: str) -> None:
    for recording in recordings(dialect):
        events = []
        for event in recording.events:
            body = parsed(dialect, event)
            events.append(event if body is None else framed(dialect, body))
        ending = read(DIALECTS[dialect], events)
        assert ending.answer is not None
        assert message_of(ending.answer) == recording.message


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_that_lacks_an_event_is_seen_as_shorter(dialect: str) -> None:
    recording = recordings(dialect)[0]
    without = [event for event in recording.events if b"synchronisieren" not in event]
    assert len(without) == len(recording.events) - 1
    ending = read(DIALECTS[dialect], without)
    lost = Damaged(b"".join(without), 0)
    assert violations(recording, lost, ending, ending) == [
        "shorter by 16 characters, and told as an answer"
    ]
    other = read(DIALECTS[dialect], recording.events)
    assert any("split" in law for law in violations(recording, lost, ending, other))
