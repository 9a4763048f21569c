import json
from dataclasses import replace

import pytest

from producers.contract import codec, topics
from producers.kafka.broker import Outgoing, Partition, PublishFailedError, Record, WriteRefusal
from runtime.process.dead_letters import (
    CUT,
    REPLAYED,
    DeadLetterFilter,
    DeadLetterIndex,
    LetterOffset,
    bury,
    dead_letter,
    read_dead_letter,
    replay_records,
)

REQUEST = Record(
    Partition("llm.tier.economy", 3),
    77,
    b"key",
    b'{"request": "the prompt"}',
    (
        (codec.CORRELATION_ID, b"r-1"),
        (codec.TENANT_HEADER, b"acme"),
        (codec.REPLY_TO, b"llm.replies"),
        ("traceparent", b"00-1-2-01"),
        ("x-of-the-sender", b"kept"),
        (codec.ATTEMPT, b"2"),
        (codec.VISITED, b"economy"),
        (codec.DEADLINE, b"1"),
        (codec.SUBMITTED, b"1"),
    ),
    1_000,
)


def buried(
    record: Record = REQUEST, reason: str = "internal_error", offset: int = 0, at_ms: int = 5_000
) -> Record:
    letter = dead_letter(record, reason, "it broke")
    place = Partition(letter.topic, 0)
    return Record(place, offset, letter.key, letter.value, letter.headers, at_ms)


def test_a_letter_says_where_it_lay_and_why_it_failed() -> None:
    letter = read_dead_letter(buried())
    assert (letter.reason, letter.detail) == ("internal_error", "it broke")
    assert letter.origin == "llm.tier.economy:3:77"
    assert (letter.tenant, letter.request_id) == ("acme", "r-1")
    assert letter.size == len(REQUEST.value)


def test_a_replay_keeps_id_key_and_trace_and_begins_its_tries_anew() -> None:
    again, _ = replay_records(buried(), past_router=True)
    assert (again.topic, again.key, again.value) == ("llm.tier.economy", b"key", REQUEST.value)
    assert dict(again.headers) == {
        codec.CORRELATION_ID: b"r-1",
        codec.TENANT_HEADER: b"acme",
        codec.REPLY_TO: b"llm.replies",
        "traceparent": b"00-1-2-01",
        "x-of-the-sender": b"kept",
    }


def test_what_waited_for_its_retry_goes_to_the_queue_it_waited_for() -> None:
    waiting = Record(
        Partition("llm.retry.1000", 0),
        5,
        b"key",
        b"{}",
        ((codec.TARGET, b"llm.tier.standard"), (codec.DUE, b"9")),
        1_000,
    )
    again, _ = replay_records(buried(waiting), past_router=True)
    assert (again.topic, list(again.headers)) == ("llm.tier.standard", [])


def test_a_senders_own_target_leads_no_replay_past_the_router() -> None:
    headers = [*REQUEST.headers, (codec.TARGET, b"llm.tier.premium")]
    for topic in ("llm.requests", "llm.tier.economy"):
        letter = buried(replace(REQUEST, partition=Partition(topic, 0), headers=headers))
        again, _ = replay_records(letter, past_router=True)
        assert (again.topic, read_dead_letter(letter).topic) == (topic, topic)


@pytest.mark.parametrize("mark", [b"junk", b"", b"0:", b"9" * 5_000 + b":1", b"\xff"])
def test_a_mark_that_names_no_place_hides_no_letter(mark: bytes) -> None:
    letters = DeadLetterIndex()
    letters.add(replace(buried(), headers=[(REPLAYED, mark)]))
    letters.add(buried(offset=1))
    assert LetterOffset(0, 1) in {letter.place for letter in letters.all()}
    assert all(letter.replayed_ms is None for letter in letters.all())


def test_a_senders_word_for_its_queue_counts_nowhere() -> None:
    """Only on a retry topic is `x-target` ours."""
    steered = replace(REQUEST, headers=[*REQUEST.headers, (codec.TARGET, b"llm.tier.frontier")])
    assert read_dead_letter(buried(steered)).topic == "llm.tier.economy"
    sent = replace(steered, partition=Partition(topics.REQUESTS, 0))
    for past_router in (True, False):
        assert replay_records(buried(sent), past_router=past_router)[0].topic == topics.REQUESTS


def test_a_replay_goes_through_the_router_without_the_route_it_had() -> None:
    request = {"id": "r-1", "tenant": "acme", "body": {"messages": [{"role": "user"}], "x": 1}}
    route: dict[str, object] = {
        "tier": "frontier",
        "task": None,
        "difficulty": 0,
        "reasons": [],
        "candidates": [],
    }
    tagged = json.dumps({"route": route, "request": request}).encode()
    again, _ = replay_records(buried(replace(REQUEST, value=tagged)))
    assert again.topic == topics.REQUESTS
    assert json.loads(again.value) == request
    own = replace(REQUEST, partition=Partition("llm.requests.acme", 1))
    assert replay_records(buried(own))[0].value == REQUEST.value


def test_what_holds_no_request_goes_past_the_router_or_nowhere() -> None:
    with pytest.raises(ValueError, match="no request"):
        replay_records(buried())


def test_what_is_nobodys_is_never_replayed_and_proofs_stay_behind() -> None:
    with pytest.raises(ValueError, match="whose it is"):
        replay_records(buried(reason="forbidden"), past_router=True)
    proven = [*REQUEST.headers, (codec.TENANT_TOKEN, b"ey.."), (codec.SIGNATURE, b"ab")]
    names = {name for name, _ in buried(replace(REQUEST, headers=proven)).headers}
    assert not names & {codec.TENANT_TOKEN, codec.SIGNATURE}


@pytest.mark.parametrize("topic", ["llm.usage", "llm.dlq", "somewhere.else", "llm.replies"])
def test_a_letter_is_replayed_to_a_queue_only(topic: str) -> None:
    stray = Record(Partition(topic, 0), 0, None, b"", (), 0)
    with pytest.raises(ValueError, match=topic):
        replay_records(buried(stray), past_router=True)


def test_a_replayed_letter_is_marked() -> None:
    letters = DeadLetterIndex()
    first, second = buried(offset=0), buried(offset=1)
    _, mark = replay_records(first, past_router=True)
    letters.add(first)
    letters.add(second)
    letters.add(Record(Partition(mark.topic, 0), 2, mark.key, mark.value, mark.headers, 9_000))
    assert [letter.replayed_ms for letter in letters.all()] == [9_000, None]
    unplayed = DeadLetterFilter(replayed=False)
    assert [letter.place for letter in letters.all() if unplayed.fits(letter)] == [
        LetterOffset(0, 1)
    ]


def test_a_mark_is_no_letter_even_when_its_letter_is_gone() -> None:
    letters = DeadLetterIndex()
    _, mark = replay_records(buried(), past_router=True)
    letters.add(Record(Partition(mark.topic, 0), 2, mark.key, mark.value, mark.headers, 9_000))
    assert letters.all() == []


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (DeadLetterFilter(), True),
        (DeadLetterFilter(reason="internal_error", tenant="acme"), True),
        (DeadLetterFilter(reason="invalid_request"), False),
        (DeadLetterFilter(tenant="other"), False),
        (DeadLetterFilter(since_ms=5_000, until_ms=5_001), True),
        (DeadLetterFilter(since_ms=5_001), False),
        (DeadLetterFilter(until_ms=5_000), False),
        (DeadLetterFilter(places=frozenset({LetterOffset(0, 0)})), True),
        (DeadLetterFilter(places=frozenset({LetterOffset(0, 1)})), False),
    ],
)
def test_letters_are_chosen_by_reason_tenant_time_and_place(
    wanted: DeadLetterFilter,
    fits: bool,  # noqa: FBT001
) -> None:
    assert wanted.fits(read_dead_letter(buried())) is fits


def test_a_second_burial_tells_of_the_last_place_only() -> None:
    again, _ = replay_records(buried(), past_router=True)
    record = Record(Partition(again.topic, 1), 99, again.key, again.value, again.headers, 6_000)
    names = [name for name, _ in buried(record).headers if name.startswith("x-dlq-")]
    assert len(names) == len(set(names))
    assert read_dead_letter(buried(record)).origin == "llm.tier.economy:1:99"


@pytest.mark.parametrize("text", ["", "0", "a:1", "0:-1", ":"])
def test_a_place_is_a_partition_and_an_offset(text: str) -> None:
    with pytest.raises(ValueError, match="dead letter"):
        LetterOffset.parse(text)
    assert LetterOffset.parse("0:42") == LetterOffset(0, 42)


def test_queues_are_told_from_other_topics() -> None:
    assert topics.is_queue(topics.REQUESTS)
    assert topics.is_queue(topics.tier_topic("economy", "eu"))
    assert not topics.is_queue(topics.REPLIES)


class SmallTopic:
    """Takes no record of more than `most` bytes, headers included."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.letters: list[Outgoing] = []

    async def publish(self, *outgoing: Outgoing) -> None:
        for letter in outgoing:
            headers = sum(len(name) + len(value or b"") for name, value in letter.headers)
            if len(letter.value) + len(letter.key or b"") + headers > self.most:
                raise PublishFailedError(letter.topic, "too large", refusal=WriteRefusal.TOO_LARGE)
            self.letters.append(letter)


@pytest.mark.parametrize("large", ["value", "key", "headers"])
async def test_a_letter_that_is_too_large_is_cut_and_says_so(large: str) -> None:
    record = Record(
        Partition("llm.requests", 1),
        99,
        b"k" * (2_000_000 if large == "key" else 1),
        b"v" * (16_000_000 if large == "value" else 1),
        [("n" * 9, b"h" * 9_000)] * (1_000 if large == "headers" else 1),
        1,
    )
    topic = SmallTopic(100_000)
    await bury(topic, record, "request_too_large", "why")
    (letter,) = topic.letters
    buried_record = Record(
        Partition(letter.topic, 0), 5, letter.key, letter.value, letter.headers, 1
    )
    assert read_dead_letter(buried_record).origin == "llm.requests:1:99"
    assert read_dead_letter(buried_record).reason == "request_too_large"
    note = codec.header(letter.headers, CUT)
    assert note == f"the first 1,000 of {len(record.value):,} bytes"
    with pytest.raises(ValueError, match="too large to be kept"):
        replay_records(replace(buried_record, headers=[*letter.headers, TO_A_QUEUE]))
    await bury(topic, replace(record, key=None, value=b"small", headers=[]), "x", "why")
    assert topic.letters[-1].value == b"small"
    assert codec.header(topic.letters[-1].headers, CUT) is None


TO_A_QUEUE = (codec.TARGET, b"llm.tier.economy")


def test_a_replay_past_the_router_brings_no_calls_that_were_booked_already() -> None:
    tagged = {"route": {"tier": "economy"}, "request": {"id": "r-1"}, "attempts": [{"x": 1}]}
    letter = buried(replace(REQUEST, value=json.dumps(tagged).encode()))
    again, _ = replay_records(letter, past_router=True)
    assert json.loads(again.value) == {**tagged, "attempts": []}
    for odd in (b'"attempts"', b'["attempts"]', b'{"attempts":', b'{"attempts": []}'):
        again, _ = replay_records(buried(replace(REQUEST, value=odd)), past_router=True)
        assert again.value == odd
